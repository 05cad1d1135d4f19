"""Limits of the format, which bound the memory of a reader (formats/container.md#limits)."""

from __future__ import annotations

MAX_MANIFEST_LENGTH = 1 << 28
"""Most bytes of a decoded manifest."""


MAX_PAGE_LENGTH = 1 << 28
"""Most bytes of the decoded columns of a page, and of its directory."""


MAX_COLUMN_LENGTH = 1 << 28
"""Most values of a column in one cluster."""


MAX_EXPANSION = 1 << 16
"""Largest ratio of decoded to compressed size of a zstd frame; zstd itself stays below it."""
