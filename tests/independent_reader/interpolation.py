"""Interpolated columns for the second reader, from `formats/pages.md` alone: point by point, in integers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need

Place = tuple[int, ...]


class Interpolation:
    """Decodes the symbols of one column of a dtype, with rows of a shape, to values."""

    def __init__(self, data: Bytes, dtype: np.dtype[Any], shape: Place) -> None:
        need(dtype in (np.float32, np.float64), "type of an interpolated column")
        self.dtype, self.shape = dtype, shape
        self.step, self.rows = data.unpack("dB")
        need(0 < self.step < math.inf and self.rows < 3, "step of an interpolation")
        count = data.varint()
        need(0 < count < 33, "units of an interpolation")
        self.units = [data.varint() for _ in range(count)]
        need(all(0 < unit <= 1 << 20 for unit in self.units), "a unit")
        width = data.unpack("B")[0]
        need(width in (1, 2, 4, 8), "width of symbols")
        self.symbols = np.dtype(f"u{width}")

    def values(self, symbols: Any) -> Any:
        numbers = [u // 2 if u % 2 == 0 else -(u + 1) // 2 for u in symbols.tolist()]
        row = math.prod(self.shape)
        need(not numbers or (row and len(numbers) % row == 0), "not a whole number of rows")
        need(all(abs(n) * max(self.units) <= 1 << 54 for n in numbers), "a symbol too large")
        shape = (len(numbers) // max(1, row), *self.shape)
        axes = [*range(1, len(shape)), *([0] if self.rows else [])]
        points = self.points(shape, axes, self.units, iter(numbers)) if numbers else {}
        flat = [float(points[place]) * self.step for place in np.ndindex(shape)] if numbers else []
        with np.errstate(over="ignore"):
            return np.array(flat, np.float64).astype(self.dtype)

    def points(
        self, shape: Place, axes: list[int], units: list[int], numbers: Iterator[int]
    ) -> dict[Place, int]:
        """The lattice points of a grid, by their places."""
        corner = itertools.product(*(range(min(n, 1) if a in axes else n) for a, n in enumerate(shape)))
        found = {place: next(numbers) * units[-1] for place in corner}
        for level, (turn, axis) in itertools.product(range(32, -1, -1), enumerate(axes)):
            if shape[axis] <= 1 << level:
                continue
            unit = units[min(level, len(units) - 1)]
            strides = [1] * len(shape)
            for other in axes:
                strides[other] = 1 << level if other in axes[:turn] else 2 << level
            others = [range(0, n, strides[a]) for a, n in enumerate(shape) if a != axis]
            told = [range(1 << level, shape[axis], 2 << level), *others]
            part = tuple(map(len, told))
            if axis == 0 and self.rows == 2:
                missed = self.points(part, axes[:-1], [unit], numbers)
            else:
                missed = {place: next(numbers) * unit for place in np.ndindex(part)}
            for (at, *rest), miss in zip(
                itertools.product(*told), map(missed.get, np.ndindex(part)), strict=True
            ):
                line = [(*rest[:axis], at + k * (1 << level), *rest[axis:]) for k in (-3, -1, 0, 1, 3)]
                found[line[2]] = predicted([found.get(place) for place in line]) + (miss or 0)
        need(all(abs(point) <= 1 << 52 for point in found.values()), "off the lattice")
        return found


def predicted(line: list[int | None]) -> int:
    """From the points around one in the middle of a line."""
    a, b, _, c, d = line
    if b is None:
        raise ValueError("a point before its neighbours")
    if c is None:
        return b
    return (b + c + 1) >> 1 if a is None or d is None else (9 * (b + c) - a - d + 8) >> 4
