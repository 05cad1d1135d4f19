"""A board in software: encodes rows of a ROOT file with the integers of a model, and sends the packets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.container.write import AtomicFile
from baler_root.errors import ConfigError, OutputError, SourceError
from baler_root.fpga.address import Address
from baler_root.fpga.faults import Faults, FaultyWire
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link
from baler_root.fpga.packets import Flag

DATAGRAM = 1400
"""Bytes of packets in a datagram, at most: what Ethernet carries in one piece."""

ENDS = 3
"""How often the end of the run is sent: it may be lost, too."""

PACE = 1e-3
"""Seconds by which a sender may be early: sleeping shorter is not exact."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a board has sent; sizes in bits and bytes, time in seconds."""

    source: str
    target: str
    events: int
    saturated: int
    raw: int
    """Events sent as they are: a latent saturated, a value was off its axis, or the row is unlike those learned from."""
    bits_in: int
    """Of the input codes of an event."""
    bits_out: float
    """Of a packet, in the mean: header, checksum and raw events included."""
    size: int
    """Of all packets that left the board."""
    faults: dict[str, int]
    """Packets that each was put into."""
    seconds: float

    @property
    def rate(self) -> float:
        """Events in a second."""
        return self.events / max(self.seconds, 1e-9)


class Board:
    """Makes packets of rows."""

    def __init__(self, link: Link, pass_through: bool = True) -> None:
        """With `pass_through` rows of which latents tell too little are sent as they are."""
        self._link, self._pass_through = link, pass_through
        self.events = self.saturated = self.raw = 0

    def packets(self, rows: Rows) -> list[bytes]:
        """A packet for each row, in their order."""
        link, layout = self._link, self._link.layout
        latents = link.definition(rows.codes)
        limits = link.definition.output
        saturated = ((latents == limits.low) | (latents == limits.high)).any(axis=1)
        raw = np.zeros(len(latents), np.bool_)
        if self._pass_through:
            raw = saturated | rows.odd
            if link.model.anomaly is not None:
                raw |= link.model.anomaly.scores(latents) > link.model.anomaly.threshold
        flags = (saturated * np.uint8(Flag.SATURATED)).astype(np.uint8)
        counters = self.events + np.arange(len(latents))
        out: list[bytes] = [b""] * len(latents)
        parts: list[tuple[NDArray[Any], list[bytes]]] = [
            (~raw, layout.pack(counters[~raw], latents[~raw], flags[~raw])),
            (raw, layout.pack_raw(counters[raw], rows.codes[raw], flags[raw])),
        ]
        for chosen, made in parts:
            for at, packet in zip(np.flatnonzero(chosen).tolist(), made, strict=True):
                out[at] = packet
        self.events += len(out)
        self.saturated += int(saturated.sum())
        self.raw += int(raw.sum())
        return out

    def end(self) -> bytes:
        """The end of the run."""
        return self._link.layout.pack_end(self.events)


def send(
    source: str | os.PathLike[str],
    model: str | os.PathLike[str],
    target: str,
    *,
    tree: str | None = None,
    rate: float | None = None,
    events: int | None = None,
    pass_through: bool = True,
    faults: Faults | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Sent:
    """Send the rows of a ROOT file as packets to `target`, `HOST:PORT` for datagrams or else the name of a new file.

    `rate` is in events per second; without it, as fast as it goes. With `events` the file is sent from its beginning
    again until there are so many. `faults` hit packets after the board, of `seed`; the end of the run is spared.

    Raises SourceError, ConfigError, FormatError (of the model) or OutputError.
    """
    link = Link.open(model, tree)
    if rate is not None and not rate > 0:
        raise ConfigError(f"a rate of {rate} events per second: more than 0 are needed")
    board, wire = Board(link, pass_through), FaultyWire(faults or Faults(), seed)
    started = time.perf_counter()
    made = 0

    def carried() -> Iterator[bytes]:
        nonlocal made
        for rows in _repeated(link, source, events):
            packets = board.packets(rows)
            made += sum(map(len, packets))
            yield from wire.carry(packets)
        yield from [board.end()] * ENDS

    address = Address.find(target)
    size = _record(target, carried(), overwrite) if address is None else _datagrams(address, carried(), rate)
    return Sent(
        os.fspath(source),
        target,
        board.events,
        board.saturated,
        board.raw,
        link.definition.input_bits,
        8 * made / max(1, board.events),
        size,
        {str(fault): count for fault, count in wire.counts.items()},
        time.perf_counter() - started,
    )


def _repeated(link: Link, source: str | os.PathLike[str], events: int | None) -> Iterator[Rows]:
    """The rows of a file, once, or so many of them from its beginning again and again."""
    if events is None:
        yield from rows_of(link, source)
        return
    left = events
    while left > 0:
        before = left
        for rows in rows_of(link, source):
            yield Rows(rows.codes[:left], rows.odd[:left])
            left -= min(left, len(rows.odd))
            if not left:
                return
        if left == before:
            raise SourceError(f"{os.fspath(source)}: has no rows to send")


def _record(target: str, packets: Iterator[bytes], overwrite: bool) -> int:
    """Write the packets one after another to a new file; returns its size."""
    file = AtomicFile(target, overwrite)
    try:
        for packet in packets:
            file.file.write(packet)
        size = file.file.tell()
        file.commit()
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error})") from None
    finally:
        file.discard()
    return size


def _datagrams(address: Address, packets: Iterator[bytes], rate: float | None) -> int:
    """Send the packets, as many in a datagram as fit; returns their size."""
    started = time.perf_counter()
    size = sent = 0
    with socket.socket(address.family, socket.SOCK_DGRAM) as out:
        waiting = bytearray()
        for packet in chain(packets, [b""]):
            if waiting and (not packet or len(waiting) + len(packet) > DATAGRAM):
                try:
                    out.sendto(waiting, address.where)
                except OSError as error:
                    raise OutputError(f"{address}: cannot be sent to ({error.strerror})") from None
                size += len(waiting)
                waiting.clear()
                early = 0.0 if rate is None else sent / rate - (time.perf_counter() - started)
                if early > PACE:
                    time.sleep(early)
            waiting += packet
            sent += 1
    return size
