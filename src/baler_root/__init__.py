"""Compression for ROOT files with a guaranteed error bound on every value."""

__version__ = "0.1.0"
