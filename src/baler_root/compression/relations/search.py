"""Finds the relations of a tree in a sample: columns that are sums, formulas or lookups of others."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baler_root._types import Values
from baler_root.compression.relations.costs import ColumnSample, holds, tightened_bound
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.compression.relations.formulas import find_formulas
from baler_root.compression.relations.lookups import find_lookups
from baler_root.compression.relations.sums import find_sums
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import ANGLES, NORMS
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.sum import Sum

__all__ = ["FoundRelations", "discover"]


MIN_BITS_FOR_DIRECTIONS = 1.0
"""Bits per row that must be saved to compute directions from momenta instead of momenta from directions:
analyses cut on directions, and read them without momenta."""


@dataclass(frozen=True, slots=True)
class FoundRelations:
    """Relations found in a tree."""

    derived: Mapping[int, PlannedRelation]
    """Relations by the number of their column."""
    tightened: Mapping[int, ErrorBound]
    """Tightened bounds of sources, by number."""
    sample: ColumnSample
    """The sample in which they were found."""


def discover(
    columns: Sequence[Values],
    bounds: Sequence[ErrorBound],
    tables: Sequence[int],
    declared: Mapping[int, Relation] | None = None,
    independent: Container[int] = (),
    cluster_scale: float = 1.0,
) -> FoundRelations:
    """The relations of a tree, found in the sampled values of its `columns`.

    `tables` has a number for each column, equal for columns of equal length and list structure; -1 leaves a
    column out. Sources of a relation are neither related themselves nor copies of other columns. Relations in
    `declared` are used if they hold, before all others; columns in `independent` are never computed.
    `cluster_scale` is the number of entries in a cluster divided by that in the sample.
    """
    sample = ColumnSample(columns, bounds, tables)
    declared_relations = {n: relation for n, relation in (declared or {}).items() if n not in independent}
    derived = {
        number: PlannedRelation(relation, saved=sample.cost(number))
        for number, relation in declared_relations.items()
        if isinstance(relation, Sum) and holds(relation, number, columns, bounds)
    }
    derived |= {
        number: PlannedRelation(total, saved=sample.cost(number))
        for number, total in find_sums(columns, bounds, tables, {*derived}).items()
        if number not in independent and number not in declared_relations
    }
    declared_formulas = [
        (number, formula) for number, formula in declared_relations.items() if isinstance(formula, Formula)
    ]
    formulas = [(number, formula) for number, formula in find_formulas(sample) if number not in independent]
    selections = [
        _Selection(sample, derived, [*declared_formulas, *order]) for order in _orders(sample, formulas)
    ]
    best = max(
        selections, key=lambda selection: selection.saved - MIN_BITS_FOR_DIRECTIONS * selection.has_angles
    )
    declared_lookups = [
        (number, lookup) for number, lookup in declared_relations.items() if isinstance(lookup, Lookup)
    ]
    lookups = find_lookups(sample, best.derived, declared_lookups, independent, cluster_scale)
    return FoundRelations(
        {**best.derived, **lookups},
        {n: tightened_bound(bounds[n], factor) for n, factor in best.tightened.items() if factor < 1.0},
        sample,
    )


def _orders(
    sample: ColumnSample, formulas: Sequence[tuple[int, Formula]]
) -> list[tuple[tuple[int, Formula], ...]]:
    """Several orders in which the formulas are tried; the best result is used.

    The order matters: `pt`, `η` and mass give both `pz` and `E`, but not if `E` is first computed from `pz`.
    Momenta computed from directions leave no directions to be computed from momenta: each comes first in some
    order.
    """
    saved = {}
    for number, formula in formulas:
        best = sample.best(number, formula, {}, may_share=True)
        if best is not None:
            saved[number, formula] = best[0].saved
    angles = sorted(
        (entry for entry in saved if entry[1].function in ANGLES), key=lambda entry: -saved[entry]
    )
    formulas_without_angles = [entry for entry in saved if entry not in angles]
    targets = {number for number, _ in formulas_without_angles}
    ranks: list[Callable[[tuple[int, Formula]], Any]] = [
        lambda entry: -saved[entry],
        lambda entry: (len(targets & {*entry[1].sources}), -saved[entry]),
        lambda entry: (entry[1].function in NORMS, len(targets & {*entry[1].sources}), -saved[entry]),
        lambda entry: (entry[1].function not in NORMS, -saved[entry]),
    ]
    orders = [sorted(formulas_without_angles, key=rank) + angles for rank in ranks]
    return list(dict.fromkeys(map(tuple, [*orders, angles + orders[-1]])))


class _Selection:
    """Formulas selected one after another, as long as they fit together."""

    def __init__(
        self, sample: ColumnSample, sums: Mapping[int, PlannedRelation], order: Sequence[tuple[int, Formula]]
    ) -> None:
        self.derived = dict(sums)
        self.tightened: dict[int, float] = {}
        """Factors that tighten the bounds of sources."""
        self.saved = 0.0
        """Bits saved per row, in all columns together."""
        used_sources = {source for planned in sums.values() for source in planned.relation.sources}
        shared_sources: set[int] = set()
        other_sources: set[int] = set()
        for number, formula in order:
            first_source, *rest = formula.sources
            if number in self.derived or number in used_sources or self.derived.keys() & {*formula.sources}:
                continue
            may_share = not shared_sources & {first_source, *rest} and first_source not in other_sources
            chosen = sample.best(number, formula, self.tightened, may_share=may_share)
            if chosen is None:
                continue
            planned, factors = chosen
            self.derived[number] = planned
            self.saved += planned.saved
            used_sources.update(formula.sources)
            if planned.shared:
                shared_sources.add(first_source)
                other_sources.update(rest)
            for source, factor in factors.items():
                self.tightened[source] = min(factor, self.tightened.get(source, 1.0))
        relations = [planned.relation for planned in self.derived.values()]
        self.has_angles = any(isinstance(r, Formula) and r.function in ANGLES for r in relations)
