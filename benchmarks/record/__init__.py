"""Measured jobs, and results stored as CSV and JSON."""
