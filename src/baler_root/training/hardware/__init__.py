"""Limits of encoders for firmware."""
