"""Error bounds against physics."""
