"""Tests of `baler_root.fpga` and of the examples of firmware."""
