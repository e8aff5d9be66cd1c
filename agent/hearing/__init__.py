"""Hearing: voice gate, wake words, endpointing, recognition; the ear walks sound through them."""
