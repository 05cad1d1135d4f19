"""Fits models to the symbols of a table."""
