"""Tests of `baler_root.evaluation` and of the samples it is tried on."""
