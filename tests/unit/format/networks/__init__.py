"""Tests of `baler_root.format.networks`."""
