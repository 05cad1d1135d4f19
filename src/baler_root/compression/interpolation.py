"""Finds the columns of fixed-size arrays that are smaller when they are interpolated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.special_values import candidates, locate
from baler_root.format.binary.bit_patterns import patterns
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.encodings.interpolation import Interpolation, Rows
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.encodings.quantized import Quantised
from baler_root.format.page import Cell, pack_page

Values = NDArray[Any]


MIN_ROW = 4
"""Values of an array below which nothing is tried."""


FINE = 256
"""Lattice points in the widest unit."""


UNITS = ((FINE,), (FINE, 171, 114, 76, 64))
"""Ways to divide the bound among levels. What coarse points are off by, all that they predict is off by: with a wide
bound it pays to have them nearer (5 to 10 % at 1 % of the range of a fluid), with a tight one it does not."""


SAMPLE = 1 << 16


SAMPLE_ROWS = 16
"""Values, and rows, of the middle of a column from which the ways are judged."""


MAX_OUTLIERS = 0.25
"""Share of outliers above which a way is given up. They are often a region, such as zeros within an obstacle."""


def interpolated(cell: Cell, values: Values, bound: ErrorBound, sentinels: Sequence[float]) -> Cell:
    """The column interpolated, with `values` within their bound, where `classic` makes less of that; else as it is."""
    found, row = cell.quantised, math.prod(cell.shape)
    floats = values.dtype.kind == "f" and values.dtype.itemsize >= 4
    if found is None or cell.related is not None or bound.kind != "abs" or not floats or row < MIN_ROW:
        return cell
    # The quantiser has found out how wide a step may be, and whether one pays at all.
    step = found.quantiser.size / FINE if found.quantiser.kind == "linear" else 0.0
    if not 0 < step * FINE <= 2 * bound.value:
        return cell
    ways = [Interpolation(step, rows, units) for rows in Rows for units in UNITS]
    part = _middle(len(values), row)
    best, size = None, _size(_cut(cell, found, part))
    for way in ways:
        made = _made(way, values[part], cell.shape, bound, sentinels)
        if made is not None and (smaller := _size(made)) < size:
            best, size = way, smaller
    if best is None:
        return cell
    whole = _made(best, values, cell.shape, bound, sentinels)
    return whole if whole is not None and _size(whole) < _size(cell) else cell


def _made(
    way: Interpolation,
    values: Values,
    shape: tuple[int, ...],
    bound: ErrorBound,
    sentinels: Sequence[float],
) -> Cell | None:
    """The values interpolated, what misses the bound as outliers; None if that is much."""
    kept, _ = locate(values, candidates(values, values[:0], sentinels))
    ordinary = values.copy()
    ordinary[kept] = np.nan
    symbols = way.symbols(ordinary, shape)
    if symbols is None:
        return None
    decoded = way.values(symbols, shape, values.dtype)
    moved = kept[patterns(decoded)[kept] != patterns(values)[kept]]
    missed = np.union1d(violations(values, decoded, bound), moved)
    if missed.size > MAX_OUTLIERS * values.size:
        return None
    quantised = Quantised(symbols, Quantiser("exact", symbols.dtype), missed, values[missed])
    return Cell(len(values), quantised, interpolation=way)


def _middle(length: int, row: int) -> slice:
    """The values of some rows."""
    rows = length // row
    wanted = min(rows, max(SAMPLE_ROWS, SAMPLE // row))
    start = (rows - wanted) // 2
    return slice(start * row, (start + wanted) * row)


def _cut(cell: Cell, quantised: Quantised, part: slice) -> Cell:
    """The same column, of fewer rows."""
    inside = (quantised.positions >= part.start) & (quantised.positions < part.stop)
    fewer = replace(
        quantised,
        symbols=quantised.symbols[part],
        positions=quantised.positions[inside] - part.start,
        outliers=quantised.outliers[inside],
    )
    return replace(cell, length=part.stop - part.start, quantised=fewer)


def _size(cell: Cell) -> int:
    """Bytes of the column in a page of its own."""
    payload, _ = pack_page(Classic(), [cell])
    return len(payload)
