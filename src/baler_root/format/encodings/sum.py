"""Sums: columns that add or subtract others (formats/pages.md#sums)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import one_nan
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind
from baler_root.format.encodings.computed import ComputedEncoding
from baler_root.format.encodings.outliers import Outliers

MAX_TERMS = 16
"""Most terms of a sum, and most arguments of a formula."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum or difference of columns."""

    terms: tuple[tuple[int, int], ...]
    """Sign (1 or -1) and number of the column, for each term."""

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the columns that are added."""
        return tuple(column for _, column in self.terms)

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The sum as a column of `dtype`: integers modulo its range, floats in double precision from left to
        right.

        Raises CorruptFileError for columns that cannot be added.
        """
        exact = dtype.kind in "iu"
        if not all(values.dtype.kind in ("bui" if exact else "f") for values in sources) or dtype.kind == "b":
            raise CorruptFileError(f"a column of {dtype} as a sum of {[str(v.dtype) for v in sources]}")
        total: Values = np.zeros(len(sources[0]), np.int64 if exact else np.float64)
        with np.errstate(all="ignore"):
            for (sign, _), values in zip(self.terms, sources, strict=True):
                term = values.astype(total.dtype)
                total = total + term if sign > 0 else total - term
            return (total if exact else one_nan(total)).astype(dtype)

    def text(self, names: Sequence[str]) -> str:
        """The sum in plain text, with these names of its sources: `a + b - c`."""
        terms = zip(self.terms, names, strict=True)
        text = "".join(f" {'+' if sign > 0 else '-'} {name}" for (sign, _), name in terms)
        return text.removeprefix(" + ").strip()

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        terms = (bytes([sign < 0]) + pack_varint(column) for sign, column in self.terms)
        return pack_varint(len(self.terms)) + b"".join(terms)

    @classmethod
    def from_bytes(cls, cursor: Cursor) -> Self:
        """The sum at the cursor; raises FormatError."""
        terms = []
        for _ in range(read_count(cursor, "sum")):
            sign = cursor.byte()
            if sign > 1:
                raise CorruptFileError(f"a sign of {sign}")
            terms.append((1 - 2 * sign, cursor.varint()))
        return cls(tuple(terms))

    def encoding(self, length: int, outliers: Outliers) -> SumEncoding:
        """The encoding of a column of `length` values that is this sum but for its outliers."""
        return SumEncoding(length, self, outliers)


@dataclass(frozen=True, slots=True, eq=False)
class SumEncoding(ComputedEncoding[Sum]):
    """A column computed as a sum of earlier ones, with outliers."""

    kind: ClassVar[ColumnKind] = ColumnKind.SUM
    any_source: ClassVar[bool] = False
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        return self.relation.to_bytes() + self.outliers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        return cls(length, Sum.from_bytes(cursor), Outliers.from_bytes(cursor, length, column.dtype))


def read_count(cursor: Cursor, relation: str) -> int:
    """The number of columns in a sum or formula; CorruptFileError unless it is from 1 to `MAX_TERMS`."""
    count = cursor.varint()
    if not 1 <= count <= MAX_TERMS:
        raise CorruptFileError(f"a {relation} of {count} columns")
    return count
