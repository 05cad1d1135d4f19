"""Analyses and what they select."""
