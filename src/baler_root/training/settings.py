"""How long and how large to train, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from baler_root.format.networks.dense import FixedPointNet


@dataclass(frozen=True, slots=True)
class Training:
    """Sizes and effort."""

    width: int = 32
    """Of the hidden layers, of which there are two."""
    components: int = 4
    parents: int = 12
    """Inputs of a network in the end; it may begin with more."""
    steps: int = 1500
    batch: int = 1024
    rate: float = 4e-3
    seed: int = 0
    seconds: float | None = None
    """At most this long; the result then depends on the machine."""

    def weights(self, inputs: int) -> int:
        """Of a network with so many inputs."""
        return self.width * (inputs + self.width + 3 * self.components)


@dataclass(frozen=True, slots=True)
class Trained:
    """Networks, by the number of the column, and how they came about."""

    nets: dict[int, FixedPointNet]
    bits: dict[int, float]
    """Bits per value on rows that were not trained on."""
    steps: int
    parents: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Columns that each network gets."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, bits per row of all columns) on such rows."""
    diverged: tuple[int, ...] = ()
    """Columns for which no step gave a number."""


class Progressing:
    """Tells when training should end because nothing gets better."""

    def __init__(self, patience: int = 5, least: float = 2e-4) -> None:
        """`patience` looks in a row must gain a share of `least` together."""
        self.patience, self.least = patience, least
        self._seen: list[float] = []

    def look(self, bits: NDArray[np.float64]) -> bool:
        """Whether to go on, given the best bits of each column so far."""
        self._seen.append(float(bits[np.isfinite(bits)].sum()))
        if len(self._seen) <= self.patience:
            return True
        return self._seen[-1] < self._seen[-1 - self.patience] * (1 - self.least)
