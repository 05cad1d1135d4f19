"""Finds columns among the results of many formulas in a few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.format.encodings.functions import Doubles

TOLERANCE = 0.01
"""Largest relative difference of a formula from a column in a row where they agree."""


MIN_AGREEING = 4
"""Fewest of the tried rows in which a formula agrees with a column."""


TABLE_ROWS = 4
"""Rows that are looked up in a table first."""


_SHIFT = 16
"""Low bits of single-precision patterns that make no difference in the table: cells of 0.4 to 0.8 %."""


class Targets:
    """Columns that are sought, by magnitude, in a few rows."""

    def __init__(self, values: Doubles, power: int = 1) -> None:
        """`values` has shape (columns, rows); results of formulas are compared with this `power` of it."""
        self._sizes = np.abs(values) ** power
        self._tolerance = power * TOLERANCE
        with np.errstate(all="ignore"):
            low, high = (
                _cells(self._sizes[:, :TABLE_ROWS] * (1.0 + sign * self._tolerance)) for sign in (-1, 1)
            )
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
            for start in range(0, len(hits), 1024):
                part = hits[start : start + 1024]
                difference = np.abs(np.abs(results[:, part].T[:, None, :]) - self._sizes)
                agree = (difference <= self._tolerance * self._sizes).sum(axis=2) >= MIN_AGREEING
                formulas, columns = np.nonzero(agree)
                pairs += zip(part[formulas].tolist(), columns.tolist(), strict=True)
        return pairs


def _cells(sizes: Doubles) -> NDArray[np.int64]:
    return np.asarray(sizes.astype(np.float32).view(np.uint32) >> _SHIFT, dtype=np.int64)


_NOT_FINITE = int(_cells(np.array([np.inf]))[0])
