"""Keeps rows exactly that a model tells to be unlike the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.pages import Cell

Values = NDArray[Any]


def keep_exactly(cell: Cell, original: Values, rows: NDArray[np.integer], count: int) -> Cell:
    """The column with the values of these rows, of `count` in all, as outliers: bit for bit what they were.

    A column of another table stays as it is, and so does one that is exact anyway.
    """
    each, left = divmod(cell.length, count)
    if left or not each or not len(rows):
        return cell
    values = (rows.astype(np.int64)[:, None] * each + np.arange(each)).reshape(-1)
    if cell.related is not None:
        at = np.union1d(cell.related.positions, values)
        return replace(cell, related=replace(cell.related, positions=at, outliers=original[at]))
    if cell.quantised is None or cell.lattice is not None or cell.quantised.recipe.kind == "exact":
        return cell
    at = np.union1d(cell.quantised.positions, values)
    return replace(cell, quantised=replace(cell.quantised, positions=at, outliers=original[at]))
