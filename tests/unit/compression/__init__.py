"""Tests of `baler_root.compression`: rules, quantisation, relations, interpolation, learning."""
