"""Tests of `baler_root.format.entropy`."""
