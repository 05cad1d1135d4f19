"""Baler's jets: 24 variables of a jet to 14 latents (README.md)."""
