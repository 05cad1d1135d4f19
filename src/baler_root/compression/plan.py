"""Decisions about a tree that are made before its first cluster is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields

from baler_root.compression.derived.prediction import PlannedPrediction
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.codecs.conditional.mixing import MixingContexts, SourceKind
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.model_loader import AnyModel
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.schema import Tree


@dataclass(frozen=True, slots=True)
class PlannedColumn(Column):
    """A column of a tree with its name and error bounds."""

    name: str = field(kw_only=True)
    """Name for people: `branch` or `branch.field`."""
    bound: ErrorBound = field(kw_only=True)
    """Bound that the user asked for; lossless for structure (counts, indices, masks)."""
    tightened: ErrorBound = field(kw_only=True)
    """Bound with which the column is encoded: tighter than `bound` if other columns are computed from it."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupModel:
    """A model for the columns of one page."""

    group: int
    """Position of the page in `Plan.groups`."""
    name: bytes
    """SHA-256 of the model's bytes."""
    model: AnyModel
    numbers: dict[int, int]
    """Position in the model of each column that it encodes, by number in the tree."""
    compare: bool = True
    """Leave columns to `classic` where that is smaller."""
    context: dict[int, int] = field(default_factory=dict)
    """Position in the model of each context column (for a page of lists: of the entries), by number in the
    tree."""
    lists: int | None = None
    """Number of the column with the lengths of the lists; None for a page of entries."""

    def column(self, number: int) -> ModelColumn | None:
        """The model's column for column `number` of the tree; None if it has none."""
        position = self.numbers.get(number, self.context.get(number))
        return None if position is None else self.model.columns[position]


@dataclass(frozen=True, slots=True, eq=False)
class GroupMixing:
    """Columns of one page that adaptive mixing may code."""

    group: int
    """Position of the page in `Plan.groups`."""
    contexts: dict[int, MixingContexts]
    """Contexts of each column, by number in the tree; their sources are numbers in the tree, too."""
    lists: int | None = None
    """Number of the column with the lengths of the lists; None for a page of entries."""

    @property
    def entries(self) -> set[int]:
        """Numbers in the tree of the columns of the entries that are sources."""
        sources = (source for contexts in self.contexts.values() for source in contexts.sources)
        return {source.number for source in sources if source.kind is SourceKind.ENTRY}


@dataclass(frozen=True, slots=True)
class Plan:
    """All decisions about a tree that are made before its first cluster is encoded."""

    schema: Tree
    columns: tuple[PlannedColumn, ...]
    groups: tuple[int, ...]
    """Number of columns in each page."""
    codec: str = "classic"
    sentinels: tuple[float, ...] = ()
    """Values that stay exact, the usual ones included."""
    relations: Mapping[int, PlannedRelation] = field(default_factory=dict)
    """Columns that are computed from others, by number, in the order of their discovery (which is that of the
    file)."""
    predictions: Mapping[int, PlannedPrediction] = field(default_factory=dict)
    """Columns that formulas of others predict, by number; those that others need come first."""
    models: tuple[GroupModel, ...] = ()
    """Models of the pages that have one."""
    mixing: tuple[GroupMixing, ...] = ()
    """Pages with columns that adaptive mixing may code."""


def plan_columns(
    schema: Tree, bounds: Sequence[ErrorBound], tightened: Mapping[int, ErrorBound] | None = None
) -> tuple[PlannedColumn, ...]:
    """The columns of a tree with `bounds`, one for each column that has values, in order.

    `tightened` has the bounds of columns that others are computed from, by number.
    """
    remaining: Iterator[ErrorBound] = iter(bounds)
    tightened = tightened or {}
    columns = []
    for number, column in enumerate(tree_columns(schema)):
        bound = next(remaining) if column.has_values else LOSSLESS
        columns.append(
            PlannedColumn(
                *(getattr(column, part.name) for part in fields(column)),
                name=column.name_in(schema),
                bound=bound,
                tightened=tightened.get(number, bound),
            )
        )
    return tuple(columns)
