"""Chooses, learns and reuses models for the tables of a tree."""
