"""Quantisers: the rules that turn symbols into values, in memory and as bytes (formats/pages.md#quantisers).

A quantiser numbers the points of a grid (levels) and a few exact values (special values) in increasing order
of value; the number is the symbol.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import MANTISSA_BITS, patterns
from baler_root.format.binary.varint import Cursor, pack_varint, pack_zigzag
from baler_root.format.encodings.grid import MAX_STEPS, Grid, GridKind, unfold

QuantiserKind = Literal["exact", "shift", "linear", "log"]


KINDS: tuple[QuantiserKind, ...] = ("exact", "shift", "linear", "log")


DTYPES = tuple(
    np.dtype(code) for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
)


_NO_SPECIAL_SYMBOLS = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Quantiser:
    """The rule that turns symbols into values: everything a decoder needs besides symbols and outliers.

    `exact`: the symbols are the values, and nothing else is set. Otherwise level `i` of `levels` is the grid
    point with the key `base + i`; the keys of `shift` and `log` grids count up and down from the magnitude
    index `floor` (see `grid.fold`).
    """

    kind: QuantiserKind
    dtype: np.dtype[Any]
    size: int | float = 0
    """`shift`: number of dropped bits; `linear`: step; `log`: steps per octave."""
    floor: int = 0
    """Smallest magnitude index; 0 for a `linear` grid."""
    base: int = 0
    """Key of level 0."""
    levels: int = 0
    """Number of grid points that have a symbol."""
    special_symbols: NDArray[np.uint64] = field(default_factory=lambda: _NO_SPECIAL_SYMBOLS)
    """Symbols of the special values, strictly increasing."""
    special_values: NDArray[Any] | None = None
    """Special values, exact, of type `dtype`; None if there are none."""

    @property
    def span(self) -> int:
        """Number of symbols; every symbol is below it. 0 for `exact`."""
        return self.levels + self.special_symbols.size

    @property
    def axis(self) -> str:
        """Scale of the symbols: `linear`, `logarithmic` (of one sign or both), or `exact` if they are the
        values."""
        if self.kind in ("exact", "linear"):
            return self.kind
        return "logarithmic, both signs" if self.base < 0 < self.base + self.levels else "logarithmic"

    @property
    def grid(self) -> Grid:
        """Grid of the levels; not for `exact`."""
        return Grid(cast(GridKind, self.kind), self.dtype, self.size)

    def level_values(self, levels: NDArray[np.int64]) -> NDArray[Any]:
        """Values of these levels, of type `dtype`."""
        keys = levels + self.base
        return (
            self.grid.values(*unfold(keys, self.floor)) if self.kind != "linear" else self.grid.values(keys)
        )

    def values(self, symbols: NDArray[np.uint64]) -> NDArray[Any]:
        """Values of these symbols, which are all below `span`."""
        if self.special_values is None:
            return self.level_values(symbols.astype(np.int64))
        below = np.searchsorted(self.special_symbols, symbols)
        special = self.special_symbols[np.minimum(below, self.special_symbols.size - 1)] == symbols
        levels = (symbols - below.astype(np.uint64)).astype(np.int64)
        if self.levels == 0:
            return self.special_values[below]
        values = self.level_values(np.minimum(levels, self.levels - 1))
        positions = np.flatnonzero(special)
        values[positions] = self.special_values[below[positions]]
        return values

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads (formats/pages.md#quantisers)."""
        data = bytearray((KINDS.index(self.kind), DTYPES.index(self.dtype)))
        if self.kind == "exact":
            return bytes(data)
        if self.kind == "linear":
            data += struct.pack("<d" if self.dtype.kind == "f" else "<Q", self.size)
        else:
            data += pack_varint(int(self.size)) + pack_zigzag(self.floor)
        data += pack_zigzag(self.base) + pack_varint(self.levels) + pack_varint(self.special_symbols.size)
        if self.special_values is not None:
            previous = -1
            for symbol in self.special_symbols.tolist():
                data += pack_varint(symbol - previous - 1)
                previous = symbol
            bits = patterns(self.special_values)
            data += bits.astype(bits.dtype.newbyteorder("<")).tobytes()
        return bytes(data)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, offset: int = 0) -> tuple[Quantiser, int]:
        """The quantiser at `offset`, and the offset behind it; raises FormatError for an invalid one."""
        reader = Cursor(data, offset)
        code, dtype_code = reader.take(2)
        if code >= len(KINDS):
            raise CorruptFileError(f"quantiser at byte {offset}: unknown kind {code}")
        if dtype_code >= len(DTYPES):
            raise CorruptFileError(f"quantiser at byte {offset}: unknown dtype {dtype_code}")
        kind, dtype = KINDS[code], DTYPES[dtype_code]
        if kind == "exact":
            return cls(kind, dtype), reader.position
        size: int | float
        floor = 0
        if kind == "linear":
            (size,) = struct.unpack("<d" if dtype.kind == "f" else "<Q", reader.take(8))
        else:
            size, floor = reader.varint(), reader.zigzag()
        base, levels, count = reader.zigzag(), reader.varint(), reader.varint()
        problem = _problem(Grid(kind, dtype, size), floor, base, levels)
        if problem:
            raise CorruptFileError(f"quantiser at byte {offset}: {problem}")
        if count == 0:
            return cls(kind, dtype, size, floor, base, levels), reader.position
        reader.need(count * (1 + dtype.itemsize))
        symbols = np.empty(count, np.uint64)
        symbol = -1
        for i in range(count):
            symbol += 1 + reader.varint()
            if symbol >= levels + count:
                raise CorruptFileError(
                    f"quantiser at byte {offset}: atom symbol {symbol} of {levels + count}"
                )
            symbols[i] = symbol
        raw = np.frombuffer(reader.take(count * dtype.itemsize), f"<u{dtype.itemsize}")
        values = raw.astype(f"u{dtype.itemsize}").view(dtype)
        return cls(kind, dtype, size, floor, base, levels, symbols, values), reader.position


def _problem(grid: Grid, floor: int, base: int, levels: int) -> str:
    """The reason why the grid does not have these levels; empty if it has."""
    if grid.dtype.kind == "b":
        return "booleans have no grid"
    if grid.kind == "linear":
        if not (math.isfinite(grid.size) and grid.size > 0):
            return f"step {grid.size} is not a positive number"
    elif grid.kind == "log":
        if grid.dtype.kind != "f" or not 1 <= grid.size <= MAX_STEPS:
            return f"log grid of {grid.size} steps per octave for {grid.dtype}"
    elif grid.size > MANTISSA_BITS[grid.dtype.itemsize if grid.dtype.kind == "f" else 8]:
        return f"{grid.size} bits dropped from {grid.dtype}"
    if levels >> 63:
        return f"{levels} levels"
    if levels == 0:
        return "" if floor == base == 0 else "a base without levels"
    low, high = grid.limits()
    first, last = base, base + levels - 1
    if grid.folded:
        top = floor + max(last, -1 - first)
        if floor < low or top > high:
            return f"magnitudes {floor} to {top} outside {low} to {high}"
        if grid.dtype.kind != "f" and not _integers_fit(grid, floor, first, last):
            return f"values outside {grid.dtype}"
    elif first < low or last > high:
        return f"multiples {first} to {last} outside {low} to {high}"
    return ""


def _integers_fit(grid: Grid, floor: int, first: int, last: int) -> bool:
    """Whether the float64 values of a `shift` grid for integers, largest magnitudes first, fit the dtype."""
    wide = Grid(grid.kind, np.dtype(np.float64), grid.size)
    info = np.iinfo(grid.dtype)
    for key, sign, limit in (
        (last, 1.0, 2.0**info.bits / (1 if info.min == 0 else 2)),
        (first, -1.0, -float(info.min)),
    ):
        if (key < 0) == (sign < 0):
            index = np.array([floor + (key if key >= 0 else -1 - key)], np.int64)
            magnitude = float(wide.values(index)[0])
            if not (magnitude < limit or (sign < 0 and magnitude == limit)):
                return False
    return True
