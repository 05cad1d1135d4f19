"""Analyses to repeat on decompressed data, and samples for them; importable as `baler_root.analyses`."""
