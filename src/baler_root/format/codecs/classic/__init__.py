"""The codec classic."""
