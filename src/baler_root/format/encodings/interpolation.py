"""Interpolation: a column of fixed-size arrays told from coarse to fine (formats/pages.md#interpolation).

Values lie on a lattice finer than the bound. Points half-way between known ones are predicted by a cubic through
four of these, axis by axis and level by level, and a symbol says how far the prediction is off, in units as large as
the bound allows. Differences of symbols carry the rounding of each; here it is predictions that are rounded, and one
better than the bound costs nothing. All of it is in integers, so that every reader gets the same bits.
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

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint

Ints = NDArray[np.int64]


LIMIT = 1 << 52
"""Largest magnitude of a point. Doubles hold each exactly, and no sum on the way to a prediction reaches 2**57."""


MAX_OFF = 1 << 54
"""Largest magnitude of a symbol times its unit: with a prediction added it is still far below 2**63."""


MAX_UNIT = 1 << 20


MAX_UNITS = 32


_HEAD = struct.Struct("<dB")


class Pass(NamedTuple):
    """Points that are told at once: those half-way between known ones along one axis."""

    level: int
    axis: int
    part: tuple[slice, ...]
    """Of the grid, in which known and wanted points lie along the axis."""

    def known(self, grid: NDArray[Any]) -> NDArray[Any]:
        """A view of the known points, the axis first."""
        return np.moveaxis(grid[self.part], self.axis, 0)[:: 2 << self.level]

    def wanted(self, grid: NDArray[Any]) -> NDArray[Any]:
        """A view of those half-way between them."""
        return np.moveaxis(grid[self.part], self.axis, 0)[1 << self.level :: 2 << self.level]


def passes(shape: Sequence[int], axes: Sequence[int]) -> Iterator[Pass]:
    """From coarse to fine, each axis in its turn; before the first, points are known that are 0 on all `axes`."""
    longest = max((shape[axis] for axis in axes), default=1)
    for level in reversed(range((longest - 1).bit_length())):
        for place, axis in enumerate(axes):
            if shape[axis] > 1 << level:
                steps = dict.fromkeys(axes[:place], 1 << level) | dict.fromkeys(axes[place + 1 :], 2 << level)
                yield Pass(level, axis, tuple(slice(None, None, steps.get(at)) for at in range(len(shape))))


def predicted(known: Ints, length: int) -> Ints:
    """The first `length` points half-way between known ones: cubic, linear at the ends, constant behind the last."""
    out = known[:length].copy()
    right = known[1 : length + 1]
    between = len(right)
    out[:between] = (out[:between] + right + 1) >> 1
    if between > 2:
        a, b, c, d = (known[at : between - 2 + at] for at in range(4))
        out[1 : between - 1] = (9 * (b + c) - a - d + 8) >> 4
    return out


class Rows(IntEnum):
    """What rows have to do with each other."""

    ALONE = 0
    """Nothing: each is interpolated by itself."""
    PREDICT = 1
    """They predict those between them, last in each level."""
    MISS_ALIKE = 2
    """They do, and what is missed is interpolated in its turn: neighbours in a row miss alike."""


@dataclass(frozen=True, slots=True)
class Interpolation:
    """How symbols become values: all but the shape of the arrays."""

    step: float
    """Distance of lattice points, of which 0 is one."""
    rows: Rows
    units: tuple[int, ...]
    """Lattice points that a symbol stands for at each level, the finest first; the last one is for all further."""

    def symbols(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
        """Unsigned integers that `values` turns into these values of arrays of a shape, as far as a lattice can.

        What is NaN, infinite or beyond the lattice becomes what is predicted there. None where that is beyond it, too,
        or where symbols are beyond their limit.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            points = values.astype(np.float64) / self.step
            points[~(np.abs(points) < LIMIT // 2)] = np.nan
        wanted = _grid(points, shape)
        found: list[Ints] = []
        try:
            self._take_apart(wanted, self._axes(wanted.ndim), self.units, found)
        except CorruptFileError:
            return None
        together = np.concatenate(found)
        folded = (together << 1 ^ together >> 63).view(np.uint64)
        largest = int(folded.max(initial=0))
        return folded.astype(np.min_scalar_type(largest)) if self._allows(largest) else None

    def values(self, symbols: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The values, flat; raises CorruptFileError for symbols that fit neither the shape nor the lattice."""
        row = math.prod(shape)
        if len(symbols) % max(1, row) or (len(symbols) and not row):
            raise CorruptFileError(f"{len(symbols)} values are no whole number of arrays of shape {shape}")
        if not len(symbols):
            return np.zeros(0, dtype)
        if not self._allows(int(symbols.max())):
            raise CorruptFileError(f"symbol {symbols.max()} leads off the lattice")
        done = _grid(np.zeros(len(symbols), np.int64), shape)
        self._put_together(done, self._axes(done.ndim), self.units, _Unfolded(symbols))
        out = done.reshape(-1).astype(np.float64)
        with np.errstate(over="ignore"):
            out *= self.step
            return out.astype(dtype, copy=False)

    def _take_apart(
        self, wanted: NDArray[np.float64], axes: Sequence[int], units: Sequence[int], found: list[Ints]
    ) -> Ints:
        """The points that a reader will have where these are wanted; symbols go to `found`."""
        done = np.zeros(wanted.shape, np.int64)
        corner = _corner(wanted.ndim, axes)
        done[corner] = _nearest(wanted[corner], units[-1], found)
        _check(done[corner])
        for each in passes(wanted.shape, axes):
            target, unit = each.wanted(done), units[min(each.level, len(units) - 1)]
            guess = predicted(each.known(done), len(target))
            missed = each.wanted(wanted) - guess.astype(np.float64)
            if each.axis == 0 and self.rows is Rows.MISS_ALIKE:
                target[...] = guess + self._take_apart(missed, axes[:-1], (unit,), found)
            else:
                target[...] = guess + _nearest(missed, unit, found)
            _check(target)
        return done

    def _put_together(
        self, done: Ints, axes: Sequence[int], units: Sequence[int], symbols: _Unfolded
    ) -> None:
        """Fill a grid of zeros with points."""
        corner = _corner(done.ndim, axes)
        done[corner] = units[-1] * symbols.take(done[corner].shape)
        _check(done[corner])
        for each in passes(done.shape, axes):
            target, unit = each.wanted(done), units[min(each.level, len(units) - 1)]
            guess = predicted(each.known(done), len(target))
            if each.axis == 0 and self.rows is Rows.MISS_ALIKE:
                missed = np.zeros(target.shape, np.int64)
                self._put_together(missed, axes[:-1], (unit,), symbols)
            else:
                missed = unit * symbols.take(target.shape)
            target[...] = guess + missed
            _check(target)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """The axes that are interpolated, in turn: rows come last, for they predict best and most is left to them."""
        return tuple(range(1, ndim)) if self.rows is Rows.ALONE else (*range(1, ndim), 0)

    def _allows(self, symbol: int) -> bool:
        """Whether no prediction can be so far off that more than 64 bits are needed."""
        return (symbol + 1 >> 1) * max(self.units) <= MAX_OFF

    def to_bytes(self) -> bytes:
        """Bytes that `read` reads."""
        units = b"".join(map(pack_varint, self.units))
        return _HEAD.pack(self.step, self.rows) + pack_varint(len(self.units)) + units

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """What `to_bytes` wrote; raises FormatError."""
        step, rows = _HEAD.unpack(cursor.take(_HEAD.size))
        count = cursor.varint()
        if not (step > 0 and math.isfinite(step)) or rows not in tuple(Rows) or not 0 < count <= MAX_UNITS:
            raise CorruptFileError(f"an interpolation with step {step}, {count} units, rows of kind {rows}")
        units = tuple(cursor.varint() for _ in range(count))
        if not all(0 < unit <= MAX_UNIT for unit in units):
            raise CorruptFileError(f"an interpolation in units of {units}")
        return cls(step, Rows(rows), units)


class _Unfolded:
    """Symbols as the signed numbers that they stand for: 0, -1, 1, -2, … for 0, 1, 2, 3, …"""

    def __init__(self, symbols: NDArray[Any]) -> None:
        self._symbols, self._at = symbols, 0

    def take(self, shape: tuple[int, ...]) -> Ints:
        """The next of them."""
        start, self._at = self._at, self._at + math.prod(shape)
        wide = self._symbols[start : self._at].astype(np.int64)
        return np.asarray(wide >> 1 ^ -(wide & 1)).reshape(shape)


def _grid(flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Rows and axes; those of length 1, of which there may be more than NumPy takes, change nothing."""
    return flat.reshape(-1, *(length for length in shape if length > 1))


def _corner(ndim: int, axes: Sequence[int]) -> tuple[slice, ...]:
    """What no pass tells."""
    return tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(ndim))


def _nearest(wanted: NDArray[np.float64], unit: int, found: list[Ints]) -> Ints:
    """The multiples of the unit that are nearest, 0 where nothing is wanted; the multipliers go to `found`."""
    off = np.rint(wanted / unit)
    off[np.isnan(off)] = 0
    found.append(off.astype(np.int64).reshape(-1))
    return unit * off.astype(np.int64)


def _check(points: Ints) -> None:
    if points.size and not (int(points.min()) >= -LIMIT and int(points.max()) <= LIMIT):
        raise CorruptFileError("an interpolated column leaves its lattice")
