"""Keeps uproot from allocating what a misread length claims.

Where a class is streamed in a way that uproot does not expect, it takes other bytes for the length of a
vector and allocates that many elements before it fails: 13 GiB for one 6 kB basket of a PHYSLITE file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SMALL = 1 << 20
"""Lengths up to this are let through whatever is left of the basket: elements may take no bytes at all."""


@contextmanager
def earned_lengths() -> Iterator[None]:
    """While active, reading a vector longer than what is left of its basket raises ValueError."""
    from uproot import containers

    original = containers._read_nested

    def checked(model: Any, length: int, chunk: Any, cursor: Any, *arguments: Any, **options: Any) -> Any:
        remaining = chunk.stop - cursor.index
        if length > max(SMALL, remaining):
            raise ValueError(f"a vector of {length} elements in {remaining} bytes")
        return original(model, length, chunk, cursor, *arguments, **options)

    containers._read_nested = checked
    try:
        yield
    finally:
        containers._read_nested = original
