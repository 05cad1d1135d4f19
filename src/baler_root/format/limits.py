"""Carried out of container.layout."""

from __future__ import annotations

# formats/container.md#limits
MAX_MANIFEST_LENGTH = 1 << 28


MAX_PAGE_LENGTH = 1 << 28


MAX_COLUMN_LENGTH = 1 << 28


MAX_EXPANSION = 1 << 16
"""A zstd frame may decode to at most this many times its size (zstd itself stays below it)."""
