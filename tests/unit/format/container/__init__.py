"""Tests of `baler_root.format.container`."""
