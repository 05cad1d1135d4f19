"""Reads a packet stream: returns the events in order, and counts everything else (formats/wire.md#order)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError
from baler_root.fpga.link import Link
from baler_root.fpga.wire.framing import FramedPackets, Framing
from baler_root.fpga.wire.ordering import WINDOW, Events, Incident, Ordering
from baler_root.fpga.wire.packets import VERSION, Flag, unpack_fields

CHUNK = 1 << 20
"""Bytes that are read from a file at once."""


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """Counts of a run's events and of the incidents on their way."""

    events: int
    """Events returned."""
    run: int | None
    """Events of the run by its end packet; None without one: events after the last are then unknown."""
    saturated: int
    """Events returned that have a saturated latent."""
    raw: int
    """Events returned that were sent raw."""
    lost: int
    """Events that are missing."""
    repeated: int
    """Events that arrived again."""
    reordered: int
    """Events that arrived after later ones, and were put in their place."""
    late: int
    """Events that arrived too late for their place, and were left out."""
    damaged: int
    """Stretches of bytes that are no packets."""
    damaged_bytes: int
    """Bytes in the damaged stretches."""
    foreign: int
    """Packets of other models or versions."""
    size: int
    """Bytes of the stream."""

    @property
    def problems(self) -> str:
        """The incidents in words; empty if there were none."""
        parts = [
            f"{self.lost} events lost" if self.lost else "",
            f"{self.damaged} damaged stretches ({self.damaged_bytes} bytes)" if self.damaged else "",
            f"{self.repeated} repeated" if self.repeated else "",
            f"{self.reordered} out of order" if self.reordered else "",
            f"{self.late} too late" if self.late else "",
            f"{self.foreign} packets of other models" if self.foreign else "",
            "no end of the run: events after the last are unknown" if self.run is None else "",
        ]
        return ", ".join(part for part in parts if part)


class Stream:
    """Turns the bytes of a packet stream into events (`PacketLayout.event_dtype`)."""

    def __init__(self, link: Link, name: str, window: int = WINDOW) -> None:
        """`name` is the stream's name in messages; `window` is how far behind a packet may arrive [events].

        Raises ConfigError for a window below 1.
        """
        if window < 1:
            raise ConfigError(f"a window of {window} events: at least 1 is needed")
        self.link, self.layout, self.name = link, link.layout, name
        self.ordering = Ordering(link.layout.event_dtype, window)
        self._framing = Framing()
        self._end: int | None = None
        """Counter of the last end packet."""
        self._recognised = False
        """Whether a packet of this model has arrived."""
        self._size = self._events = self._saturated = self._raw = self._foreign = 0

    @property
    def ended(self) -> bool:
        """Whether an end packet has arrived."""
        return self._end is not None

    def feed(self, data: bytes) -> Events:
        """The events that are complete and in order after these bytes.

        Raises ConfigError if the stream begins with packets of another model or version.
        """
        self._size += len(data)
        return self._count(self.ordering.add(*self._unpack(self._framing.feed(data))))

    def finish(self) -> Events:
        """The remaining events, at the end of the stream."""
        events = self._count(self.ordering.add(*self._unpack(self._framing.finish())))
        return np.concatenate([events, self._count(self.ordering.finish(self._run_length))])

    def statistics(self) -> StreamStatistics:
        """The counts so far."""
        counts = self.ordering.counts
        return StreamStatistics(
            self._events,
            self._run_length,
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

    @property
    def _run_length(self) -> int | None:
        """Events of the run; None before an end packet."""
        return None if self._end is None else self.ordering.unwrap(self._end)

    def _unpack(self, framed: FramedPackets) -> tuple[Events, list[tuple[int, int]]]:
        """Events in order of arrival, and (index of the next event, bytes) of each damaged stretch."""
        packets = len(framed.starts)
        foreign = np.zeros(
            packets, np.int64
        )  # model id + 1 of packets of other models or versions, otherwise 0
        sources = [np.zeros(0, np.int64)]  # index of the packet that each event came in
        parts = [np.zeros(0, self.layout.event_dtype)]
        for numbers, group in framed.groups():
            headers = (
                group["kind"].astype(np.int64) << 40 | group["events"].astype(np.int64) << 32 | group["model"]
            )
            for header in np.unique(headers).tolist():
                members = np.flatnonzero(headers == header)
                kind, events, model = header >> 40, header >> 32 & 255, header & 0xFFFFFFFF
                valid = kind & 15 == VERSION and self.layout.is_possible(
                    kind >> 4, events, int(group["words"][0])
                )
                if model != self.layout.model_id or not valid:
                    foreign[numbers[members]] = model + 1
                elif kind >> 4 & Flag.END:
                    self._end = int(group["counter"][members[-1]])
                else:
                    sources.append(np.repeat(numbers[members], events))
                    parts.append(self._unpack_events(group[members], Flag(kind >> 4 & Flag.RAW), events))
        if packets and foreign[0] and not self._recognised:
            self._refuse(int(foreign[0]) - 1)
        self._recognised |= bool((foreign == 0).any())
        self._foreign += int(np.count_nonzero(foreign))
        source = np.concatenate(sources)
        order = np.argsort(source, kind="stable")
        arrived = np.concatenate(parts)[order]
        following = np.searchsorted(source[order], [packet for packet, _ in framed.skipped])
        damage = [(int(index), size) for index, (_, size) in zip(following, framed.skipped, strict=True)]
        return arrived, damage

    def _unpack_events(self, packets: NDArray[Any], raw: Flag, count: int) -> Events:
        """Events of packets that carry `count` each, one packet after another."""
        values = unpack_fields(packets["payload"], self.layout.field_widths(raw, count))
        values = values.reshape(len(packets) * count, -1)
        events = np.zeros(len(values), self.layout.event_dtype)
        events["entry"] = (packets["counter"].astype(np.int64)[:, None] + np.arange(count)).reshape(-1)
        events["values"][:, : values.shape[1]] = values
        saturated = self.link.saturated(self.link.latents(values) if raw else values)
        events["flags"] = raw | saturated * np.uint8(Flag.SATURATED)
        return events

    def _refuse(self, model: int) -> None:
        stream, expected = model.to_bytes(4, "little").hex(), self.layout.digest[:4].hex()
        if stream == expected:
            raise ConfigError(
                f"{self.name}: packets of the model {expected}…, but of another version or length than this program "
                f"knows (version {VERSION})"
            )
        raise ConfigError(
            f"{self.name}: packets of the model {stream}…, not of {expected}…; name the model whose encoder sent them"
        )

    def _count(self, events: Events) -> Events:
        """The events unchanged, after they were counted as returned."""
        self._events += len(events)
        self._saturated += int(np.count_nonzero(events["flags"] & Flag.SATURATED))
        self._raw += int(np.count_nonzero(events["flags"] & Flag.RAW))
        return events
