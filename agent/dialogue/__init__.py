"""Dialogue: all behaviour, pure."""
