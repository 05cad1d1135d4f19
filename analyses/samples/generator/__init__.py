"""Collisions: which processes there are, and the particles that they make."""
