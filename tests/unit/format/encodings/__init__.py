"""Tests of `baler_root.format.encodings`."""
