"""Firmware projects, their tests and their report."""
