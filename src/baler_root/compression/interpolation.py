"""Interpolates columns of fixed-size arrays where that makes them smaller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from baler_root._types import Values
from baler_root.compression.exact_candidate import page_size
from baler_root.compression.quantisation.special_values import find_candidates, locate
from baler_root.format.binary.bit_patterns import patterns
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.encodings.interpolated import InterpolatedEncoding
from baler_root.format.encodings.interpolation import Interpolation, Rows
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.quantised import Quantised
from baler_root.format.page import EncodedColumn

INTERPOLATES = (Classic.id, ConditionalCodec.id)
"""Codecs that store fixed-size arrays as `classic` does; any other codec gets such arrays without
interpolation."""


MIN_ARRAY_VALUES = 4
"""Fewest values in an array; smaller arrays are not interpolated."""


STEPS_PER_UNIT = 256
"""Steps of the grid in the largest unit of a symbol."""


UNITS = ((STEPS_PER_UNIT,), (STEPS_PER_UNIT, 171, 114, 76, 64))
"""Ways to divide the bound among the levels of the interpolation. Errors of coarse points spread to all
points that they predict: with a wide bound it pays to keep coarse points nearer (5 to 10 % at 1 % of the
range of a fluid), with a tight one it does not."""


COMPARED_VALUES = 1 << 16
"""Values in the middle of a column by which interpolations are compared, rounded to whole rows."""


MIN_COMPARED_ROWS = 16
"""Fewest rows for that comparison."""


MAX_INTERPOLATION_OUTLIER_SHARE = 0.25
"""Most outliers, as a share of the values. They are often a region, such as the zeros within an obstacle."""


def with_interpolation(
    column: EncodedColumn, values: Values, bound: ErrorBound, sentinels: Sequence[float]
) -> EncodedColumn:
    """The column interpolated, with `values` within their bound, if `classic` stores that in fewer bytes.

    Otherwise, and for columns that cannot be interpolated, `column` itself.
    """
    quantised, shape = column.quantised, column.encoding.symbol_shape
    row = math.prod(shape)
    floats = values.dtype.kind == "f" and values.dtype.itemsize >= 4
    if quantised is None or not bound.is_absolute or not floats or row < MIN_ARRAY_VALUES:
        return column
    # The quantiser has found how wide a step may be, and whether one pays at all.
    step = quantised.quantiser.size / STEPS_PER_UNIT if quantised.quantiser.kind == "linear" else 0.0
    if not 0 < step * STEPS_PER_UNIT <= 2 * bound.value:
        return column
    candidates = [Interpolation(step, rows, units) for rows in Rows for units in UNITS]
    part = _middle(len(values), row)
    best, size = None, page_size(EncodedColumn.of(_cut(quantised, part), shape))
    for candidate in candidates:
        trial = _interpolate(candidate, values[part], shape, bound, sentinels)
        if trial is not None and (smaller := page_size(trial)) < size:
            best, size = candidate, smaller
    if best is None:
        return column
    interpolated = _interpolate(best, values, shape, bound, sentinels)
    return (
        interpolated if interpolated is not None and page_size(interpolated) < page_size(column) else column
    )


def _interpolate(
    interpolation: Interpolation,
    values: Values,
    shape: tuple[int, ...],
    bound: ErrorBound,
    sentinels: Sequence[float],
) -> EncodedColumn | None:
    """The values interpolated, with those that miss the bound as outliers; None if these are too many."""
    special, _ = locate(values, find_candidates(values, values[:0], sentinels))
    ordinary = values.copy()
    ordinary[special] = np.nan
    symbols = interpolation.symbols(ordinary, shape)
    if symbols is None:
        return None
    decoded = interpolation.values(symbols, shape, values.dtype)
    moved = special[patterns(decoded)[special] != patterns(values)[special]]
    missed = np.union1d(violations(values, decoded, bound), moved)
    if missed.size > MAX_INTERPOLATION_OUTLIER_SHARE * values.size:
        return None
    outliers = Outliers(missed, values[missed])
    encoding = InterpolatedEncoding(len(values), shape, interpolation, symbols.dtype, outliers)
    return EncodedColumn(encoding, symbols)


def _middle(length: int, row: int) -> slice:
    """Positions of some rows in the middle of a column."""
    rows = length // row
    count = min(rows, max(MIN_COMPARED_ROWS, COMPARED_VALUES // row))
    start = (rows - count) // 2
    return slice(start * row, (start + count) * row)


def _cut(quantised: Quantised, part: slice) -> Quantised:
    """A part of a quantised column."""
    inside = (quantised.positions >= part.start) & (quantised.positions < part.stop)
    return replace(
        quantised,
        symbols=quantised.symbols[part],
        positions=quantised.positions[inside] - part.start,
        outliers=quantised.outliers[inside],
    )
