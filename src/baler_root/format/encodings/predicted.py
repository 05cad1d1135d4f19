"""Predicted columns: a formula of the decoded values of other columns predicts the values, and symbols count
the steps from each prediction to the value (formats/pages.md#predicted-columns)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import MANTISSA_BITS, one_nan
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import SYMBOL_SIZES, ColumnKind
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import FUNCTIONS, Doubles
from baler_root.format.encodings.grid import MAX_STEPS, Grid, GridKind
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.residual import apply_residual

MAX_LIMIT = (1 << 14) - 1
"""Most steps from a prediction to a value."""


MAX_SPECIAL = 64
"""Most special values."""


_KINDS: tuple[GridKind, ...] = ("shift", "linear", "log")
_SIZE = struct.Struct("<d")


@dataclass(frozen=True, slots=True)
class PredictionGrid:
    """Points around a prediction, which is one of them, for columns of `dtype`.

    `shift`: the bit patterns whose last `size` bits are zero. `linear`: the prediction plus multiples of
    `size`. `log`: the prediction times powers of two, `size` points per octave.
    """

    kind: GridKind
    dtype: np.dtype[Any]
    size: int | float

    def values(self, predictions: Doubles, steps: NDArray[np.int64]) -> Values:
        """The points that lie `steps` away from the predictions."""
        with np.errstate(all="ignore"):
            if self.kind == "shift":
                return apply_residual(predictions.astype(self.dtype), steps, int(self.size))
            if self.kind == "log":
                factors = Grid("log", np.dtype(np.float64), self.size).values(steps)
                return one_nan(predictions * factors).astype(self.dtype)
            if self.dtype.kind == "f":
                return one_nan(predictions + steps.astype(np.float64) * self.size).astype(self.dtype)
            whole = np.rint(np.where(np.isnan(predictions), 0.0, predictions))
            moved = np.clip(whole, -(2.0**53), 2.0**53).astype(np.int64) + steps * int(self.size)
            limits = np.iinfo(self.dtype)
            return np.asarray(np.clip(moved, limits.min, min(limits.max, (1 << 63) - 1)), self.dtype)

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        size = _SIZE.pack(self.size) if self._has_step else pack_varint(int(self.size))
        return bytes([1 + _KINDS.index(self.kind)]) + size

    @classmethod
    def from_bytes(cls, cursor: Cursor, dtype: np.dtype[Any]) -> Self:
        """The grid of a column of `dtype`; raises FormatError."""
        code = cursor.byte()
        if not 1 <= code <= len(_KINDS):
            raise CorruptFileError(f"unknown kind of grid {code} of a prediction")
        kind = _KINDS[code - 1]
        is_step = kind == "linear" and dtype.kind == "f"
        size: int | float = _SIZE.unpack(cursor.take(_SIZE.size))[0] if is_step else cursor.varint()
        grid = cls(kind, dtype, size)
        if not grid.is_valid:
            raise CorruptFileError(f"a {kind} grid of {size} for a prediction of {dtype}")
        return grid

    @property
    def is_valid(self) -> bool:
        """Whether a file may have this grid."""
        if self.dtype.kind == "f":
            if self.kind == "linear":
                return math.isfinite(self.size) and self.size > 0
            return (
                self.size <= MANTISSA_BITS[self.dtype.itemsize]
                if self.kind == "shift"
                else 1 <= self.size <= MAX_STEPS
            )
        return self.dtype.kind in "iu" and self.kind == "linear" and 1 <= self.size <= 1 << 32

    @property
    def max_limit(self) -> int:
        """Most steps from a prediction; factors of log grids stay finite."""
        return min(MAX_LIMIT, 1022 * int(self.size)) if self.kind == "log" else MAX_LIMIT

    @property
    def _has_step(self) -> bool:
        """Whether the size is a distance of floats."""
        return self.kind == "linear" and self.dtype.kind == "f"


@dataclass(frozen=True, slots=True, eq=False)
class PredictedEncoding:
    """A column predicted by a formula, with the steps from predictions to values as symbols.

    Symbols from `-limit` to `limit` are steps; those above stand for the special values.
    """

    kind: ClassVar[ColumnKind] = ColumnKind.PREDICTED
    any_source: ClassVar[bool] = True
    computed_sources: ClassVar[bool] = True
    length: int
    relation: Formula
    grid: PredictionGrid
    symbol_dtype: np.dtype[Any]
    """Type of the symbols, signed integers."""
    limit: int
    special: Values
    """Special values, exact, in the column's type."""
    outliers: Outliers
    """Outliers in the column's type."""
    symbol_shape: tuple[int, ...] = ()

    @property
    def sources(self) -> tuple[int, ...]:
        """See `ColumnEncoding.sources`."""
        return self.relation.sources

    @property
    def list_sources(self) -> tuple[int, ...]:
        """See `ColumnEncoding.list_sources`."""
        return self.relation.sources[1:] if FUNCTIONS[self.relation.function].reduces else ()

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return len(self.outliers)

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        return b"".join(
            (
                self.relation.to_bytes(),
                self.grid.to_bytes(),
                bytes([self.symbol_dtype.itemsize]),
                pack_varint(self.limit),
                pack_varint(len(self.special)),
                self.special.tobytes(),
                self.outliers.to_bytes(),
            )
        )

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        relation = Formula.from_bytes(cursor)
        grid = PredictionGrid.from_bytes(cursor, column.dtype)
        itemsize, limit, count = cursor.byte(), cursor.varint(), cursor.varint()
        if itemsize not in SYMBOL_SIZES:
            raise CorruptFileError(f"steps of {itemsize} bytes")
        if limit > grid.max_limit or count > MAX_SPECIAL:
            raise CorruptFileError(f"{limit} steps from a prediction and {count} special values")
        special = np.frombuffer(cursor.take(count * column.dtype.itemsize), column.dtype)
        outliers = Outliers.from_bytes(cursor, length, column.dtype)
        dtype = np.dtype(f"i{itemsize}")
        return cls(length, relation, grid, dtype, limit, special, outliers, column.shape)

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`."""
        if symbols is None:
            raise CorruptFileError("a predicted column without symbols")
        steps = symbols.astype(np.int64)
        if len(steps) and not -self.limit <= int(steps.min()) <= int(steps.max()) <= self.limit + len(
            self.special
        ):
            raise CorruptFileError(
                f"steps from {steps.min()} to {steps.max()} where {self.limit} and {len(self.special)} special values are"
            )
        special = np.flatnonzero(steps > self.limit)
        numbers = steps[special] - self.limit - 1
        steps[special] = 0
        predictions = self.relation.doubles(sources)
        if len(predictions) != len(steps):
            raise CorruptFileError(f"{len(predictions)} predictions for {len(steps)} values")
        values = self.grid.values(predictions, steps)
        values[special] = self.special[numbers]
        return self.outliers.put_into(values)

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """See `ColumnEncoding.with_exact`."""
        return replace(self, outliers=self.outliers.including(positions, original))
