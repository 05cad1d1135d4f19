"""Relations: columns that are sums of others, recomputed from what those decode to, so that events stay consistent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.bounds import ErrorBound, violations
from baler_root.errors import CorruptFileError
from baler_root.quantiser import dequantise, quantise

Values = NDArray[Any]

MAX_TERMS = 16

NEAR_COLUMNS = 64
"""Columns before one among which its terms are looked for."""

MIN_ROWS = 100
"""Rows from which a relation may be concluded."""

MAX_ROWS = 400
"""Rows from which coefficients are found; whether they hold is asked of all."""

TOLERANCE = 1e-4
"""How near to 0, 1 or -1 a coefficient must come to be that."""

MAX_MISSED = 0.01
"""Share of the rows in which a relation may fail."""


@dataclass(frozen=True, slots=True)
class Sum:
    """`terms`: sign (1 or -1) and column of each."""

    terms: tuple[tuple[int, int], ...]

    @property
    def sources(self) -> tuple[int, ...]:
        """The columns that are added."""
        return tuple(column for _, column in self.terms)

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The sum as a column of `dtype`: integers modulo its range, floats in double precision from left to right.

        Raises CorruptFileError for columns that cannot be added.
        """
        exact = dtype.kind in "iu"
        if not all(values.dtype.kind in ("bui" if exact else "f") for values in sources) or dtype.kind == "b":
            raise CorruptFileError(f"a column of {dtype} as a sum of {[str(v.dtype) for v in sources]}")
        total: Values = np.zeros(len(sources[0]), np.int64 if exact else np.float64)
        with np.errstate(all="ignore"):
            for (sign, _), values in zip(self.terms, sources, strict=True):
                term = values.astype(total.dtype)
                total = total + term if sign > 0 else total - term
            return total.astype(dtype)


def find_sums(
    columns: Sequence[Values], bounds: Sequence[ErrorBound], groups: Sequence[int]
) -> dict[int, Sum]:
    """The columns that are sums of earlier ones in the same group, within their bounds.

    `columns` are values of a sample; a group is what shares one length and list structure, -1 what is left out. The
    terms of a sum are neither sums nor copies of another column.
    """
    found: dict[int, Sum] = {}
    earlier: dict[tuple[int, str], list[int]] = {}
    seen: set[bytes] = set()
    for number, values in enumerate(columns):
        kind = values.dtype.kind
        if groups[number] < 0 or len(values) < MIN_ROWS or kind not in "buif" or not np.ptp(_usable(values)):
            continue
        bits = values.tobytes()
        if bits in seen:
            continue
        seen.add(bits)
        family = earlier.setdefault((groups[number], values.dtype.str if kind == "f" else "integers"), [])
        if kind != "b":
            total = _sum_of(number, columns, family[-NEAR_COLUMNS:])
            if total is not None and _holds(total, number, columns, bounds):
                found[number] = total
                continue
        family.append(number)
    return found


def _usable(values: Values) -> Values:
    """What coefficients are found from: finite numbers."""
    wide = values[:: max(1, len(values) // MAX_ROWS)][:MAX_ROWS].astype(np.float64)
    return np.where(np.isfinite(wide) & (np.abs(wide) < 1e15), wide, 0.0)


def _sum_of(number: int, columns: Sequence[Values], candidates: Sequence[int]) -> Sum | None:
    """The sum that a column is by least squares; None if its coefficients are not 0, 1 or -1."""
    if not candidates or min(len(columns[number]), MAX_ROWS) < 2 * len(candidates):
        return None
    matrix = np.stack([_usable(columns[c]) for c in candidates], axis=1)
    scale = np.maximum(np.sqrt((matrix**2).mean(axis=0)), 1e-300)
    target = _usable(columns[number])
    coefficients = np.linalg.lstsq(matrix / scale, target, rcond=1e-9)[0] / scale
    whole = np.round(coefficients)
    if np.any(np.abs(coefficients - whole) * scale > TOLERANCE * np.sqrt((target**2).mean())):
        return None
    terms = tuple((int(whole[i]), candidates[i]) for i in np.flatnonzero(whole).tolist())
    if not 2 <= len(terms) <= MAX_TERMS or any(abs(sign) != 1 for sign, _ in terms):
        return None
    return Sum(terms)


def _holds(total: Sum, number: int, columns: Sequence[Values], bounds: Sequence[ErrorBound]) -> bool:
    """Whether the decoded terms give the column within its bound."""
    parts = []
    for source in total.sources:
        quantised = quantise(columns[source], bounds[source])
        parts.append(dequantise(quantised.symbols, quantised.recipe, quantised.positions, quantised.outliers))
    values = total.values(parts, columns[number].dtype)
    return len(violations(columns[number], values, bounds[number])) <= MAX_MISSED * len(values)
