"""Finds columns that are functions of others."""
