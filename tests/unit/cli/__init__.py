"""Tests of `baler_root.cli`."""
