"""Columns of one table for the search: ordinary values, and kinds by range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.relations.costs import MIN_RELATION_ROWS
from baler_root.format.encodings.functions import Doubles

MAX_ROWS = 1024
"""Most sampled rows in which formulas are tried."""


MIN_ROWS = 128
"""Fewest rows for a table of very many columns."""


MAX_VALUES = 1 << 22
"""Most values in all rows, unless a table has so many columns that `MIN_ROWS` are more."""


FREQUENT_SHARE = 0.03
"""A value in more rows than this share stands for "none"; formulas need not hold there."""


MIN_DISTINCT = 50
"""Fewest distinct values of a column that can be derived, or be a part of a formula."""


MIN_ORDINARY = MIN_RELATION_ROWS // 2
"""Fewest rows with ordinary values of such a column."""


MAX_ETA = 12.0
"""Largest number that can be a pseudorapidity."""


NEAR_TURN = 0.9
"""Share of the range of an angle that its sampled values fill."""


NEGATIVE_SHARE = 0.01
"""Largest negative value of a mass, as a share of its largest value: masses of light jets are rounded."""


TRIAL_ROWS = 6
"""Rows in which formulas are tried first."""


MAX_ROUNDS = 4
"""Most groups of columns that are sought in rows of their own, since they have values in different rows."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchTable:
    """Columns of one table in some rows."""

    numbers: list[int]
    """Numbers of the columns in the tree."""
    raw: Doubles
    """All values, of shape (columns, rows)."""
    values: Doubles
    """Ordinary values, of the same shape; NaN for values that are not finite, or frequent."""
    varies: NDArray[np.bool_]
    """Whether a column has several ordinary values."""
    is_mass: NDArray[np.bool_]
    """Whether a column can be a mass: positive, or constant."""
    is_positive: NDArray[np.bool_]
    """Whether no ordinary value of a column is negative."""
    is_phi: NDArray[np.bool_]
    """Whether a column can be an azimuthal angle."""
    is_eta: NDArray[np.bool_]
    """Whether a column can be a pseudorapidity."""

    @classmethod
    def of(cls, numbers: Sequence[int], columns: Sequence[Values]) -> SearchTable:
        """The table of these columns of a tree, without those that have neither enough ordinary values nor
        values that are mostly 0."""
        kept, raw, rows = [], [], []
        max_rows = min(MAX_ROWS, max(MIN_ROWS, MAX_VALUES // max(1, len(numbers))))
        for number in numbers:
            values = columns[number]
            if values.dtype.kind != "f":
                continue
            step = max(1, -(-len(values) // max_rows))
            wide = values[::step].astype(np.float64)
            ordinary = _ordinary(wide)
            if ordinary is None and not _is_sparse(wide):
                continue
            kept.append(number)
            raw.append(wide)
            rows.append(np.full(len(wide), np.nan) if ordinary is None else ordinary)
        if not rows:
            none = np.zeros(0, np.bool_)
            return cls([], np.zeros((0, 0)), np.zeros((0, 0)), *[none] * 5)
        values = np.stack(rows)
        is_ordinary = np.isfinite(values)
        low = np.min(values, axis=1, where=is_ordinary, initial=np.inf)
        high = np.max(values, axis=1, where=is_ordinary, initial=-np.inf)
        varies = low < high
        symmetric = (low < -NEAR_TURN * math.pi) & (high > NEAR_TURN * math.pi)
        symmetric &= np.maximum(-low, high) < 1.001 * math.pi
        from_zero = (low >= 0) & (low < (1 - NEAR_TURN) * math.pi)
        from_zero &= (high > (1 + NEAR_TURN) * math.pi) & (high < 2.001 * math.pi)
        is_phi = symmetric | from_zero
        is_eta = (low < 0) & (high > 0) & (np.maximum(-low, high) < MAX_ETA) & (high - low > 0.5) & ~is_phi
        is_mass = (low >= -NEGATIVE_SHARE * high) & (low <= high) & ~is_phi
        is_positive = (low >= 0) & varies & ~is_phi
        return cls(kept, np.stack(raw), values, varies, is_mass, is_positive, is_phi, is_eta)

    def rounds(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Groups of columns, as indices, each with `TRIAL_ROWS` rows in which they have ordinary values."""
        ordinary = np.isfinite(self.values)
        remaining = np.flatnonzero(self.varies)
        result: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        while len(remaining) and len(result) < MAX_ROUNDS:
            counts = ordinary[remaining].sum(axis=0)
            best = np.argsort(-counts, kind="stable")[
                : max(8 * TRIAL_ROWS, int(np.sum(counts == counts.max())))
            ]
            rows = np.sort(best)[np.linspace(0, len(best) - 1, TRIAL_ROWS).astype(np.int64)]
            complete = ordinary[np.ix_(remaining, rows)].all(axis=1)
            if not complete.any():
                break
            result.append((remaining[complete], rows))
            remaining = remaining[~complete]
        return result


def _is_sparse(values: Doubles) -> bool:
    """Whether the values are mostly 0, else positive, as the energies of rare particles."""
    return bool(
        np.all(values >= 0) and np.any(values > 0) and np.median(values) == 0 and np.isfinite(values).all()
    )


@np.errstate(all="ignore")
def _ordinary(values: Doubles) -> Doubles | None:
    """The values, with NaN for those that are not finite or too frequent; None if too few remain.

    A constant stays as it is.
    """
    values = np.where(np.isfinite(values) & (np.abs(values) < 1e100), values, np.nan)
    if len(values) >= MIN_ORDINARY and values[0] == values[-1] and bool(np.all(values == values[0])):
        return values
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if len(distinct) < MIN_DISTINCT:
        return None
    frequent = distinct[counts > max(2.0, FREQUENT_SHARE * len(values))]
    if len(frequent):
        values[np.isin(values, frequent)] = np.nan
    return values if np.count_nonzero(~np.isnan(values)) >= MIN_ORDINARY else None
