"""Migrations: events that cross a cut, for each cut alone and together with the cuts before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from baler_root.errors import AnalysisError
from baler_root.evaluation.analysis.selection import Flags, Selection


@dataclass(frozen=True, slots=True)
class Crossing:
    """Entries that pass cuts before and after compression."""

    before: int
    """Entries that pass before."""
    after: int
    """Entries that pass after."""
    gained: int
    """Entries that pass only after."""
    lost: int
    """Entries that pass only before."""
    weight_before: float
    """Sum of the weights of `before`."""
    weight_after: float
    """Sum of the weights of `after`."""

    @property
    def share(self) -> float:
        """Entries that crossed, in either direction, as a share of `before`; 0 if that is 0."""
        return (self.gained + self.lost) / self.before if self.before else 0.0


@dataclass(frozen=True, slots=True)
class CutMigration:
    """Migration across one cut."""

    cut: str
    individual: Crossing
    """Entries that cross this cut, regardless of all others."""
    cumulative: Crossing
    """Entries that cross this cut and all before it."""


def migrations(before: Selection, after: Selection) -> list[CutMigration]:
    """Migrations across each cut, in order. Raises AnalysisError if the two selections do not pair up."""
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
    """Migration across all cuts together."""
    return _crossing(before, after, before.passing(), after.passing())


def by_process(before: Selection, after: Selection) -> Mapping[int, Crossing]:
    """Migration across all cuts together, by number of the process (0 for data)."""
    x, y = before.passing(), after.passing()
    return {
        int(number): _crossing(before, after, x & (before.process == number), y & (after.process == number))
        for number in np.unique(before.process)
    }


def _crossing(before: Selection, after: Selection, passed: Flags, passes: Flags) -> Crossing:
    return Crossing(
        int(passed.sum()), int(passes.sum()), int((passes & ~passed).sum()), int((passed & ~passes).sum()),
        float(before.weights[passed].sum()), float(after.weights[passes].sum()),
    )  # fmt: skip
