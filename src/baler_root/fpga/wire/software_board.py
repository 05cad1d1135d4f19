"""A board in software: encodes rows of a ROOT file with the integers of a model, and sends the packets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, OutputError, SourceError
from baler_root.format.container.write import AtomicFile
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link
from baler_root.fpga.wire.address import Address
from baler_root.fpga.wire.fault_injection import Faults, FaultyWire
from baler_root.fpga.wire.packets import EVENTS_AT, Flag

DATAGRAM = 1400
"""Bytes of packets in a datagram, at most: what Ethernet carries in one piece."""


TOGETHER = 8
"""Events in a packet: the header then weighs little, and a lost packet loses few."""


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

    def __init__(self, link: Link, together: int = TOGETHER, pass_through: bool = True) -> None:
        """`together`: events of which a packet has the latents, at most.

        With `pass_through` rows of which latents tell too little are sent as they are. Raises ConfigError.
        """
        if not 1 <= together <= link.layout.most:
            raise ConfigError(f"{together} events in a packet: from 1 to {link.layout.most} are possible")
        self._link, self._together, self._pass_through = link, together, pass_through
        self.events = self.saturated = self.raw = 0

    def packets(self, rows: Rows) -> list[bytes]:
        """The rows in packets, in their order."""
        link, layout = self._link, self._link.layout
        latents = link.latents(rows.codes)
        saturated = link.saturated(latents)
        raw = np.zeros(len(latents), np.bool_)
        if self._pass_through:
            raw = link.alone(latents, rows.odd)
            if link.model.anomaly is not None:
                raw |= link.model.anomaly.scores(latents) > link.model.anomaly.threshold
        starts, counts = pieces(raw, self._together)
        out: list[bytes] = [b""] * len(starts)
        for events, alone in sorted(set(zip(counts.tolist(), raw[starts].tolist(), strict=True))):
            at = np.flatnonzero((counts == events) & (raw[starts] == alone))
            members = starts[at][:, None] + np.arange(events)
            flags = np.where(saturated[members].any(axis=1), np.uint8(Flag.SATURATED), np.uint8(0))
            values = (rows.codes if alone else latents)[members]
            made = layout.pack(self.events + starts[at], values, flags, alone)
            for place, packet in zip(at.tolist(), made, strict=True):
                out[place] = packet
        self.events += len(latents)
        self.saturated += int(saturated.sum())
        self.raw += int(raw.sum())
        return out

    def end(self) -> bytes:
        """The end of the run."""
        return self._link.layout.pack_end(self.events)


def pieces(raw: NDArray[np.bool_], together: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each packet begins among the rows, and how many it has: one that is raw, or up to `together` others."""
    number = np.arange(len(raw))
    since = number - np.maximum.accumulate(np.where(raw, number + 1, 0))  # rows since the last raw one
    starts = np.flatnonzero(raw | (since % together == 0))
    return starts, np.diff(starts, append=len(raw))


def send(
    source: str | os.PathLike[str],
    model: str | os.PathLike[str],
    target: str,
    *,
    tree: str | None = None,
    rate: float | None = None,
    events: int | None = None,
    together: int = TOGETHER,
    pass_through: bool = True,
    faults: Faults | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Sent:
    """Send the rows of a ROOT file as packets to `target`, `HOST:PORT` for datagrams or else the name of a new file.

    `rate` is in events per second; without it, as fast as it goes. `together` and `pass_through` are as `Board` has
    them. With `events` the file is sent from its beginning
    again until there are so many. `faults` hit packets after the board, of `seed`; the end of the run is spared.

    Raises SourceError, ConfigError, FormatError (of the model) or OutputError.
    """
    link = Link.open(model, tree)
    if rate is not None and not rate > 0:
        raise ConfigError(f"a rate of {rate} events per second: more than 0 are needed")
    board, wire = Board(link, together, pass_through), FaultyWire(faults or Faults(), seed)
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
            yield rows.only(slice(left))
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
            sent += packet[EVENTS_AT] if packet else 0
    return size
