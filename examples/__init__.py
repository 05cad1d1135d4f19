"""Worked examples of firmware: `python -m examples.jets`, `python -m examples.econt`."""
