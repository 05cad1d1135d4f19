"""Tables of lookups, filled from the values of one cluster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.format.encodings.lookup import MAX_COMBINATIONS, Lookup

MAX_SHARE = 0.5
"""A table and its outliers may cost at most this share of the column's entropy; a codec needs less than all
of it."""


Coded = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Distinct values of a column, increasing, and the index into them for each row."""


def distinct_values(column: Values) -> Coded | None:
    """A column of integers or booleans by its distinct values; None if there are more than a table holds."""
    wide = column.astype(np.int64)
    if len(np.unique(wide[: 4 * MAX_COMBINATIONS])) > MAX_COMBINATIONS:
        return None  # most columns end here, quickly
    distinct, codes = np.unique(wide, return_inverse=True)
    return (distinct, codes) if len(distinct) <= MAX_COMBINATIONS else None


def table_shape(columns: Sequence[Coded | None]) -> tuple[int, ...] | None:
    """Number of distinct values of each column; None if a table can't hold all combinations of them."""
    shape = tuple(len(column[0]) for column in columns if column is not None)
    fits = len(shape) == len(columns) and math.prod(shape) <= MAX_COMBINATIONS
    return shape if fits else None


def fill_table(lookup: Lookup, sources: Sequence[Values], values: Values) -> Lookup | None:
    """The lookup with the table that gives most of `values`; None if that costs more than it saves.

    A lookup that has a table is returned unchanged.
    """
    if lookup.keys:
        return lookup
    if not all(column.dtype.kind in "bui" for column in (values, *sources)):
        return None
    coded = [distinct_values(column) for column in sources]
    target = distinct_values(values)
    if target is None or (shape := table_shape(coded)) is None:
        return None
    target_values, codes = target
    coded_sources = [column for column in coded if column is not None]
    row = np.ravel_multi_index([source_codes for _, source_codes in coded_sources], shape)
    counts = np.bincount(row * len(target_values) + codes, minlength=math.prod(shape) * len(target_values))
    counts = counts.reshape(-1, len(target_values))
    table = target_values[counts.argmax(axis=1)].astype(values.dtype)
    keys = tuple(tuple(distinct.tolist()) for distinct, _ in coded_sources)
    result = replace(lookup, keys=keys, table=tuple(map(int, table.tolist())))
    missed = len(values) - int(counts.max(axis=1).sum())
    size = len(result.to_bytes(values.dtype)) + missed * (4 + values.dtype.itemsize)
    shares = counts.sum(axis=0) / len(values)
    return result if 8 * size <= -MAX_SHARE * len(values) * float(shares @ np.log2(shares)) else None
