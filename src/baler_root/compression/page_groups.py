"""Groups of columns that share a page."""

from __future__ import annotations

from collections.abc import Sequence

from baler_root._types import Values
from baler_root.compression.fingerprint import equality_key, is_constant

SOLO_SIZE = 1 << 16
"""Bytes in memory per cluster from which a column has a page to itself."""


GROUP_SIZE = 1 << 18
"""Bytes in memory per cluster at which a page of small columns is closed."""


def plan_groups(sample: Sequence[Values], entries: int, cluster: int) -> tuple[int, ...]:
    """Number of columns in each page, from the columns of a `sample` of `entries`, for a cluster of `cluster`
    entries.

    A large column has its own page, so that reading it touches nothing else. A column that repeats an
    earlier one or never changes costs a few bytes and shares the page of the next column.
    """
    groups: list[int] = []
    seen: set[tuple[int, int]] = set()
    count = size = 0
    for values in sample:
        key = equality_key(values)
        trivial = len(values) == 0 or key in seen or is_constant(values)
        seen.add(key)
        expected = 0.0 if trivial else values.nbytes * cluster / max(1, entries)
        if count and size and size + expected > (SOLO_SIZE if expected >= SOLO_SIZE else GROUP_SIZE):
            groups.append(count)
            count = size = 0
        count += 1
        size += round(expected)
    return (*groups, count) if count else tuple(groups)


def plan_groups_with_models(
    values: Sequence[Values], entries: int, cluster: int, sections: Sequence[tuple[range, bool]]
) -> tuple[tuple[int, ...], list[int]]:
    """Number of columns in each page, and the positions of the pages that have a model, in order.

    `sections` are ranges of columns, in order, each with whether it has a model. A range with a model is one
    page. The columns of other ranges, and those between ranges, form pages as in `plan_groups`.
    """
    groups: list[int] = []
    positions: list[int] = []
    next_column = 0
    for section, has_model in [*sections, (range(len(values), len(values)), False)]:
        if next_column < section.start:
            groups += plan_groups(values[next_column : section.start], entries, cluster)
        if has_model:
            positions.append(len(groups))
            groups.append(len(section))
        elif section:
            groups += plan_groups(values[section.start : section.stop], entries, cluster)
        next_column = section.stop
    return tuple(groups), positions
