"""Shifts of the results of an analysis, with paired errors: both sides are reweighted alike, which cancels
most noise.

A Poisson bootstrap: in each replica, every event has a weight drawn from a Poisson distribution of mean 1,
the same before and after. The standard deviation of the difference over all replicas is the paired error of
the shift.
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
"""Quantities by name."""

Measure = Callable[[Selection], Results]


@dataclass(frozen=True, slots=True)
class Shift:
    """Shift of one quantity from before to after compression."""

    name: str
    unit: str
    before: Quantity
    after: Quantity
    shift: float
    """After minus before; NaN if one of them failed."""
    paired_error: float
    """Error of the shift: its standard deviation in the bootstrap; NaN without a bootstrap."""
    statistical_error: float
    """Error of the quantity itself: the inferred one, else its standard deviation in the bootstrap."""
    relative: float
    """The shift as a share of the statistical error."""
    failed: int
    """Replicas in which the quantity could not be inferred."""
    offset_shifts: tuple[float, ...] = ()
    """Shifts with other rounding offsets."""

    @property
    def offset_mean(self) -> float:
        """Mean shift over this file and all other rounding offsets; NaN without other offsets."""
        return float(np.mean([self.shift, *self.offset_shifts])) if self.offset_shifts else math.nan

    @property
    def offset_error(self) -> float:
        """Standard error of `offset_mean`; NaN without other offsets."""
        values = [self.shift, *self.offset_shifts]
        return float(np.std(values, ddof=1) / math.sqrt(len(values))) if self.offset_shifts else math.nan


@dataclass(frozen=True, slots=True)
class Replicas:
    """Values of each quantity in all replicas, (replicas,); NaN in those in which it failed."""

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
    """The quantities `names` of `measure` in `number` bootstrap replicas of both selections."""
    generator = np.random.default_rng(seed)
    values = [{name: np.full(number, np.nan) for name in names} for _ in range(2)]
    for replica in range(number):
        factors = generator.poisson(1.0, len(before)).astype(np.float64)
        for side, selection in zip(values, (before, after), strict=True):
            for name, quantity in measure(selection.reweighted(factors)).items():
                if name in side:
                    side[name][replica] = quantity.value
        if progress is not None:
            progress(replica + 1, number)
    return Replicas(*values)


def shifts(
    before: Results, after: Results, bootstrap: Replicas | None, offset_results: Sequence[Results] = ()
) -> list[Shift]:
    """The shift of each quantity in both results.

    `bootstrap` are the bootstrap replicas, if any; `offset_results` are results with other rounding offsets.
    """
    return [
        _shift(
            name,
            before[name],
            after[name],
            bootstrap,
            [results[name] for results in offset_results if name in results],
        )
        for name in before
        if name in after
    ]


def _shift(
    name: str,
    before: Quantity,
    after: Quantity,
    bootstrap: Replicas | None,
    with_offsets: Sequence[Quantity],
) -> Shift:
    paired, error, failed = math.nan, before.error, 0
    if bootstrap is not None:
        x, y = bootstrap.before[name], bootstrap.after[name]
        usable = np.isfinite(x) & np.isfinite(y)
        failed = int((~usable).sum())
        if usable.sum() > 1:
            paired = float(np.std((y - x)[usable], ddof=1))
            if not math.isfinite(error):
                error = float(np.std(x[usable], ddof=1))
    shift = after.value - before.value
    has_error = math.isfinite(error) and error > 0
    relative = shift / error if has_error else (0.0 if shift == 0 else math.nan)
    offset_shifts = tuple(quantity.value - before.value for quantity in with_offsets)
    return Shift(name, before.unit, before, after, shift, paired, error, relative, failed, offset_shifts)
