"""Pseudo-data: simulated events with run and event numbers, without what only simulation has."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np

from ..events import Events
from ..jagged import Ints, flat, with_fields
from .processes import Process

SIMULATED_RUN = 284500
RUNS = 25
TRUTH_FIELDS = ("matched", "flavour", "pt_syst")
"""Fields that are 0 in data. Real files leave the lists `truthMatched` and `trueflav` empty, which uproot
cannot write, since lists with a common prefix share their length."""


@dataclass(slots=True)
class Bookkeeping:
    """Assigns numbers to pseudo-data: one run after another, with rising event numbers in each."""

    rng: np.random.Generator
    run_numbers: tuple[int, int]
    _event: int = 0
    _run: int = -1

    def runs(self) -> Ints:
        """The numbers of all runs."""
        return np.linspace(*self.run_numbers, RUNS).astype(np.int64)

    def as_data(self, events: Events, start: float, end: float) -> Events:
        """The events as data, taken between `start` and `end` of the running time (0 to 1)."""
        n = len(events)
        run_index = (RUNS * (start + (end - start) * np.arange(n) / max(n, 1))).astype(np.int64)
        gaps = 1 + self.rng.geometric(1 / 40_000, n)
        numbers = np.zeros(n, np.int64)
        for i in np.unique(run_index):
            in_run = run_index == i
            if i != self._run:
                self._run, self._event = int(i), int(self.rng.integers(1, 10**8))
            numbers[in_run] = self._event + np.cumsum(gaps[in_run])
            self._event = int(numbers[in_run][-1])
        run = self.runs()[np.minimum(run_index, RUNS - 1)]
        lists = {}
        for name, objects in events.lists.items():
            if name.startswith("truth_"):
                lists[name] = objects[ak.local_index(objects.pt, axis=1) < 0]
                continue
            if not objects.fields:
                lists[name] = objects
                continue
            zeros = {
                field: np.zeros_like(flat(objects[field]))
                for field in TRUTH_FIELDS
                if field in objects.fields
            }
            lists[name] = with_fields(objects, **zeros)
        zero = np.zeros(n)
        blank = {name: zero for name in events.scalars if name.startswith("SF_")}
        return Events(lists, {**events.scalars, **blank}).with_scalars(
            mcWeight=zero, met_syst=zero, runNumber=run, channelNumber=run, eventNumber=numbers,
            category=np.full(n, "data"),
        )  # fmt: skip


def as_simulation(events: Events, process: Process) -> Events:
    """The events with the number and name of their process.

    The event number is the position among all generated events.
    """
    n = len(events)
    return events.with_scalars(
        runNumber=np.full(n, SIMULATED_RUN),
        channelNumber=np.full(n, process.number),
        category=np.full(n, process.name),
        eventNumber=events.scalars["index"] + 1,
    )
