"""One tree on its way into a file: its plan, then the results of its clusters, then its entry in the
manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.prediction import PlannedPrediction
from baler_root.compression.plan import Plan
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.container.manifest import StoredTree
from baler_root.format.statistics import RECORD
from baler_root.format.tables import find_tables
from baler_root.rootio.source_tree import SourceTree


@dataclass(frozen=True, slots=True)
class TreeJob:
    """A tree with all decisions about it."""

    key: str
    """Key of the tree in the source, cycle included."""
    source: SourceTree
    plan: Plan
    reasons: tuple[tuple[str, str], ...]
    """Bound and reason of each column that has values, as texts."""
    lengths: tuple[int, ...]
    """Entries in each cluster."""
    same_as: int | None = None
    """Position of an earlier tree with the same data, whose pages this one shares; None if there is none."""
    notes: tuple[str, ...] = ()
    """Notes on the plan, for people."""

    def ranges(self) -> list[tuple[int, int]]:
        """Entry range (start, stop) of each cluster."""
        stops = np.cumsum(self.lengths, dtype=np.int64).tolist()
        return [(stop - length, stop) for stop, length in zip(stops, self.lengths, strict=True)]


@dataclass(frozen=True, slots=True)
class EncodedTree:
    """Results of all clusters of a tree."""

    records: tuple[NDArray[Any], ...] = ()
    """Statistics of all columns, for each cluster."""
    lists: tuple[list[int], ...] = ()
    """Digests of the counts columns, for each cluster: lists of equal structure have equal digests."""

    def stacked_records(self, columns: int) -> NDArray[Any]:
        """The records of all clusters, of shape (clusters, columns)."""
        return np.stack(self.records) if self.records else np.zeros((0, columns), dtype=RECORD)


def stored_tree(job: TreeJob, encoded: EncodedTree) -> StoredTree:
    """The tree's entry in the manifest."""
    plan = job.plan
    if job.same_as is not None:
        return StoredTree(plan.schema, bounds=job.reasons, same_as=job.same_as)
    digests = list(zip(*encoded.lists, strict=True)) or [(number,) for number in range(len(plan.columns))]
    lists, tables = find_tables(plan.schema, plan.columns, digests)
    names = [column.name for column in plan.columns]
    planned: list[tuple[int, PlannedRelation | PlannedPrediction]] = [
        *plan.relations.items(),
        *plan.predictions.items(),
    ]
    return StoredTree(
        schema=plan.schema,
        clusters=job.lengths,
        layouts=(plan.groups,),
        layout=(0,) * len(job.lengths),
        bounds=job.reasons,
        lists=lists,
        tables=tables,
        relations=tuple(
            (_relation_text(relation, number, names), _saved_bytes(relation, number, encoded.records))
            for number, relation in planned
        ),
    )


def _relation_text(planned: PlannedRelation | PlannedPrediction, number: int, names: Sequence[str]) -> str:
    """A relation as people write it: `a = b + c`; with `≈` for a prediction."""
    sign = "≈" if isinstance(planned, PlannedPrediction) else "="
    return f"{names[number]} {sign} {planned.relation.text([names[column] for column in planned.relation.sources])}"


def _saved_bytes(
    planned: PlannedRelation | PlannedPrediction, number: int, records: Sequence[NDArray[Any]]
) -> int:
    """Estimated bytes that a relation saves."""
    values = sum(int(cluster["length"][number]) for cluster in records)
    return max(0, round(values * planned.saved / 8))
