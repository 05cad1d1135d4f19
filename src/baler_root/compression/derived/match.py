"""Finds columns among the results of many formulas in a few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.table import TRIAL_ROWS
from baler_root.format.encodings.functions import Doubles

TOLERANCE = 0.01
"""Largest relative difference of a formula from a column in a row where they agree."""


MIN_AGREEING = 4
"""Fewest of the tried rows in which a formula agrees with a column."""


TABLE_ROWS = 4
"""Rows that are looked up in a table first."""


BLOCK = 1 << 12
"""Formulas that are compared at a time."""


_SHIFT = 16
"""Low bits of single-precision patterns that make no difference in the table: cells of 0.4 to 0.8 %."""


class Targets:
    """Columns that are sought, by magnitude, in a few rows."""

    def __init__(self, values: Doubles, power: int = 1, tolerance: float = TOLERANCE) -> None:
        """`values` has shape (columns, rows); results of formulas are compared with this `power` of it."""
        self._sizes = np.abs(values) ** power
        self._tolerance = power * tolerance
        with np.errstate(all="ignore"):
            low, high = (
                _cells(self._sizes[:, :TABLE_ROWS] * (1.0 + sign * self._tolerance)) for sign in (-1, 1)
            )
        orders = [np.argsort(column, kind="stable") for column in self._sizes.T]
        self._sorted = [(order, column[order]) for order, column in zip(orders, self._sizes.T, strict=True)]
        self._tables = np.zeros((min(TABLE_ROWS, values.shape[1]), 1 << (32 - _SHIFT)), np.uint8)
        for row, table in enumerate(self._tables):
            for first, last in zip(low[:, row].tolist(), high[:, row].tolist(), strict=True):
                table[first : last + 1] = 1
            table[0] = 0
            table[_NOT_FINITE:] = 0

    def find(self, results: Doubles) -> list[tuple[int, int]]:
        """Pairs of a formula and a column that agree; `results` has shape (rows, formulas)."""
        agreeing = np.zeros(results.shape[1], np.uint8)
        with np.errstate(all="ignore"):
            for table, row in zip(self._tables, results, strict=False):
                agreeing += table[_cells(np.abs(row))]
            hits = np.flatnonzero(agreeing >= min(len(self._tables), MIN_AGREEING) - 1)
            pairs: list[tuple[int, int]] = []
            for start in range(0, len(hits), BLOCK):
                part = hits[start : start + BLOCK]
                pairs += self._pairs(part, np.abs(results[:, part]))
        return pairs

    def _pairs(self, formulas: NDArray[np.int64], sizes: Doubles) -> list[tuple[int, int]]:
        """Pairs of one of these formulas and a column that agree; `sizes` has their results."""
        found: set[tuple[int, int]] = set()
        # What agrees in most rows agrees in one of the first few.
        for row in range(TRIAL_ROWS - MIN_AGREEING + 1):
            order, column = self._sorted[row]
            first = np.searchsorted(column, sizes[row] / (1.0 + self._tolerance))
            counts = np.searchsorted(column, sizes[row] / (1.0 - self._tolerance), side="right") - first
            counts[np.isnan(sizes[row])] = 0
            position = np.repeat(np.arange(len(formulas)), counts)
            offset = np.arange(len(position)) - np.repeat(np.cumsum(counts) - counts, counts)
            target = order[np.repeat(first, counts) + offset]
            difference = np.abs(sizes[:, position] - self._sizes[target].T)
            agree = (difference <= self._tolerance * self._sizes[target].T).sum(axis=0) >= MIN_AGREEING
            found.update(zip(formulas[position[agree]].tolist(), target[agree].tolist(), strict=True))
        return sorted(found)


def _cells(sizes: Doubles) -> NDArray[np.int64]:
    return np.asarray(sizes.astype(np.float32).view(np.uint32) >> _SHIFT, dtype=np.int64)


_NOT_FINITE = int(_cells(np.array([np.inf]))[0])
