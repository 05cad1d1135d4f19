"""Analyses: user files with a function `select(events)`, and the results they return."""
