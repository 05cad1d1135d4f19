"""Branches as ROOT stores them: their bytes, their descriptions, and how values become bytes."""
