"""The golden files of `formats/vectors` and how they were made: `python -m tests.vectors list`."""
