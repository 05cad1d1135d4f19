"""Residuals of formulas: differences of floats, counted in steps of bit patterns
(formats/pages.md#formulas)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import MANTISSA_BITS, negatives
from baler_root.format.binary.varint import Cursor
from baler_root.format.encodings.base import SYMBOL_SIZES
from baler_root.format.encodings.grid import Grid, fold, unfold


@dataclass(frozen=True, slots=True)
class FormulaResidual:
    """Format of the steps between the results of a formula and the values of a column."""

    dropped_bits: int
    """Low bits of the patterns that are ignored."""
    dtype: np.dtype[Any]
    """Type of the steps, signed integers."""

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        return bytes([1 + self.dropped_bits, self.dtype.itemsize])

    @classmethod
    def from_bytes(cls, cursor: Cursor, dtype: np.dtype[Any]) -> Self | None:
        """The residual of a column of type `dtype`; None if it has none. Raises FormatError."""
        dropped_bits = cursor.byte() - 1
        if dropped_bits < 0:
            return None
        if dtype.kind != "f" or dropped_bits > MANTISSA_BITS[dtype.itemsize]:
            raise CorruptFileError(f"{dropped_bits} bits dropped from {dtype}")
        itemsize = cursor.byte()
        if itemsize not in SYMBOL_SIZES:
            raise CorruptFileError(f"steps of {itemsize} bytes")
        return cls(dropped_bits, np.dtype(f"i{itemsize}"))


def residual(values: Values, predicted: Values, dropped_bits: int) -> NDArray[np.int64]:
    """Steps from `predicted` to `values`, floats of one type; `apply_residual` goes back.

    A step is a difference of 1 between bit patterns without their last `dropped_bits` bits.
    """
    return _keys(values, dropped_bits) - _keys(predicted, dropped_bits, cut=True)


def apply_residual(predicted: Values, steps: NDArray[np.int64], dropped_bits: int) -> Values:
    """The floats that lie `steps` away from `predicted`."""
    keys = _keys(predicted, dropped_bits, cut=True) + steps
    index, negative = unfold(keys, 0)
    top = (1 << (8 * predicted.dtype.itemsize - 1 - dropped_bits)) - 1
    return Grid("shift", predicted.dtype, dropped_bits).values(index & top, negative)


def _keys(values: Values, dropped_bits: int, *, cut: bool = False) -> NDArray[np.int64]:
    """Integers that grow with the value: patterns rounded (or cut) to fewer bits."""
    grid = Grid("shift", values.dtype, dropped_bits)
    if cut:
        bits = values.view(f"i{values.dtype.itemsize}") & np.iinfo(f"i{values.dtype.itemsize}").max
        return fold(bits.astype(np.int64) >> dropped_bits, negatives(values), 0)
    return fold(grid.index(values)[0], negatives(values), 0)
