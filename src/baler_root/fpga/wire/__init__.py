"""Packets of latents, sent and received."""
