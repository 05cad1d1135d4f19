"""Tests of `baler_root.training`."""
