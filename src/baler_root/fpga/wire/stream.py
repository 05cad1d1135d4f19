"""Reads a stream of packets: events in order, and an account of everything else (formats/wire.md#order)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError
from baler_root.fpga.link import Link
from baler_root.fpga.wire.framing import Found, Framing
from baler_root.fpga.wire.ordering import WINDOW, Incident, Ordering
from baler_root.fpga.wire.packets import VERSION, Flag, unpack_fields

CHUNK = 1 << 20
"""Bytes looked at together."""


Rows = NDArray[Any]
"""`Layout.row`, in the order of the events."""


@dataclass(frozen=True, slots=True)
class Account:
    """What became of a run's events on their way."""

    events: int
    """Given out."""
    run: int | None
    """Events of the run, as its end says; None where no end came, so that events behind the last one are unknown."""
    saturated: int
    raw: int
    """Events given out with these flags."""
    lost: int
    """Events that are missing."""
    repeated: int
    reordered: int
    late: int
    """Events that came again, behind later ones, and too late to be put in their place."""
    damaged: int
    damaged_bytes: int
    """Stretches of bytes that are no packets, and their bytes."""
    foreign: int
    """Packets of other models or versions."""
    size: int
    """Bytes of the stream."""

    @property
    def problems(self) -> str:
        """What is wrong, in words; empty if nothing is."""
        parts = [
            f"{self.lost} events lost" if self.lost else "",
            f"{self.damaged} damaged stretches ({self.damaged_bytes} bytes)" if self.damaged else "",
            f"{self.repeated} repeated" if self.repeated else "",
            f"{self.reordered} out of order" if self.reordered else "",
            f"{self.late} too late" if self.late else "",
            f"{self.foreign} packets of other models" if self.foreign else "",
            "no end of the run: events behind the last are unknown" if self.run is None else "",
        ]
        return ", ".join(part for part in parts if part)


class Stream:
    """Bytes in, events out."""

    def __init__(self, link: Link, name: str, window: int = WINDOW) -> None:
        """`name` is what messages call the stream; `window`: how many events back a packet may come."""
        if window < 1:
            raise ConfigError(f"a window of {window} events: at least 1 is needed")
        self.link, self.layout, self.name = link, link.layout, name
        self.ordering = Ordering(link.layout.row, window)
        self._framing = Framing()
        self._end: int | None = None
        """The counter of the last packet that ended a run."""
        self._any = False
        self._size = self._events = self._saturated = self._raw = self._foreign = 0

    @property
    def ended(self) -> bool:
        """Whether the end of the run came."""
        return self._end is not None

    @property
    def _run(self) -> int | None:
        """How many events the run had."""
        return None if self._end is None else self.ordering.unwrapped(self._end)

    @property
    def events(self) -> int:
        """How many were given out."""
        return self._events

    def feed(self, data: bytes) -> Rows:
        """The events that can be given out after these bytes.

        Raises ConfigError where the stream begins with packets of another model or version.
        """
        self._size += len(data)
        found = self._framing.feed(data)
        return self._counted(self.ordering.add(*self._rows(found)))

    def finish(self) -> Rows:
        """The events that were left; nothing may come then."""
        first = self._counted(self.ordering.add(*self._rows(self._framing.finish())))
        return np.concatenate([first, self._counted(self.ordering.finish(self._run))])

    def account(self) -> Account:
        """What became of the events so far."""
        counts = self.ordering.counts
        return Account(
            self._events,
            self._run,
            self._saturated,
            self._raw,
            counts[Incident.LOST],
            counts[Incident.REPEATED],
            counts[Incident.REORDERED],
            counts[Incident.LATE],
            counts[Incident.DAMAGED],
            self.ordering.damaged_bytes,
            self._foreign,
            self._size,
        )

    def _rows(self, found: Found) -> tuple[Rows, list[tuple[int, int]]]:
        """The events as they came, and the stretches of damage before some of them."""
        packets = len(found.starts)
        strangers = np.zeros(packets, np.int64)
        """What other model or version a packet is of; 0 if it is none."""
        parts = [(np.zeros(0, np.int64), np.zeros(0, self.layout.row))]
        for numbers, alike in found.groups():
            heads = (
                alike["kind"].astype(np.int64) << 40 | alike["events"].astype(np.int64) << 32 | alike["model"]
            )
            for head in np.unique(heads).tolist():
                at = np.flatnonzero(heads == head)
                kind, events, model = head >> 40, head >> 32 & 255, head & 0xFFFFFFFF
                fits = kind & 15 == VERSION and self.layout.fits(kind >> 4, events, int(alike["words"][0]))
                if model != self.layout.model or not fits:
                    strangers[numbers[at]] = model + 1
                elif kind >> 4 & Flag.END:
                    self._end = int(alike["counter"][at[-1]])
                else:
                    own = self._events_in(alike[at], Flag(kind >> 4 & Flag.RAW), events)
                    parts.append((np.repeat(numbers[at], events), own))
        if packets and strangers[0] and not self._any:
            self._refuse(int(strangers[0]) - 1)
        self._any |= bool((strangers == 0).any())
        self._foreign += int(np.count_nonzero(strangers))
        of = np.concatenate([packet for packet, _ in parts])
        order = np.argsort(of, kind="stable")
        rows = np.concatenate([own for _, own in parts])[order]
        places = np.searchsorted(of[order], [at for at, _ in found.skipped])
        return rows, [(int(place), size) for place, (_, size) in zip(places, found.skipped, strict=True)]

    def _events_in(self, packets: NDArray[Any], raw: Flag, events: int) -> Rows:
        """The events of packets with so many each, one after another."""
        values = unpack_fields(packets["payload"], self.layout.fields(raw, events))
        values = values.reshape(len(packets) * events, -1)
        rows = np.zeros(len(values), self.layout.row)
        rows["entry"] = (packets["counter"].astype(np.int64)[:, None] + np.arange(events)).reshape(-1)
        rows["values"][:, : values.shape[1]] = values
        saturated = self.link.saturated(self.link.latents(values) if raw else values)
        rows["flags"] = raw | saturated * np.uint8(Flag.SATURATED)
        return rows

    def _refuse(self, model: int) -> None:
        stream, wanted = model.to_bytes(4, "little").hex(), self.layout.digest[:4].hex()
        if stream == wanted:
            raise ConfigError(
                f"{self.name}: packets of the model {wanted}…, but of another version or length than this program "
                f"knows (version {VERSION})"
            )
        raise ConfigError(
            f"{self.name}: packets of the model {stream}…, not of {wanted}…; name the model whose encoder sent them"
        )

    def _counted(self, rows: Rows) -> Rows:
        self._events += len(rows)
        self._saturated += int(np.count_nonzero(rows["flags"] & Flag.SATURATED))
        self._raw += int(np.count_nonzero(rows["flags"] & Flag.RAW))
        return rows
