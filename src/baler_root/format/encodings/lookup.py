"""Lookups: integers of few values that follow from those of others, such as flags from other flags.

formats/pages.md#lookups is the specification.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint, pack_zigzag

Values = NDArray[Any]


MAX_COMBINATIONS = 256
"""Rows of a lookup's table."""


MAX_SHARE = 0.5
"""Of what the values say, in bits, that a lookup and what it misses may cost: a codec would need less than all."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column of integers or booleans that is told by the values of others: a table of what comes with which of these."""

    sources: tuple[int, ...]
    keys: tuple[tuple[int, ...], ...] = ()
    """The values that the table has of each source, increasing; none before `filled`."""
    table: tuple[int, ...] = ()
    """The column's value for each combination, the last source varying fastest."""

    def filled(self, sources: Sequence[Values], values: Values) -> Self | None:
        """With the table that fits these rows best; None where it costs more than it is worth."""
        if not all(column.dtype.kind in "bui" for column in (values, *sources)):
            return None
        found = [few_values(column) for column in sources]
        own = few_values(values)
        if own is None or (shape := combinations(found)) is None:
            return None
        listed, codes = own
        known = [column for column in found if column is not None]
        place = np.ravel_multi_index([codes for _, codes in known], shape)
        counts = np.bincount(place * len(listed) + codes, minlength=math.prod(shape) * len(listed))
        counts = counts.reshape(-1, len(listed))
        table = listed[counts.argmax(axis=1)].astype(values.dtype)
        keys = tuple(tuple(listed.tolist()) for listed, _ in known)
        lookup = type(self)(self.sources, keys, tuple(map(int, table.tolist())))
        missed = len(values) - int(counts.max(axis=1).sum())
        size = len(lookup.to_bytes(values.dtype)) + missed * (4 + values.dtype.itemsize)
        shares = counts.sum(axis=0) / len(values)
        return lookup if 8 * size <= -MAX_SHARE * len(values) * float(shares @ np.log2(shares)) else None

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The column, of `dtype`; 0 in rows with a value that the table does not have.

        Raises CorruptFileError for what are no integers.
        """
        if dtype.kind not in "bui" or not all(values.dtype.kind in "bui" for values in sources):
            raise CorruptFileError(f"a column of {dtype} looked up by {[str(v.dtype) for v in sources]}")
        place = np.zeros(len(sources[0]), np.int64)
        known = np.ones(len(place), bool)
        for keys, values in zip(self.keys, sources, strict=True):
            listed, wide = np.array(keys, np.int64), values.astype(np.int64)
            at = np.minimum(np.searchsorted(listed, wide), len(listed) - 1)
            known &= listed[at] == wide
            place = place * len(listed) + at
        return np.where(known, np.array(self.table, dtype)[place], dtype.type(0))

    def text(self, names: Sequence[str]) -> str:
        """As people write it, with these names of its sources."""
        return f"lookup({', '.join(names)})"

    def to_bytes(self, dtype: np.dtype[Any]) -> bytes:
        """Bytes that `from_bytes` reads back, for a column of `dtype`."""
        out = bytearray(pack_varint(len(self.sources)))
        for source, keys in zip(self.sources, self.keys, strict=True):
            out += pack_varint(source) + pack_varint(len(keys)) + pack_zigzag(keys[0])
            for low, high in itertools.pairwise(keys):
                out += pack_varint(high - low - 1)
        return bytes(out) + np.array(self.table, dtype).tobytes()

    @classmethod
    def from_bytes(cls, directory: Cursor, dtype: np.dtype[Any]) -> Self:
        """The lookup that comes next; raises FormatError when it makes no sense."""
        sources, keys, size = [], [], 1
        for _ in range(directory.varint()):
            sources.append(directory.varint())
            count = directory.varint()
            size *= count
            if not 1 <= size <= MAX_COMBINATIONS:
                raise CorruptFileError(f"a lookup of {size} combinations")
            listed = [directory.zigzag()]
            for _ in range(count - 1):
                listed.append(listed[-1] + 1 + directory.varint())
            if listed[-1] >= 1 << 63:
                raise CorruptFileError(f"a lookup by {listed[-1]}, which no source can be")
            keys.append(tuple(listed))
        if not sources:
            raise CorruptFileError("a lookup of no columns")
        if dtype.kind not in "bui":
            raise CorruptFileError(f"a lookup of {dtype}")
        table = np.frombuffer(directory.take(size * dtype.itemsize), dtype)
        if dtype.kind == "b" and table.view(np.uint8).max() > 1:
            raise CorruptFileError("a boolean that is neither 0 nor 1")
        return cls(tuple(sources), tuple(keys), tuple(map(int, table.tolist())))


Coded = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The values of a column, each once and increasing, and where among them that of each row is."""


def few_values(column: Values) -> Coded | None:
    """A column of integers or booleans by its values; None if they are more than a table holds."""
    wide = column.astype(np.int64)
    if len(np.unique(wide[: 4 * MAX_COMBINATIONS])) > MAX_COMBINATIONS:
        return None  # most columns, and quickly
    listed, codes = np.unique(wide, return_inverse=True)
    return (listed, codes) if len(listed) <= MAX_COMBINATIONS else None


def combinations(columns: Sequence[Coded | None]) -> tuple[int, ...] | None:
    """How many values each column has; None where the combinations are more than a table holds."""
    shape = tuple(len(column[0]) for column in columns if column is not None)
    fits = len(shape) == len(columns) and math.prod(shape) <= MAX_COMBINATIONS
    return shape if fits else None
