"""Lookups: columns of few integers given by a table, such as flags from other flags
(formats/pages.md#lookups)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint, pack_zigzag
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind
from baler_root.format.encodings.computed import ComputedEncoding
from baler_root.format.encodings.outliers import Outliers

MAX_COMBINATIONS = 256
"""Most values in the table of a lookup."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A column of integers or booleans, given by a table for each combination of the values of its
    sources."""

    sources: tuple[int, ...]
    keys: tuple[tuple[int, ...], ...] = ()
    """Values of each source that the table knows, increasing; empty in a plan, since each cluster has its own
    table."""
    table: tuple[int, ...] = ()
    """Value of the column for each combination of keys, those of the last source varying fastest."""

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The column, of `dtype`; 0 in rows with a value that the table does not know.

        Raises CorruptFileError unless all columns are integers or booleans.
        """
        if dtype.kind not in "bui" or not all(values.dtype.kind in "bui" for values in sources):
            raise CorruptFileError(f"a column of {dtype} looked up by {[str(v.dtype) for v in sources]}")
        row = np.zeros(len(sources[0]), np.int64)
        in_table = np.ones(len(row), bool)
        for keys, values in zip(self.keys, sources, strict=True):
            sorted_keys, wide = np.array(keys, np.int64), values.astype(np.int64)
            index = np.minimum(np.searchsorted(sorted_keys, wide), len(sorted_keys) - 1)
            in_table &= sorted_keys[index] == wide
            row = row * len(sorted_keys) + index
        return np.where(in_table, np.array(self.table, dtype)[row], dtype.type(0))

    def text(self, names: Sequence[str]) -> str:
        """The lookup in plain text, with these names of its sources: `lookup(a, b)`."""
        return f"lookup({', '.join(names)})"

    def to_bytes(self, dtype: np.dtype[Any]) -> bytes:
        """Bytes that `from_bytes` reads, for a column of type `dtype`."""
        data = bytearray(pack_varint(len(self.sources)))
        for source, keys in zip(self.sources, self.keys, strict=True):
            data += pack_varint(source) + pack_varint(len(keys)) + pack_zigzag(keys[0])
            for low, high in itertools.pairwise(keys):
                data += pack_varint(high - low - 1)
        return bytes(data) + np.array(self.table, dtype).tobytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, dtype: np.dtype[Any]) -> Self:
        """The lookup at the cursor, for a column of type `dtype`; raises FormatError."""
        sources, keys, size = [], [], 1
        for _ in range(cursor.varint()):
            sources.append(cursor.varint())
            count = cursor.varint()
            size *= count
            if not 1 <= size <= MAX_COMBINATIONS:
                raise CorruptFileError(f"a lookup of {size} combinations")
            source_keys = [cursor.zigzag()]
            for _ in range(count - 1):
                source_keys.append(source_keys[-1] + 1 + cursor.varint())
            if source_keys[-1] >= 1 << 63:
                raise CorruptFileError(f"a lookup by {source_keys[-1]}, which no source can be")
            keys.append(tuple(source_keys))
        if not sources:
            raise CorruptFileError("a lookup of no columns")
        if dtype.kind not in "bui":
            raise CorruptFileError(f"a lookup of {dtype}")
        table = np.frombuffer(cursor.take(size * dtype.itemsize), dtype)
        if dtype.kind == "b" and table.view(np.uint8).max() > 1:
            raise CorruptFileError("a boolean that is neither 0 nor 1")
        return cls(tuple(sources), tuple(keys), tuple(map(int, table.tolist())))

    def encoding(self, length: int, outliers: Outliers) -> LookupEncoding:
        """The encoding of a column of `length` values that follows this lookup but for its outliers."""
        return LookupEncoding(length, self, outliers)


@dataclass(frozen=True, slots=True, eq=False)
class LookupEncoding(ComputedEncoding[Lookup]):
    """A column of integers or booleans given by a lookup, with outliers."""

    kind: ClassVar[ColumnKind] = ColumnKind.LOOKUP
    any_source: ClassVar[bool] = True
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        return self.relation.to_bytes(self.outliers.values.dtype) + self.outliers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        relation = Lookup.from_bytes(cursor, column.dtype)
        return cls(length, relation, Outliers.from_bytes(cursor, length, column.dtype))
