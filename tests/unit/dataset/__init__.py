"""Tests of `baler_root.dataset`."""
