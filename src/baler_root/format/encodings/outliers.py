"""Outliers: values that are stored exactly, with their positions (formats/pages.md#outliers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint

_GAP = np.dtype("<u4")


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """Values of a column that its symbols or its relation do not give."""

    positions: NDArray[np.int64]
    """Positions in the column, increasing."""
    values: NDArray[Any]
    """The exact values at these positions."""

    @classmethod
    def none(cls, dtype: np.dtype[Any]) -> Self:
        """No outliers, of this type."""
        return cls(np.zeros(0, np.int64), np.zeros(0, dtype))

    def __len__(self) -> int:
        """Number of outliers."""
        return self.positions.size

    def put_into(self, values: NDArray[Any]) -> NDArray[Any]:
        """Write the outliers into `values`, in place, and return it; CorruptFileError if the positions do not
        fit."""
        positions = self.positions
        if positions.size != self.values.size:
            raise CorruptFileError(f"{positions.size} outlier positions for {self.values.size} outliers")
        if positions.size:
            increasing = bool(np.all(positions[1:] > positions[:-1]))
            if not increasing or positions[0] < 0 or positions[-1] >= values.size:
                raise CorruptFileError(f"outlier positions do not increase from 0 to below {values.size}")
            values[positions] = self.values
        return values

    def including(self, positions: NDArray[np.int64], original: NDArray[Any]) -> Self:
        """These outliers and those at further `positions`, with all values taken from the column
        `original`."""
        union = np.union1d(self.positions, positions)
        return type(self)(union, original[union].astype(self.values.dtype, copy=False))

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        gaps = np.diff(self.positions, prepend=0).astype(_GAP)
        return pack_varint(len(gaps)) + gaps.tobytes() + self.values.tobytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, dtype: np.dtype[Any]) -> Self:
        """The outliers, of type `dtype`, of a column of `length` values; raises FormatError."""
        count = cursor.varint()
        if count > length:
            raise CorruptFileError(f"{count} outliers among {length} values")
        gaps = np.frombuffer(cursor.take(count * _GAP.itemsize), dtype=_GAP)
        values = np.frombuffer(cursor.take(count * dtype.itemsize), dtype=dtype)
        return cls(np.cumsum(gaps, dtype=np.int64), values)
