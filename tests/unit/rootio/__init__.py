"""Tests of `baler_root.rootio`."""
