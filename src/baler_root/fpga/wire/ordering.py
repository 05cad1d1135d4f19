"""Sorts events that arrive in any order, and counts those that do not arrive (formats/wire.md#order)."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 4096
"""Largest distance behind the highest event at which a packet is still put in its place [events]."""


INCIDENT = np.dtype([("kind", "u1"), ("first", "<i8"), ("stop", "<i8"), ("bytes", "<u4")])
"""Record of an incident with the events from `first` to below `stop`."""


Entries = NDArray[np.int64]


Events = NDArray[Any]
"""Structured array of events with a field `entry` (on arrival its low 32 bits).

Other fields are not touched.
"""


class Incident(IntEnum):
    """Kinds of incident on a wire."""

    LOST = 1
    """The events are missing from the stream, or not whole."""
    DAMAGED = 2
    """Bytes that are no packet lie between the packets before and after these events."""
    REPEATED = 3
    """The event arrived again; the first arrival counts."""
    REORDERED = 4
    """The event arrived after later ones, and was put in its place."""
    LATE = 5
    """The event arrived too late for its place, and was left out."""


class Ordering:
    """Takes events as they arrive and returns them in order; at most `window` of them wait inside."""

    def __init__(self, dtype: np.dtype[Any], window: int = WINDOW) -> None:
        self._window = window
        self._waiting: Events = np.zeros(0, dtype)
        self._highest = -1
        """The highest event that arrived; -1 before the first."""
        self._next = 0
        """The next event to return."""
        self._open: list[int] = []
        """Bytes of each damaged stretch after which no event has arrived yet."""
        self._incidents: list[NDArray[Any]] = []
        self.counts: Counter[Incident] = Counter()
        """Events in each kind of incident; for DAMAGED, stretches of bytes."""
        self.damaged_bytes = 0

    def take_incidents(self) -> NDArray[Any]:
        """Incidents since the last call (`INCIDENT`)."""
        incidents = np.concatenate([np.zeros(0, INCIDENT), *self._incidents])
        self._incidents.clear()
        return incidents

    def add(self, arrived: Events, damage: list[tuple[int, int]]) -> Events:
        """Add events in their order of arrival; returns, sorted, the events that no longer have to wait.

        `damage` has (index of the next event, bytes) of each damaged stretch.
        """
        events = arrived.copy()
        entries = events["entry"] = self._unwrap(events["entry"])
        highest_before = np.maximum.accumulate(np.concatenate([[self._highest], entries]))
        self._note_damage(entries, highest_before, damage)
        self._highest = int(highest_before[-1])
        highest_before = highest_before[:-1]
        late = (entries <= highest_before - self._window) | (entries < 0)
        self._note(Incident.LATE, entries[late])
        events = np.concatenate([self._waiting, events[~late]])
        overtaken = np.concatenate(
            [np.zeros(len(self._waiting), np.bool_), (entries < highest_before)[~late]]
        )
        order = np.argsort(events["entry"], kind="stable")  # of equal events the first arrival stays first
        events, overtaken = events[order], overtaken[order]
        repeated = np.diff(events["entry"], prepend=-1) == 0
        self._note(Incident.REPEATED, events["entry"][repeated])
        self._note(Incident.REORDERED, events["entry"][overtaken & ~repeated])
        events = events[~repeated]
        ready = int(np.searchsorted(events["entry"], self._highest - self._window, side="right"))
        self._waiting = events[ready:].copy()
        return self._release(events[:ready])

    def finish(self, events: int | None) -> Events:
        """The events that still wait; `events` is the number of events of the run, None if unknown."""
        self._close_damage(events or 0)
        waiting = self._release(self._waiting)
        self._waiting = self._waiting[:0]
        if events is not None and events > self._next:
            self._note_lost(np.array([self._next]), np.array([events]))
            self._next = events
        return waiting

    def unwrap(self, counter: int) -> int:
        """The number nearest to the highest event whose low 32 bits are `counter`."""
        return int(self._unwrap(np.array([counter]))[0])

    def _unwrap(self, counters: Entries) -> Entries:
        reference = self._highest if self._highest >= 0 or not len(counters) else int(counters[0])
        return reference + ((counters - reference + (1 << 31)) % (1 << 32) - (1 << 31))

    def _release(self, events: Events) -> Events:
        """The events unchanged, after gaps before and between them were noted as lost."""
        if len(events):
            stops = events["entry"]
            firsts = np.concatenate([[self._next], stops[:-1] + 1])
            gaps = stops > firsts
            self._note_lost(firsts[gaps], stops[gaps])
            self._next = int(stops[-1]) + 1
        return events

    def _note_damage(self, entries: Entries, highest_before: Entries, damage: list[tuple[int, int]]) -> None:
        """Note the damaged stretches before and between arriving events; keep those after the last one open.

        `highest_before` has the highest event before each arrival, and at its end the highest of all.
        """
        self._open += [size for index, size in damage if not index]
        if not len(entries):
            return
        self._close_damage(int(entries[0]))
        for index, size in damage:
            if 0 < index < len(entries):
                self._note_damaged(int(highest_before[index]) + 1, int(entries[index]), size)
        self._open = [size for index, size in damage if index == len(entries)]

    def _close_damage(self, stop: int) -> None:
        """Note the open damaged stretches; the next event that arrived is `stop`."""
        for size in self._open:
            self._note_damaged(self._highest + 1, stop, size)
        self._open.clear()

    def _note_lost(self, firsts: Entries, stops: Entries) -> None:
        self.counts[Incident.LOST] += int((stops - firsts).sum())
        self._append(Incident.LOST, firsts, stops)

    def _note_damaged(self, first: int, stop: int, size: int) -> None:
        self.counts[Incident.DAMAGED] += 1
        self.damaged_bytes += size
        self._append(Incident.DAMAGED, np.array([first]), np.array([max(first, stop)]), size)

    def _note(self, kind: Incident, entries: Entries) -> None:
        self.counts[kind] += len(entries)
        self._append(kind, entries, entries + 1)

    def _append(self, kind: Incident, firsts: Entries, stops: Entries, size: int = 0) -> None:
        if len(firsts):
            records = np.zeros(len(firsts), INCIDENT)
            records["kind"], records["first"], records["stop"], records["bytes"] = kind, firsts, stops, size
            self._incidents.append(records)
