"""`Double32_t` and `Float16_t` with a range, which ROOT stores as integers: packed floats
(formats/pages.md#packed-floats).

Such values were computed as `integer * step + low`. The column is stored as those integers if every value
comes back from them bit for bit.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.format.binary.varint import Cursor
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind
from baler_root.format.encodings.quantised import QuantisedEncoding

_STORAGE = re.compile(r"As(?:Double32|Float16)\(([^,]+), ([^,]+), (\d+)")


_STEP_LOW = struct.Struct("<dd")


@dataclass(frozen=True, slots=True)
class PackedFloat:
    """The range of a packed float: values are `float64(integer) * step + low`, cast to the column's type."""

    step: float
    low: float

    @classmethod
    def of(cls, interpretation: str) -> Self | None:
        """The packing of a branch, from uproot's interpretation of it; None if the branch has none."""
        match = _STORAGE.search(interpretation)
        if match is None:
            return None
        low, high, bits = float(match[1]), float(match[2]), int(match[3])
        step = (high - low) / (1 << bits) if bits <= 32 else 0.0
        packing = cls(step, low)
        return packing if high > low and packing.is_valid else None

    @property
    def is_valid(self) -> bool:
        """Whether the step is positive and the values of all 32-bit integers are finite."""
        return self.step > 0 and math.isfinite(self.low + self.step * (1 << 32))

    def integers(self, values: NDArray[Any]) -> NDArray[np.uint32] | None:
        """The integers that give these values; None unless every value comes back bit for bit."""
        if values.dtype.kind != "f":
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            nearest = np.rint((values.astype(np.float64) - self.low) / self.step)
            if not len(nearest) or not (nearest.min() >= 0 and nearest.max() < 1 << 32):
                return None
            integers = nearest.astype(np.uint32)
        unsigned = f"u{values.dtype.itemsize}"
        same = self.values(integers, values.dtype).view(unsigned) == values.view(unsigned)
        return integers if same.all() else None

    def values(self, integers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The values of these integers: one rounded multiplication, one rounded addition, one cast."""
        scaled = integers.astype(np.float64)
        scaled *= self.step
        scaled += self.low
        with np.errstate(over="ignore"):
            return scaled.astype(dtype, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class PackedFloatEncoding:
    """A column of packed floats, stored as its integers."""

    kind: ClassVar[ColumnKind] = ColumnKind.PACKED_FLOAT
    any_source: ClassVar[bool] = False
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()
    sources: ClassVar[tuple[int, ...]] = ()
    packing: PackedFloat
    integers: QuantisedEncoding
    """Encoding of the integers; its quantiser has an unsigned type."""

    @property
    def length(self) -> int:
        """See `ColumnEncoding.length`."""
        return self.integers.length

    @property
    def symbol_dtype(self) -> np.dtype[Any]:
        """See `ColumnEncoding.symbol_dtype`."""
        return self.integers.symbol_dtype

    @property
    def symbol_shape(self) -> tuple[int, ...]:
        """See `ColumnEncoding.symbol_shape`."""
        return self.integers.symbol_shape

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return self.integers.outlier_count

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        return _STEP_LOW.pack(self.packing.step, self.packing.low) + self.integers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        packing = PackedFloat(*_STEP_LOW.unpack(cursor.take(_STEP_LOW.size)))
        valid = column.dtype.kind == "f" and packing.is_valid
        return cls(
            packing,
            QuantisedEncoding.read(cursor, length, column, lambda dtype: valid and dtype.kind == "u"),
        )

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`."""
        return self.packing.values(self.integers.stored(symbols), dtype)

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:  # noqa: ARG002
        """See `ColumnEncoding.with_exact`: packed floats are exact, since a writer checks every value."""
        return self
