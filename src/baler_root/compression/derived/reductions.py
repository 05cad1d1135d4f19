"""Candidates that reduce lists to one value for each: sums, extremes, items, and numbers of items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.derived.match import Targets
from baler_root.compression.derived.table import TRIAL_ROWS
from baler_root.compression.relations.costs import ColumnSample
from baler_root.format.encodings import lists
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Doubles

MAX_ITEMS = 1 << 20
"""Most items, of all lists and columns together, that a search goes through."""


MIN_FILLED = 24
"""Fewest lists of two items or more."""


MAX_TRIED_TARGETS = 512
"""Most columns that are compared with reductions."""


MAX_DIGITS = 4
"""Most digits of a threshold."""


THRESHOLDS = (20.0, 25.0, 30.0, 40.0, 50.0)
"""Usual thresholds of sums [GeV]."""


@np.errstate(all="ignore")
def of_lists(
    sample: ColumnSample, lengths_of: Mapping[int, int], targets: Sequence[int]
) -> list[tuple[int, Formula]]:
    """Columns of the entries with reductions that agree with them, by number in the tree.

    `lengths_of` has the column with the lengths of the lists for each table of list items.
    """
    targets = targets[:MAX_TRIED_TARGETS]
    result: list[tuple[int, Formula]] = []
    done = 0
    for table, number in sorted(lengths_of.items()):
        lengths = sample.columns[number].astype(np.float64)
        filled = np.flatnonzero(lengths >= 2)
        members = [
            n for n in sample.numbers if sample.tables[n] == table and sample.columns[n].dtype.kind == "f"
        ]
        if len(filled) < MIN_FILLED or not targets:
            continue
        longest = filled[np.argsort(-lengths[filled], kind="stable")[: max(TRIAL_ROWS, len(filled) // 8)]]
        rows = longest[np.linspace(0, len(longest) - 1, TRIAL_ROWS).astype(np.int64)]
        numbers = [n for n in targets if len(sample.columns[n]) == len(lengths)]
        values = np.array([sample.columns[n][rows].astype(np.float64) for n in numbers])
        if not len(values):
            continue
        sought = Targets(values)
        for column in members:
            done += len(sample.columns[column])
            if done > MAX_ITEMS:
                return result
            items = sample.columns[column].astype(np.float64)
            for formula, reduced in _reductions(number, column, lengths, items):
                found = sought.find(reduced[rows][:, None])
                result += [(numbers[target], formula) for _, target in found]
            result += _counts(sample, number, column, lengths, items, numbers)
    return result


def _reductions(number: int, column: int, lengths: Doubles, items: Doubles) -> list[tuple[Formula, Doubles]]:
    """Formulas of the items of lists that are no numbers of items, with their values."""
    unit = 1000.0 if len(items) and np.median(np.abs(items)) > 2000.0 else 1.0
    sources = number, column
    return [
        (Formula("list_max", sources), lists.largest(lengths, items)),
        (Formula("list_min", sources), lists.smallest(lengths, items)),
        *(
            (Formula("list_item", sources, constant=float(k)), lists.item(lengths, items, k))
            for k in (0, 1, 2)
        ),
        (Formula("list_sum", sources), lists.total(lengths, items)),
        *(
            (
                Formula("list_sum_above", sources, constant=threshold * unit),
                lists.total_above(lengths, items, threshold * unit),
            )
            for threshold in THRESHOLDS
        ),
    ]


def _counts(
    sample: ColumnSample,
    number: int,
    column: int,
    lengths: Doubles,
    items: Doubles,
    targets: Sequence[int],
) -> list[tuple[int, Formula]]:
    """Targets that are numbers of items above a threshold."""
    starts = np.cumsum(lengths.astype(np.int64)) - lengths.astype(np.int64)
    owner = np.repeat(np.arange(len(lengths)), lengths.astype(np.int64))
    descending = items[np.lexsort((-items, owner))]
    padded = np.concatenate([descending, [np.nan]])
    result = []
    for target in targets:
        threshold = _threshold(sample.columns[target], lengths, starts, padded)
        if threshold is not None:
            result.append((target, Formula("list_count", (number, column), constant=threshold)))
    return result


def _threshold(
    counts: Values, lengths: Doubles, starts: NDArray[np.int64], descending: Doubles
) -> float | None:
    """The threshold above which each list has this number of items; None if there is none.

    `descending` has the items of each list from the largest to the smallest, and NaN behind the last list.
    """
    if counts.dtype.kind not in "iuf":
        return None
    wide = counts.astype(np.float64)
    few = wide < lengths
    if not (
        few.any() and (wide > 0).any() and np.all((wide >= 0) & (wide <= lengths) & (wide == np.rint(wide)))
    ):
        return None
    whole = wide.astype(np.int64)
    low = float(np.max(descending[(starts + whole)[few]]))
    high = float(np.min(descending[(starts + whole - 1)[whole > 0]]))
    if not low < high:
        return None
    for digits in range(1, MAX_DIGITS + 1):
        threshold = float(f"{(low + high) / 2:.{digits}g}")
        if low <= threshold < high:
            return threshold
    return None
