"""Measured sizes, speed and memory: rivals at their best settings, whole files, equal bounds, data kept."""
