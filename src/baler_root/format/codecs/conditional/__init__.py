"""The codec conditional."""
