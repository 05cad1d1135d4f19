"""Generators of collisions: processes, and the particles they produce."""
