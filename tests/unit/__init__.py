"""Tests of modules; the folders mirror `src/baler_root`, and `benchmarks/`."""
