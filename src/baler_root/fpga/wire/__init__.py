"""Packets of latents on a wire (formats/wire.md): sent by a software board, received, and decoded to `.baler` files."""
