"""Shifts of what an analysis infers, with paired errors: both sides are reweighted alike, so that most of chance drops out.

A Poisson bootstrap: every event gets a weight drawn from a Poisson distribution of mean 1, the same before and after
(the paired difference's scatter is its statistical error).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats, Selection
from baler_root.evaluation.analysis.study import Progress

Results = Mapping[str, Quantity]


Measure = Callable[[Selection], Results]


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one quantity moved."""

    name: str
    unit: str
    before: Quantity
    after: Quantity
    shift: float
    """After minus before; NaN where one of them failed."""
    paired_error: float
    """Of the shift: its scatter in the bootstrap; NaN without one."""
    statistical_error: float
    """Of the quantity itself: as it was inferred, else its scatter in the bootstrap."""
    relative: float
    """The shift as a share of the statistical error."""
    failed: int
    """Replicas in which it could not be inferred."""
    lattices: tuple[float, ...] = ()
    """Shifts on other lattices."""

    @property
    def lattice_mean(self) -> float:
        """Mean of the shifts of this file and of all other lattices; NaN where there are none."""
        return float(np.mean([self.shift, *self.lattices])) if self.lattices else math.nan

    @property
    def lattice_error(self) -> float:
        """Standard error of `lattice_mean`."""
        every = [self.shift, *self.lattices]
        return float(np.std(every, ddof=1) / math.sqrt(len(every))) if self.lattices else math.nan


@dataclass(frozen=True, slots=True)
class Replicas:
    """Values of each quantity in all replicas, NaN where it failed."""

    before: Mapping[str, Floats]
    after: Mapping[str, Floats]


def replicas(
    before: Selection,
    after: Selection,
    measure: Measure,
    names: Sequence[str],
    *,
    number: int,
    seed: int,
    progress: Progress | None = None,
) -> Replicas:
    """What `measure` finds in `number` replicas of both selections."""
    generator = np.random.default_rng(seed)
    found = [{name: np.full(number, np.nan) for name in names} for _ in range(2)]
    for replica in range(number):
        factors = generator.poisson(1.0, len(before)).astype(np.float64)
        for side, selection in zip(found, (before, after), strict=True):
            for name, quantity in measure(selection.reweighted(factors)).items():
                if name in side:
                    side[name][replica] = quantity.value
        if progress is not None:
            progress(replica + 1, number)
    return Replicas(*found)


def shifts(
    before: Results, after: Results, found: Replicas | None, lattices: Sequence[Results] = ()
) -> list[Shift]:
    """How far each quantity moved that is in both results."""
    return [
        _shift(name, before[name], after[name], found, [other[name] for other in lattices if name in other])
        for name in before
        if name in after
    ]


def _shift(
    name: str, before: Quantity, after: Quantity, found: Replicas | None, others: Sequence[Quantity]
) -> Shift:
    paired, own, failed = math.nan, before.error, 0
    if found is not None:
        one, two = found.before[name], found.after[name]
        usable = np.isfinite(one) & np.isfinite(two)
        failed = int((~usable).sum())
        if usable.sum() > 1:
            paired = float(np.std((two - one)[usable], ddof=1))
            if not math.isfinite(own):
                own = float(np.std(one[usable], ddof=1))
    shift = after.value - before.value
    known = math.isfinite(own) and own > 0
    relative = shift / own if known else (0.0 if shift == 0 else math.nan)
    moved = tuple(other.value - before.value for other in others)
    return Shift(name, before.unit, before, after, shift, paired, own, relative, failed, moved)
