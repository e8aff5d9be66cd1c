"""Daemon: the composition root."""
