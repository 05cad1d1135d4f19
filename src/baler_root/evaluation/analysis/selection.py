"""What an analysis selects: cuts, observables and weights, one of each for every entry, so that events can be paired."""

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
    """How one observable is shown: its axis in words, its unit, and its histogram."""

    label: str
    unit: str
    low: float
    high: float
    bins: int


@dataclass(frozen=True, slots=True)
class Selection:
    """The outcome of `select(events)`: arrays of one length, the number of entries read."""

    cuts: Mapping[str, Flags]
    """In the order they are applied: whether an entry passes that cut, whatever the others say."""
    observables: Mapping[str, Floats]
    """NaN where an entry has none."""
    weights: Floats
    """1 for data."""
    process: NDArray[np.int64]
    """Number of the simulated process (`channelNumber`); 0 for data."""

    def __len__(self) -> int:
        return len(self.weights)

    def cumulative(self) -> dict[str, Flags]:
        """Whether an entry passes this cut and all before it."""
        passed = np.ones(len(self), np.bool_)
        return {name: (passed := passed & flags) for name, flags in self.cuts.items()}

    def passing(self) -> Flags:
        """Whether an entry passes every cut."""
        passed = np.ones(len(self), np.bool_)
        for flags in self.cuts.values():
            passed &= flags
        return passed

    def reweighted(self, factors: Floats) -> Self:
        """The same with weights multiplied, as a bootstrap does."""
        return replace(self, weights=self.weights * factors)

    @classmethod
    def concatenate(cls, parts: Iterable[Selection]) -> Self:
        """All parts, one after another; they have the same cuts and observables, and there is at least one."""
        known = list(parts)

        def joined(name: str) -> dict[str, NDArray[Any]]:
            return {
                key: np.concatenate([getattr(part, name)[key] for part in known])
                for key in getattr(known[0], name)
            }

        return cls(
            joined("cuts"),
            joined("observables"),
            np.concatenate([part.weights for part in known]),
            np.concatenate([part.process for part in known]),
        )
