"""Selections: cuts, observables and weights with one value for each entry, so that events can be paired."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Observable:
    """Axis of an observable: label, unit, and bins of its histogram."""

    label: str
    unit: str
    low: float
    """Lower edge of the histogram."""
    high: float
    """Upper edge of the histogram."""
    bins: int
    """Number of bins."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Result of `select(events)`; every array has one value for each entry that was read."""

    cuts: Mapping[str, Flags]
    """For each cut, in the order of application: whether entries pass it, regardless of the other cuts."""
    observables: Mapping[str, Floats]
    """Values by name; NaN if an entry has none."""
    weights: Floats
    """Weight of each entry; 1 for data."""
    process: NDArray[np.int64]
    """Number of the simulated process of each entry (`channelNumber`); 0 for data."""

    def __len__(self) -> int:
        return len(self.weights)

    def cumulative(self) -> dict[str, Flags]:
        """For each cut, whether the entries pass it and all cuts before it."""
        passed = np.ones(len(self), np.bool_)
        return {name: (passed := passed & flags) for name, flags in self.cuts.items()}

    def passing(self) -> Flags:
        """Whether the entries pass every cut, (entries,)."""
        passed = np.ones(len(self), np.bool_)
        for flags in self.cuts.values():
            passed &= flags
        return passed

    def reweighted(self, factors: Floats) -> Self:
        """A copy with the weights multiplied by `factors`, as in a bootstrap."""
        return replace(self, weights=self.weights * factors)

    @classmethod
    def concatenate(cls, parts: Iterable[Selection]) -> Self:
        """All parts, one after another: at least one, all with the same cuts and observables."""
        selections = list(parts)

        def joined(name: str) -> dict[str, NDArray[Any]]:
            return {
                key: np.concatenate([getattr(part, name)[key] for part in selections])
                for key in getattr(selections[0], name)
            }

        return cls(
            joined("cuts"),
            joined("observables"),
            np.concatenate([part.weights for part in selections]),
            np.concatenate([part.process for part in selections]),
        )
