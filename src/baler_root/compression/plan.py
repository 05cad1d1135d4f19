"""What is decided about a tree before its first cluster is encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.model_loader import AnyModel
from baler_root.format.columns import Column, columns_of
from baler_root.format.schema import Tree

Values = NDArray[Any]


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
    relations: Mapping[int, PlannedRelation] = field(default_factory=dict)
    """Columns that are recomputed from others, by number."""
    tightened: Mapping[int, ErrorBound] = field(default_factory=dict)
    """Bounds of columns that others are computed from, where they are tighter than what was asked."""
    models: tuple[GroupModel, ...] = ()
    """What was learned, for the pages that have it."""

    @property
    def columns(self) -> list[Column]:
        """The columns of the tree."""
        return columns_of([(i, form) for i in self.schema.stored() if (form := self.schema.branches[i].form)])


def bounds_of(plan: Plan) -> list[ErrorBound]:
    """The bound of each column."""
    asked = iter(plan.bounds)
    return [next(asked) if column.has_values else LOSSLESS for column in plan.columns]
