"""Helpers of several tests: the command line, comparisons, events, models, files that lie."""
