"""Puts events that came in any order into theirs, and accounts for those that did not come (formats/wire.md#order)."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 4096
"""How far back, in events, a packet may come and still be put in its place."""


INCIDENT = np.dtype([("kind", "u1"), ("first", "<i8"), ("stop", "<i8"), ("bytes", "<u4")])
"""Something that happened to the events `first` to below `stop`."""


Entries = NDArray[np.int64]


Rows = NDArray[Any]
"""With the fields `entry` (in arrival order: 32 bits of it), and others that are left alone."""


class Incident(IntEnum):
    """What can happen to events on a wire."""

    LOST = 1
    """They are not in the stream, or not whole."""
    DAMAGED = 2
    """Between the packets before and behind these events lie bytes that are no packet."""
    REPEATED = 3
    """The event came again; the first one counts."""
    REORDERED = 4
    """The event came behind later ones, and was put in its place."""
    LATE = 5
    """The event came too late for that, and was left out."""


class Ordering:
    """Receives events as they come, and gives them out in order; at most `window` of them wait."""

    def __init__(self, dtype: np.dtype[Any], window: int = WINDOW) -> None:
        self._window = window
        self._waiting: Rows = np.zeros(0, dtype)
        self._highest = -1
        self._next = 0
        """The event to be given out next."""
        self._open: list[int] = []
        """Bytes of the damaged stretches behind which no event has come."""
        self._incidents: list[NDArray[Any]] = []
        self.counts: Counter[Incident] = Counter()
        """Events of each kind of incident; stretches of bytes for DAMAGED."""
        self.damaged_bytes = 0

    @property
    def highest(self) -> int:
        """The latest event that came; -1 before the first."""
        return self._highest

    def take_incidents(self) -> NDArray[Any]:
        """What happened since this was last asked."""
        out = np.concatenate([np.zeros(0, INCIDENT), *self._incidents])
        self._incidents.clear()
        return out

    def add(self, rows: Rows, damage: list[tuple[int, int]]) -> Rows:
        """Those events that have no others to wait for, in order.

        `rows` are in the order in which they came; `damage` has (number of the row behind it, bytes) of each stretch
        that is no packet.
        """
        entries = rows["entry"] = self._unwrapped(rows["entry"])
        before = np.maximum.accumulate(np.concatenate([[self._highest], entries]))
        self._open += [size for number, size in damage if not number]
        if len(entries):
            self._close(int(entries[0]))
        for number, size in damage:
            if 0 < number < len(entries):
                self._damaged(int(before[number]) + 1, int(entries[number]), size)
        if len(entries):
            self._open = [size for number, size in damage if number == len(entries)]
        self._highest = int(before[-1])
        before = before[:-1]
        late = (entries <= before - self._window) | (entries < 0)
        self._note(Incident.LATE, entries[late])
        fresh = np.concatenate([self._waiting, rows[~late]])
        behind = np.concatenate([np.zeros(len(self._waiting), np.bool_), (entries < before)[~late]])
        order = np.argsort(fresh["entry"], kind="stable")  # of equal ones the first that came stays first
        fresh, behind = fresh[order], behind[order]
        again = np.diff(fresh["entry"], prepend=-1) == 0
        self._note(Incident.REPEATED, fresh["entry"][again])
        self._note(Incident.REORDERED, fresh["entry"][behind & ~again])
        fresh = fresh[~again]
        ready = int(np.searchsorted(fresh["entry"], self._highest - self._window, side="right"))
        self._waiting = fresh[ready:].copy()
        return self._given(fresh[:ready])

    def finish(self, events: int | None) -> Rows:
        """The events that still wait. `events` is how many the run had, if that is known."""
        self._close(events or 0)
        rows = self._given(self._waiting)
        self._waiting = self._waiting[:0]
        if events is not None and events > self._next:
            self._lost(np.array([self._next]), np.array([events]))
            self._next = events
        return rows

    def unwrapped(self, counter: int) -> int:
        """The number, near the latest event, whose last 32 bits are these."""
        return int(self._unwrapped(np.array([counter]))[0])

    def _unwrapped(self, counters: Entries) -> Entries:
        reference = self._highest if self._highest >= 0 or not len(counters) else int(counters[0])
        return reference + ((counters - reference + (1 << 31)) % (1 << 32) - (1 << 31))

    def _close(self, stop: int) -> None:
        """Note the damage behind which no event has come before `stop`."""
        for size in self._open:
            self._damaged(self._highest + 1, stop, size)
        self._open.clear()

    def _given(self, rows: Rows) -> Rows:
        """The same, after what is missing before and between them was noted."""
        if len(rows):
            stops = rows["entry"]
            firsts = np.concatenate([[self._next], stops[:-1] + 1])
            gaps = stops > firsts
            self._lost(firsts[gaps], stops[gaps])
            self._next = int(stops[-1]) + 1
        return rows

    def _lost(self, firsts: Entries, stops: Entries) -> None:
        self.counts[Incident.LOST] += int((stops - firsts).sum())
        self._append(Incident.LOST, firsts, stops)

    def _damaged(self, first: int, stop: int, size: int) -> None:
        self.counts[Incident.DAMAGED] += 1
        self.damaged_bytes += size
        self._append(Incident.DAMAGED, np.array([first]), np.array([max(first, stop)]), size)

    def _note(self, kind: Incident, entries: Entries) -> None:
        self.counts[kind] += len(entries)
        self._append(kind, entries, entries + 1)

    def _append(self, kind: Incident, firsts: Entries, stops: Entries, size: int = 0) -> None:
        if len(firsts):
            out = np.zeros(len(firsts), INCIDENT)
            out["kind"], out["first"], out["stop"], out["bytes"] = kind, firsts, stops, size
            self._incidents.append(out)
