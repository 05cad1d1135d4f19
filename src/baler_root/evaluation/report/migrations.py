"""Events that cross a cut: in and out, for each cut by itself and for those before it as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from baler_root.errors import AnalysisError
from baler_root.evaluation.analysis.selection import Flags, Selection


@dataclass(frozen=True, slots=True)
class Crossing:
    """Entries that pass before and after, that came in and that went out; the same of their weights."""

    before: int
    after: int
    came: int
    went: int
    weight_before: float
    weight_after: float

    @property
    def share(self) -> float:
        """Entries that crossed, either way, as a share of those before; 0 of none."""
        return (self.came + self.went) / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class CutMigration:
    """One cut."""

    cut: str
    alone: Crossing
    """Whatever the other cuts say."""
    cumulative: Crossing
    """With all cuts before it."""


def migrations(before: Selection, after: Selection) -> list[CutMigration]:
    """Each cut in its order; raises AnalysisError where the two selections do not pair up."""
    if len(before) != len(after) or list(before.cuts) != list(after.cuts):
        raise AnalysisError(
            f"the selections do not pair up: {len(before)} entries with cuts {list(before.cuts)}, "
            f"{len(after)} with {list(after.cuts)}"
        )
    chained = before.cumulative(), after.cumulative()
    return [
        CutMigration(
            cut,
            _crossing(before, after, before.cuts[cut], after.cuts[cut]),
            _crossing(before, after, chained[0][cut], chained[1][cut]),
        )
        for cut in before.cuts
    ]


def selected(before: Selection, after: Selection) -> Crossing:
    """Of all cuts together."""
    return _crossing(before, after, before.passing(), after.passing())


def by_process(before: Selection, after: Selection) -> Mapping[int, Crossing]:
    """Of all cuts together, for each process (0: data)."""
    one, other = before.passing(), after.passing()
    return {
        int(number): _crossing(
            before, after, one & (before.process == number), other & (after.process == number)
        )
        for number in np.unique(before.process)
    }


def _crossing(before: Selection, after: Selection, one: Flags, other: Flags) -> Crossing:
    return Crossing(
        int(one.sum()), int(other.sum()), int((other & ~one).sum()), int((one & ~other).sum()),
        float(before.weights[one].sum()), float(after.weights[other].sum()),
    )  # fmt: skip
