"""Tables and plots of README.md and docs/, from stored results: `python -m benchmarks publish`."""
