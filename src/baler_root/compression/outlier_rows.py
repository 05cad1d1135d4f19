"""Keeps rows exactly that a model tells to be unlike the others: all columns of their table, in whatever page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.page import Cell

Values = NDArray[Any]


Rows = NDArray[np.integer]


def keep_exactly(
    cells: list[Cell], originals: Sequence[Values], members: Sequence[int], rows: Rows, count: int
) -> None:
    """Make these rows, of `count` in all, outliers of the `members`, columns of one table: bit for bit what they were.

    What is computed from such columns is stored exactly there, too: its arguments are no longer what they were.
    """
    changed = set(members)
    for number, cell in enumerate(cells):
        if number in changed or (cell.related and changed & set(cell.related.relation.sources)):
            cells[number] = _kept(cell, originals[number], rows, count)


def _kept(cell: Cell, original: Values, rows: Rows, count: int) -> Cell:
    """A column with the values of these rows among its outliers; one that is exact anyway, or a copy, as it is."""
    each = cell.length // count
    values = (rows.astype(np.int64)[:, None] * each + np.arange(each)).reshape(-1)
    if cell.related is not None:
        at = np.union1d(cell.related.positions, values)
        return replace(cell, related=replace(cell.related, positions=at, outliers=original[at]))
    if cell.quantised is None or cell.quantised.quantiser.kind == "exact":
        return cell
    at = np.union1d(cell.quantised.positions, values)
    outliers = original[at].astype(cell.quantised.quantiser.dtype)  # the same values: see `cells.narrowed`
    return replace(cell, quantised=replace(cell.quantised, positions=at, outliers=outliers))
