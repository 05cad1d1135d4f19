"""Codecs that store latents."""
