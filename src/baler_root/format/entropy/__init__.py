"""Entropy coding with integer distributions."""
