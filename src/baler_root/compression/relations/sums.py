"""Finds columns that are sums of others."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from baler_root._types import Values
from baler_root.compression.relations.costs import MAX_FIT_ROWS, can_be_related, holds, usable
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.sum import MAX_TERMS, Sum

NEAR_SUMS = 64
"""Columns before a column among which the terms of its sum are sought."""


TOLERANCE = 1e-4
"""Largest distance of a coefficient from 0, 1 or -1, relative to the column."""


def find_sums(
    columns: Sequence[Values],
    bounds: Sequence[ErrorBound],
    tables: Sequence[int],
    excluded: Container[int] = (),
) -> dict[int, Sum]:
    """Columns that are sums of earlier ones in the same group, within their bounds; see `discover`.

    Columns in `excluded` are left out, as sums and as terms.
    """
    sums: dict[int, Sum] = {}
    earlier: dict[tuple[int, str], list[int]] = {}
    distinct: set[bytes] = set()
    for number, values in enumerate(columns):
        kind = values.dtype.kind
        if number in excluded or not can_be_related(values, tables[number]):
            continue
        bits = values.tobytes()
        if bits in distinct:
            continue
        distinct.add(bits)
        candidates = earlier.setdefault((tables[number], values.dtype.str if kind == "f" else "integers"), [])
        if kind != "b":
            total = _sum_of(number, columns, candidates[-NEAR_SUMS:])
            if total is not None and holds(total, number, columns, bounds):
                sums[number] = total
                continue
        candidates.append(number)
    return sums


def _sum_of(number: int, columns: Sequence[Values], candidates: Sequence[int]) -> Sum | None:
    """The sum that gives a column, by least squares; None if its coefficients are not 0, 1 or -1."""
    if not candidates or min(len(columns[number]), MAX_FIT_ROWS) < 2 * len(candidates):
        return None
    matrix = np.stack([usable(columns[c]) for c in candidates], axis=1)
    scale = np.maximum(np.sqrt((matrix**2).mean(axis=0)), 1e-300)
    target = usable(columns[number])
    coefficients = np.linalg.lstsq(matrix / scale, target, rcond=1e-9)[0] / scale
    rounded = np.round(coefficients)
    if np.any(np.abs(coefficients - rounded) * scale > TOLERANCE * np.sqrt((target**2).mean())):
        return None
    terms = tuple((int(rounded[i]), candidates[i]) for i in np.flatnonzero(rounded).tolist())
    if not 2 <= len(terms) <= MAX_TERMS or any(abs(sign) != 1 for sign, _ in terms):
        return None
    return Sum(terms)
