"""The benchmarks, one a module: `python -m benchmarks run NAME`."""
