"""A stream of observed events of one process, which knows how many were generated for them and their weights."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .detector.detector import observe
from .events import Events
from .generator.processes import PROCESSES, Process
from .generator.pythia import LARGEST_SEED, PythiaGenerator
from .generator.quick import QuickGenerator
from .generator.truth import Truth
from .jagged import Floats


class Generator(Protocol):
    """What both generators can do."""

    def generate(self, n: int) -> Truth:
        """The next `n` events."""


def random_numbers(seed: int, *names: str) -> np.random.Generator:
    """A generator of random numbers of its own for each purpose."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(slots=True)
class Source:
    """Events in the order they are generated; each has `index`, its place among all generated ones."""

    process: Process
    generator: Generator
    rng: np.random.Generator
    batch: int
    """How many are generated at a time."""
    generated: int = 0
    """Up to the last event that was given out."""
    weights: float = 0.0
    """Their sum over all generated ones, so far."""
    weights_squared: float = 0.0
    _ahead: list[Events] = field(default_factory=list)
    _ahead_weights: Floats = field(default_factory=lambda: np.zeros(0))

    def accepted(self, n: int) -> Events:
        """The next `n` events that pass the preselection."""
        parts: list[Events] = []
        missing = n
        while missing > 0:
            parts.append(self._up_to(missing, math.inf))
            missing -= len(parts[-1])
        return Events.concatenate(parts) if parts else self._up_to(0, 0)

    def next_generated(self, n: int) -> Events:
        """Those of the next `n` generated events that pass."""
        end = self.generated + n
        parts = [self._up_to(n, end)]
        while self.generated < end:
            parts.append(self._up_to(n, end))
        return Events.concatenate(parts)

    def _up_to(self, most: int, end: float) -> Events:
        """At most so many events of the batch under way, with an index below `end`."""
        if not self._ahead:
            self._ahead.append(self._more())
        events = self._ahead.pop()
        first = events.scalars["index"]
        batch_end = self.generated + len(self._ahead_weights)
        found = min(most, int(np.searchsorted(first, end)))
        if found < len(events) and found == most:
            stop = int(first[found - 1]) + 1 if found else self.generated
        else:
            stop = int(min(batch_end, end))
        self._count(stop - self.generated)
        if stop < batch_end:
            self._ahead.append(events.take(slice(found, None)))
        return events.take(slice(0, found))

    def _count(self, n: int) -> None:
        used, self._ahead_weights = self._ahead_weights[:n], self._ahead_weights[n:]
        self.generated += n
        self.weights += float(used.sum())
        self.weights_squared += float((used**2).sum())

    def _more(self) -> Events:
        start = self.generated
        events, passed = observe(self.generator.generate(self.batch), self.process, self.rng)
        self._ahead_weights = events.scalars["mcWeight"]
        index = np.arange(start, start + self.batch)
        return events.with_scalars(index=index).take(passed)


def make_source(
    name: str, generator: str, rng: np.random.Generator, detector: np.random.Generator, entries: int
) -> Source:
    """The stream of events of a process from `pythia` or `quick`, for about so many entries."""
    process = PROCESSES[name]
    if generator == "quick":
        return Source(process, QuickGenerator(process, rng), detector, min(max(entries, 500), 10_000))
    seed = int(rng.integers(LARGEST_SEED))
    return Source(process, PythiaGenerator(process, seed), detector, min(max(entries, 100), 2_000))
