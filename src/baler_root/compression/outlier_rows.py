"""Rows that a model finds unlike all others, stored exactly in all columns of their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.format.page import EncodedColumn

Rows = NDArray[np.integer]


def with_exact_rows(
    columns: Sequence[EncodedColumn],
    originals: Sequence[Values],
    members: Sequence[int],
    rows: Rows,
    count: int,
) -> list[EncodedColumn]:
    """The columns with these `rows`, of `count` in all, among the outliers of `members`, the columns of one
    table.

    Columns computed from members are stored exactly in these rows, too, since their sources change there.
    """
    changed = set(members)
    result = list(columns)
    for number, column in enumerate(columns):
        encoding = column.encoding
        if number in changed or changed.intersection(encoding.sources):
            values_per_row = encoding.length // count
            positions = rows.astype(np.int64)[:, None] * values_per_row + np.arange(values_per_row)
            exact = encoding.with_exact(positions.reshape(-1), originals[number])
            result[number] = replace(column, encoding=exact)
    return result
