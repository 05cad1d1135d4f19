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
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.varint import Cursor, pack_varint

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


@dataclass(frozen=True, slots=True)
class Interpolation:
    """How symbols become values: all but the shape of the arrays."""

    step: float
    """Distance of lattice points, of which 0 is one."""
    along_rows: bool
    """Whether rows predict rows, last in each level; else each row stands alone."""
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
        wanted = self._grid(points, shape)
        done = np.zeros(wanted.shape, np.int64)
        corner = self._corner(wanted.ndim)
        off = _off(wanted[corner], done[corner], self.units[-1])
        done[corner] = self.units[-1] * off
        found = [off.reshape(-1)]
        for each in passes(wanted.shape, self._axes(wanted.ndim)):
            target, unit = each.wanted(done), self._unit(each.level)
            guess = predicted(each.known(done), len(target))
            off = _off(each.wanted(wanted), guess, unit)
            target[...] = guess + unit * off
            if not _inside(target):
                return None
            found.append(off.reshape(-1))
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
        done = self._grid(np.zeros(len(symbols), np.int64), shape)
        corner = self._corner(done.ndim)
        at = done[corner].size
        done[corner] = self.units[-1] * _unfold(symbols[:at]).reshape(done[corner].shape)
        _check(done[corner])
        for each in passes(done.shape, self._axes(done.ndim)):
            target = each.wanted(done)
            guess = predicted(each.known(done), len(target))
            off = _unfold(symbols[at : at + target.size]).reshape(target.shape)
            target[...] = guess + self._unit(each.level) * off
            at += target.size
            _check(target)
        out = done.reshape(-1).astype(np.float64)
        with np.errstate(over="ignore"):
            out *= self.step
            return out.astype(dtype, copy=False)

    def _allows(self, symbol: int) -> bool:
        """Whether no prediction can be so far off that more than 64 bits are needed."""
        return (symbol + 1 >> 1) * max(self.units) <= MAX_OFF

    def _unit(self, level: int) -> int:
        return self.units[min(level, len(self.units) - 1)]

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """The axes that are interpolated, in turn: rows come last, for they predict best and most is left to them."""
        return (*range(1, ndim), 0) if self.along_rows else tuple(range(1, ndim))

    def _corner(self, ndim: int) -> tuple[slice, ...]:
        """What no pass tells."""
        axes = self._axes(ndim)
        return tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(ndim))

    def _grid(self, flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Rows and axes; those of length 1, of which there may be more than NumPy takes, change nothing."""
        return flat.reshape(-1, *(length for length in shape if length > 1))

    def to_bytes(self) -> bytes:
        """Bytes that `read` reads."""
        units = b"".join(map(pack_varint, self.units))
        return _HEAD.pack(self.step, self.along_rows) + pack_varint(len(self.units)) + units

    @classmethod
    def read(cls, cursor: Cursor) -> Self:
        """What `to_bytes` wrote; raises FormatError."""
        step, along_rows = _HEAD.unpack(cursor.take(_HEAD.size))
        count = cursor.varint()
        if not (step > 0 and math.isfinite(step)) or along_rows > 1 or not 0 < count <= MAX_UNITS:
            raise CorruptFileError(
                f"an interpolation with step {step}, {count} units, along rows: {along_rows}"
            )
        units = tuple(cursor.varint() for _ in range(count))
        if not all(0 < unit <= MAX_UNIT for unit in units):
            raise CorruptFileError(f"an interpolation in units of {units}")
        return cls(step, bool(along_rows), units)


def _off(wanted: NDArray[np.float64], guess: Ints, unit: int) -> Ints:
    """How many units the guess is off, to the nearest; 0 where nothing is wanted."""
    off = np.rint((wanted - guess) / unit)
    off[np.isnan(off)] = 0
    return off.astype(np.int64)


def _unfold(symbols: NDArray[Any]) -> Ints:
    """0, -1, 1, -2, … for 0, 1, 2, 3, …"""
    wide = symbols.astype(np.int64)
    return np.asarray(wide >> 1 ^ -(wide & 1))


def _inside(points: Ints) -> bool:
    return not points.size or (int(points.min()) >= -LIMIT and int(points.max()) <= LIMIT)


def _check(points: Ints) -> None:
    if not _inside(points):
        raise CorruptFileError("an interpolated column leaves its lattice")
