"""Blocks, footer and manifest of a file."""
