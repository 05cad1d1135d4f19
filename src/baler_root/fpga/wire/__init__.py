"""Packets of latents on a wire (formats/wire.md): sent, received, and decoded to `.baler` files."""
