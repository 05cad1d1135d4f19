"""Whole files: one public verb a module."""
