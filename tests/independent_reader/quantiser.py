"""Recipes for the second reader, from `formats/pages.md` alone: how symbols become values."""

from __future__ import annotations

import decimal
import functools
import math
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need

TYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]  # numpy counts bytes


class Recipe:
    """Quantisers, which turn symbols into values."""

    def __init__(self, data: Bytes) -> None:
        self.kind, code = data.unpack("BB")
        need(self.kind < 4 and code < 12, "unknown recipe")
        self.dtype, self.symbols = np.dtype(TYPES[code]), np.dtype(TYPES[code])
        if self.kind:
            self.size = (
                data.unpack("d" if self.dtype.kind == "f" else "Q")[0] if self.kind == 2 else data.varint()
            )
            need(0 < self.size < [64, math.inf, 1 + (1 << 22)][self.kind - 1], "size of a grid")
            self.floor = 0 if self.kind == 2 else data.zigzag()
            self.base, self.cells, count = data.zigzag(), data.varint(), data.varint()
            need(count <= len(data.data), "more atoms than bytes")
            self.atoms = np.cumsum([data.varint() + 1 for _ in range(count)], dtype=np.uint64) - np.uint64(1)
            self.exact = data.array(self.dtype, count)
            self.symbols = np.dtype(f"u{data.unpack('B')[0]}")

    def values(self, symbols: Any) -> Any:
        if self.kind == 0:
            return symbols.copy()
        need(not len(symbols) or int(symbols.max()) < self.cells + len(self.atoms), "symbol out of range")
        symbols = symbols.astype(np.uint64)
        before, atom = np.searchsorted(self.atoms, symbols), np.isin(symbols, self.atoms)
        cells = np.where(atom, 0, symbols - before.astype(np.uint64)).astype(np.int64)
        out = self.grid(cells + self.base) if self.cells else np.zeros(len(symbols), self.dtype)
        out[atom] = self.exact[before[atom]]
        return out

    def grid(self, keys: Any) -> Any:
        with np.errstate(over="ignore"):
            if self.kind == 2:
                return np.array([key * self.size for key in keys.tolist()], object).astype(self.dtype)
            index = self.floor + np.where(keys >= 0, keys, -1 - keys)
            if self.kind == 1:
                dtype = self.dtype if self.dtype.kind == "f" else np.dtype("f8")
                unsigned = np.dtype(f"u{dtype.itemsize}")
                size = (index.astype(unsigned) << unsigned.type(self.size)).view(dtype)
            else:
                octave, within = index // self.size, index % self.size
                power = ((octave + 1023) << 52).view(np.float64)
                size = powers(self.size, 256)[within // 256] * powers(self.size, 1)[within % 256] * power
            return np.where(keys < 0, -size, size).astype(self.dtype)


@functools.lru_cache
def powers(steps: int, stride: int) -> Any:
    """Doubles nearest to 2**(stride i / steps): tables A (stride 256) and B (stride 1) of log quantisers."""
    with decimal.localcontext(decimal.Context(prec=40)):
        unit = decimal.Decimal(2).ln() * stride / steps
        count = -(-steps // 256) if stride > 1 else min(steps, 256)
        return np.array([float((unit * i).exp()) for i in range(count)])
