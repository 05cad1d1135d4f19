"""Interpolation of fixed-size arrays from coarse to fine (formats/pages.md#interpolation).

Values are multiples of a step finer than the bound. Points half-way between known ones are predicted by a
cubic through four of them, axis by axis and level by level. A symbol is the error of the prediction in units
as large as the bound allows. Differences of symbols would carry the rounding of each symbol; here only
predictions are rounded, and a prediction better than the bound costs nothing. Everything is computed in
integers, so every reader gets the same bits.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint

LIMIT = 1 << 52
"""Largest magnitude of a point: exact in a double, and no sum in a prediction reaches 2**57."""


MAX_CORRECTION = 1 << 54
"""Largest magnitude of a symbol times its unit: far below 2**63 even with a prediction added."""


MAX_UNIT = 1 << 20
"""Largest unit."""


MAX_UNITS = 32
"""Most units, one for each level."""


_HEAD = struct.Struct("<dB")


class Pass(NamedTuple):
    """Points that are predicted together, half-way between known points along one axis."""

    level: int
    axis: int
    part: tuple[slice, ...]
    """Part of the grid in which known and predicted points alternate along the axis."""

    def known_points(self, grid: NDArray[Any]) -> NDArray[Any]:
        """A view of the known points, with the axis first."""
        return np.moveaxis(grid[self.part], self.axis, 0)[:: 2 << self.level]

    def targets(self, grid: NDArray[Any]) -> NDArray[Any]:
        """A view of the points that are predicted, with the axis first."""
        return np.moveaxis(grid[self.part], self.axis, 0)[1 << self.level :: 2 << self.level]


def passes(shape: Sequence[int], axes: Sequence[int]) -> Iterator[Pass]:
    """All passes, from coarse to fine, along each of `axes` in turn; points at 0 on all `axes` are known
    before."""
    longest = max((shape[axis] for axis in axes), default=1)
    for level in reversed(range((longest - 1).bit_length())):
        for position, axis in enumerate(axes):
            if shape[axis] > 1 << level:
                steps = dict.fromkeys(axes[:position], 1 << level) | dict.fromkeys(
                    axes[position + 1 :], 2 << level
                )
                yield Pass(level, axis, tuple(slice(None, None, steps.get(i)) for i in range(len(shape))))


def predicted(points: Ints, length: int) -> Ints:
    """Predictions for the first `length` points half-way between known `points`: cubic, linear near the ends,
    and the last point itself after the end."""
    predictions = points[:length].copy()
    right = points[1 : length + 1]
    between = len(right)
    predictions[:between] = (predictions[:between] + right + 1) >> 1
    if between > 2:
        a, b, c, d = (points[i : between - 2 + i] for i in range(4))
        predictions[1 : between - 1] = (9 * (b + c) - a - d + 8) >> 4
    return predictions


class Rows(IntEnum):
    """Use of one row in the prediction of others."""

    INDEPENDENT = 0
    """Each row is interpolated by itself."""
    PREDICTED = 1
    """Rows also predict the rows between them, as the last step of each level."""
    ERRORS_INTERPOLATED = 2
    """Rows predict the rows between them, and the errors of these predictions are interpolated within each
    row, since neighbouring points have similar errors."""


@dataclass(frozen=True, slots=True)
class Interpolation:
    """The rule that turns symbols into values, except for the shape of the arrays."""

    step: float
    """Distance of the points: values are its multiples."""
    rows: Rows
    units: tuple[int, ...]
    """Steps per unit of a symbol at each level, finest level first; the last one is for all further
    levels."""

    def symbols(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
        """Unsigned integers from which the method `values` gives `values` back, for arrays of this shape.

        NaN, infinite values and values beyond `LIMIT` become their predictions. None if a prediction or a
        symbol is beyond its limit.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            points = values.astype(np.float64) / self.step
            points[~(np.abs(points) < LIMIT // 2)] = np.nan
        target = _grid(points, shape)
        multipliers: list[Ints] = []
        try:
            self._encode(target, self._axes(target.ndim), self.units, multipliers)
        except CorruptFileError:
            return None
        numbers = np.concatenate(multipliers)
        folded = (numbers << 1 ^ numbers >> 63).view(np.uint64)
        largest = int(folded.max(initial=0))
        return folded.astype(np.min_scalar_type(largest)) if self._allows(largest) else None

    def values(self, symbols: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The values, flat; raises CorruptFileError for symbols that do not fit the shape or are beyond a
        limit."""
        row = math.prod(shape)
        if len(symbols) % max(1, row) or (len(symbols) and not row):
            raise CorruptFileError(f"{len(symbols)} values are not a whole number of arrays of shape {shape}")
        if not len(symbols):
            return np.zeros(0, dtype)
        if not self._allows(int(symbols.max())):
            raise CorruptFileError(f"symbol {symbols.max()} leads off the lattice")
        points = _grid(np.zeros(len(symbols), np.int64), shape)
        self._decode(points, self._axes(points.ndim), self.units, _SignedNumbers(symbols))
        values = points.reshape(-1).astype(np.float64)
        with np.errstate(over="ignore"):
            values *= self.step
            return values.astype(dtype, copy=False)

    def _encode(
        self, values: NDArray[np.float64], axes: Sequence[int], units: Sequence[int], multipliers: list[Ints]
    ) -> Ints:
        """The points that a reader gets for `values`; the numbers to store as symbols are appended to
        `multipliers`."""
        points = np.zeros(values.shape, np.int64)
        corner = _corner(values.ndim, axes)
        points[corner] = _nearest(values[corner], units[-1], multipliers)
        _check(points[corner])
        for step in passes(values.shape, axes):
            target, unit = step.targets(points), units[min(step.level, len(units) - 1)]
            prediction = predicted(step.known_points(points), len(target))
            errors = step.targets(values) - prediction.astype(np.float64)
            if step.axis == 0 and self.rows is Rows.ERRORS_INTERPOLATED:
                target[...] = prediction + self._encode(errors, axes[:-1], (unit,), multipliers)
            else:
                target[...] = prediction + _nearest(errors, unit, multipliers)
            _check(target)
        return points

    def _decode(
        self, points: Ints, axes: Sequence[int], units: Sequence[int], symbols: _SignedNumbers
    ) -> None:
        """Fill a grid of zeros with points from symbols."""
        corner = _corner(points.ndim, axes)
        points[corner] = units[-1] * symbols.take(points[corner].shape)
        _check(points[corner])
        for step in passes(points.shape, axes):
            target, unit = step.targets(points), units[min(step.level, len(units) - 1)]
            prediction = predicted(step.known_points(points), len(target))
            if step.axis == 0 and self.rows is Rows.ERRORS_INTERPOLATED:
                errors = np.zeros(target.shape, np.int64)
                self._decode(errors, axes[:-1], (unit,), symbols)
            else:
                errors = unit * symbols.take(target.shape)
            target[...] = prediction + errors
            _check(target)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """Interpolated axes in order: rows come last, since they predict best and the last axis has most
        points."""
        return tuple(range(1, ndim)) if self.rows is Rows.INDEPENDENT else (*range(1, ndim), 0)

    def _allows(self, symbol: int) -> bool:
        """Whether a symbol is small enough for 64-bit integers, whatever the prediction."""
        return (symbol + 1 >> 1) * max(self.units) <= MAX_CORRECTION

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        units = b"".join(map(pack_varint, self.units))
        return _HEAD.pack(self.step, self.rows) + pack_varint(len(self.units)) + units

    @classmethod
    def from_bytes(cls, cursor: Cursor) -> Self:
        """The interpolation at the cursor; raises FormatError."""
        step, rows = _HEAD.unpack(cursor.take(_HEAD.size))
        count = cursor.varint()
        if not (step > 0 and math.isfinite(step)) or rows not in tuple(Rows) or not 0 < count <= MAX_UNITS:
            raise CorruptFileError(f"an interpolation with step {step}, {count} units, rows of kind {rows}")
        units = tuple(cursor.varint() for _ in range(count))
        if not all(0 < unit <= MAX_UNIT for unit in units):
            raise CorruptFileError(f"an interpolation in units of {units}")
        return cls(step, Rows(rows), units)


class _SignedNumbers:
    """Symbols as signed numbers: 0, -1, 1, -2, … for 0, 1, 2, 3, …"""

    def __init__(self, symbols: NDArray[Any]) -> None:
        self._symbols, self._offset = symbols, 0

    def take(self, shape: tuple[int, ...]) -> Ints:
        """The next numbers, as an array of this shape."""
        start, self._offset = self._offset, self._offset + math.prod(shape)
        wide = self._symbols[start : self._offset].astype(np.int64)
        return np.asarray(wide >> 1 ^ -(wide & 1)).reshape(shape)


def _grid(flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """An array of rows and axes, without axes of length 1: there may be more of these than NumPy allows."""
    return flat.reshape(-1, *(length for length in shape if length > 1))


def _corner(ndim: int, axes: Sequence[int]) -> tuple[slice, ...]:
    """The points that no pass predicts."""
    return tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(ndim))


def _nearest(values: NDArray[np.float64], unit: int, multipliers: list[Ints]) -> Ints:
    """The nearest multiples of the unit, 0 for NaN; the factors are appended to `multipliers`."""
    rounded = np.rint(values / unit)
    rounded[np.isnan(rounded)] = 0
    multipliers.append(rounded.astype(np.int64).reshape(-1))
    return unit * rounded.astype(np.int64)


def _check(points: Ints) -> None:
    if points.size and not (int(points.min()) >= -LIMIT and int(points.max()) <= LIMIT):
        raise CorruptFileError("an interpolated column leaves its lattice")
