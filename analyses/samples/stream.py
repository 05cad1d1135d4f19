"""Streams of reconstructed events of one process, with the number and weights of the generated events."""

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
    """A generator of events of one process."""

    def generate(self, n: int) -> Truth:
        """The next `n` events, before the detector."""


def random_numbers(seed: int, *names: str) -> np.random.Generator:
    """An independent random generator for the purpose that `names` states."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


@dataclass(slots=True)
class EventStream:
    """Events in the order of generation; their scalar `index` is the position among all generated events."""

    process: Process
    generator: Generator
    rng: np.random.Generator
    """Random numbers of the detector."""
    batch: int
    """Events that are generated at a time."""
    generated: int = 0
    """Generated events up to the last one that was returned."""
    weights: float = 0.0
    """Sum of the weights of these events."""
    weights_squared: float = 0.0
    """Sum of their squared weights."""
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
        """The events that pass the preselection, among the next `n` generated ones."""
        end = self.generated + n
        parts = [self._up_to(n, end)]
        while self.generated < end:
            parts.append(self._up_to(n, end))
        return Events.concatenate(parts)

    def _up_to(self, most: int, end: float) -> Events:
        """At most `most` events of the current batch, with an index below `end`."""
        if not self._ahead:
            self._ahead.append(self._more())
        events = self._ahead.pop()
        first = events.scalars["index"]
        batch_end = self.generated + len(self._ahead_weights)
        count = min(most, int(np.searchsorted(first, end)))
        if count < len(events) and count == most:
            stop = int(first[count - 1]) + 1 if count else self.generated
        else:
            stop = int(min(batch_end, end))
        self._count(stop - self.generated)
        if stop < batch_end:
            self._ahead.append(events.take(slice(count, None)))
        return events.take(slice(0, count))

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


def make_stream(
    name: str, generator: str, rng: np.random.Generator, detector: np.random.Generator, entries: int
) -> EventStream:
    """The stream of a process from the generator `pythia` or `quick`; `entries` sets the size of its batches.

    `rng` drives the generator and `detector` the detector.
    """
    process = PROCESSES[name]
    if generator == "quick":
        return EventStream(process, QuickGenerator(process, rng), detector, min(max(entries, 500), 10_000))
    seed = int(rng.integers(LARGEST_SEED))
    return EventStream(process, PythiaGenerator(process, seed), detector, min(max(entries, 100), 2_000))
