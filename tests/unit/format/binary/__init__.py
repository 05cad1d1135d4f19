"""Tests of `baler_root.format.binary`."""
