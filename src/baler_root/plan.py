"""What is decided about a tree before its first cluster is encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from baler_root.batch import Column, columns_of
from baler_root.bounds import ErrorBound
from baler_root.codecs.model import ModelColumn
from baler_root.codecs.models import AnyModel
from baler_root.relations import Derived
from baler_root.schema import Tree

Values = NDArray[Any]

SOLO_SIZE = 1 << 16
"""Bytes in memory per cluster from which a column has a page to itself."""

GROUP_SIZE = 1 << 18
"""Bytes in memory per cluster at which a page of small columns is closed."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupModel:
    """A model for the columns of one page."""

    group: int
    name: bytes
    """SHA-256 of the model's bytes."""
    model: AnyModel
    numbers: dict[int, int]
    """The model's number of each of the tree's columns that it knows."""
    compare: bool = True
    """Leave columns to `classic` where that is smaller."""
    outside: dict[int, int] = field(default_factory=dict)
    """The model's number of columns of the entries, for a page of lists, by number in the tree."""
    lists: int | None = None
    """Column of the tree that has the lengths of these lists."""

    def column(self, number: int) -> ModelColumn | None:
        """What the model knows of a column of the tree."""
        at = self.numbers.get(number, self.outside.get(number))
        return None if at is None else self.model.columns[at]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided about a tree before its first cluster is encoded."""

    schema: Tree
    bounds: tuple[ErrorBound, ...]
    """Bound of each column that has values, in order."""
    groups: tuple[int, ...]
    """Columns of each page."""
    codec: str = "classic"
    sentinels: tuple[float, ...] = ()
    """Values that survive exactly besides the well-known ones."""
    relations: Mapping[int, Derived] = field(default_factory=dict)
    """Columns that are recomputed from others, by number."""
    tighter: Mapping[int, ErrorBound] = field(default_factory=dict)
    """Bounds of columns that others are computed from, where they are tighter than what was asked."""
    models: tuple[GroupModel, ...] = ()
    """What was learned, for the pages that have it."""

    @property
    def columns(self) -> list[Column]:
        """The columns of the tree."""
        return columns_of([(i, form) for i in self.schema.stored() if (form := self.schema.branches[i].form)])


def plan_groups(sample: Sequence[Values], entries: int, cluster: int) -> tuple[int, ...]:
    """How many columns go into each page, from the columns of `entries` and the entries of a cluster.

    Large columns stand alone, so that reading one touches nothing else. A column that repeats an earlier one
    or never changes costs a few bytes and stays with the next.
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


def equality_key(values: Values) -> tuple[int, int]:
    """Equal for columns of equal values; integers and booleans compare across widths."""
    if values.dtype.kind in "bui" and (
        values.dtype != np.uint64 or not len(values) or values.max() < 1 << 63
    ):
        return len(values), xxhash.xxh3_64_intdigest(values.astype(np.int64).data)
    return len(values), xxhash.xxh3_64_intdigest(values.data, seed=values.dtype.num)


def is_constant(values: Values) -> bool:
    bits = values.view(f"u{values.dtype.itemsize}")
    return bool((bits == bits[0]).all())
