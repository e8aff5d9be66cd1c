"""Thinking: local intents and language models."""
