"""Honest numbers: rivals at their best settings, whole files, equal bounds; results are committed as data."""
