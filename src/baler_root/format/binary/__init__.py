"""Varints, packed bytes, bit patterns, portable functions."""
