"""Digest of the decoded values of a page, with which every decoder compares what it decoded
(formats/pages.md#digest)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xxhash
from numpy.typing import NDArray


def values_digest(columns: Sequence[NDArray[Any]]) -> int:
    """XXH3-64 of the decoded values of a page's columns, one after another, little-endian."""
    state = xxhash.xxh3_64()
    for values in columns:
        state.update(values.data)
    return state.intdigest()
