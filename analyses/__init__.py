"""Analyses that are rerun on decompressed data, and samples to run them on; importable as `baler_root.analyses`."""
