"""A board in software: encodes rows of a ROOT file with a model's integers, and sends the packets."""

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
from baler_root.format.container.atomic_file import AtomicFile
from baler_root.fpga.front_end import InputRows, read_rows
from baler_root.fpga.link import Link
from baler_root.fpga.wire.address import Address
from baler_root.fpga.wire.fault_injection import Faults, FaultyWire
from baler_root.fpga.wire.packets import EVENTS_OFFSET, Flag

DATAGRAM_SIZE = 1400
"""Most bytes of packets in a datagram: Ethernet carries these without splitting them."""


EVENTS_PER_PACKET = 8
"""Default of the most events in a packet: the header is then small, and a lost packet loses few events."""


END_REPEATS = 3
"""Copies of the end packet that are sent, since it may be lost like any other."""


MIN_SLEEP = 1e-3
"""Shortest time to sleep for the requested rate [s]; shorter sleeps are not exact."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Rows that are sent, and how; raises ConfigError for a rate that is not positive."""

    rate: float | None = None
    """Events per second; None for as fast as possible."""
    events: int | None = None
    """Number of events, from the file's beginning again if needed; None for each row once."""
    events_per_packet: int = EVENTS_PER_PACKET
    """Most events whose latents are in one packet."""
    pass_through: bool = True
    """Send rows raw that latents represent poorly."""
    faults: Faults = Faults()  # noqa: RUF009 - frozen
    """Faults of the wire after the board; end packets are spared."""
    seed: int = 0
    """Seed of the faults."""

    def __post_init__(self) -> None:
        if self.rate is not None and not self.rate > 0:
            raise ConfigError(f"a rate of {self.rate} events per second: it must be more than 0")


@dataclass(frozen=True, slots=True)
class SendReport:
    """Rows that a board has sent."""

    source: str
    target: str
    events: int
    saturated: int
    """Events with a saturated latent."""
    raw: int
    """Events sent raw: a latent saturates, a value is out of range, or the row is an outlier."""
    bits_in: int
    """Bits of the input codes of an event."""
    bits_out: float
    """Mean bits of an event in packets: headers, checksums and raw events included."""
    size: int
    """Bytes of all packets that left the wire."""
    faults: dict[str, int]
    """Packets that each fault has hit."""
    seconds: float

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / max(self.seconds, 1e-9)


class Board:
    """Makes packets of rows, and counts the events."""

    def __init__(
        self, link: Link, events_per_packet: int = EVENTS_PER_PACKET, pass_through: bool = True
    ) -> None:
        """See `SendOptions`; raises ConfigError for more events than a packet can carry."""
        if not 1 <= events_per_packet <= link.layout.max_events:
            raise ConfigError(
                f"{events_per_packet} events in a packet: from 1 to {link.layout.max_events} are possible"
            )
        self._link, self._events_per_packet, self._pass_through = link, events_per_packet, pass_through
        self.events = self.saturated = self.raw = 0

    def packets(self, rows: InputRows) -> list[bytes]:
        """Packets of the rows, in their order."""
        link, layout = self._link, self._link.layout
        latents = link.latents(rows.codes)
        saturated = link.saturated(latents)
        raw = self._raw_rows(latents, rows.out_of_range)
        starts, counts = packet_groups(raw, self._events_per_packet)
        packets: list[bytes] = [b""] * len(starts)
        for count, is_raw in sorted(set(zip(counts.tolist(), raw[starts].tolist(), strict=True))):
            indices = np.flatnonzero((counts == count) & (raw[starts] == is_raw))
            members = starts[indices][:, None] + np.arange(count)
            flags = np.where(saturated[members].any(axis=1), np.uint8(Flag.SATURATED), np.uint8(0))
            values = (rows.codes if is_raw else latents)[members]
            packed = layout.pack(self.events + starts[indices], values, flags, is_raw)
            for index, packet in zip(indices.tolist(), packed, strict=True):
                packets[index] = packet
        self.events += len(latents)
        self.saturated += int(saturated.sum())
        self.raw += int(raw.sum())
        return packets

    def end(self) -> bytes:
        """The end packet of the run."""
        return self._link.layout.pack_end(self.events)

    def _raw_rows(self, latents: NDArray[np.integer], out_of_range: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each row is sent raw."""
        if not self._pass_through:
            return np.zeros(len(latents), np.bool_)
        raw = self._link.passed_through(latents, out_of_range)
        detector = self._link.model.outlier_detector
        return raw if detector is None else raw | (detector.scores(latents) > detector.threshold)


def packet_groups(
    raw: NDArray[np.bool_], events_per_packet: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and number of rows of each packet: one raw row, or up to `events_per_packet` others."""
    number = np.arange(len(raw))
    since = number - np.maximum.accumulate(np.where(raw, number + 1, 0))  # rows since the last raw one
    starts = np.flatnonzero(raw | (since % events_per_packet == 0))
    return starts, np.diff(starts, append=len(raw))


def send(
    source: str | os.PathLike[str],
    model: str | os.PathLike[str],
    target: str,
    options: SendOptions | None = None,
    *,
    tree: str | None = None,
    overwrite: bool = False,
) -> SendReport:
    """Send the rows of a ROOT file as packets.

    `target` is `HOST:PORT` for datagrams, or the name of a new file. `model` is a `.balermodel` file; `tree`
    chooses one of several models by its tree.

    Raises SourceError, ConfigError, FormatError (of the model) or OutputError.
    """
    options = options or SendOptions()
    link = Link.open(model, tree)
    board = Board(link, options.events_per_packet, options.pass_through)
    wire = FaultyWire(options.faults, options.seed)
    started = time.perf_counter()
    packed = 0

    def packets() -> Iterator[bytes]:
        nonlocal packed
        for rows in _batches(link, source, options.events):
            batch = board.packets(rows)
            packed += sum(map(len, batch))
            yield from wire.transmit(batch)
        yield from [board.end()] * END_REPEATS

    address = Address.parse_optional(target)
    if address is None:
        size = _record(target, packets(), overwrite)
    else:
        size = _send_datagrams(address, packets(), options.rate)
    return SendReport(
        os.fspath(source),
        target,
        board.events,
        board.saturated,
        board.raw,
        link.definition.input_bits,
        8 * packed / max(1, board.events),
        size,
        {str(fault): count for fault, count in wire.counts.items()},
        time.perf_counter() - started,
    )


def _batches(link: Link, source: str | os.PathLike[str], events: int | None) -> Iterator[InputRows]:
    """The rows of a file once, or `events` of them, from the file's beginning again and again."""
    if events is None:
        yield from read_rows(link, source)
        return
    remaining = events
    while remaining > 0:
        remaining_before = remaining
        for rows in read_rows(link, source):
            yield rows.part(slice(remaining))
            remaining -= min(remaining, len(rows.codes))
            if not remaining:
                return
        if remaining == remaining_before:
            raise SourceError(f"{os.fspath(source)}: has no rows to send")


def _record(target: str, packets: Iterator[bytes], overwrite: bool) -> int:
    """Write the packets to a new file; returns its size."""
    output = AtomicFile(target, overwrite)
    try:
        for packet in packets:
            output.file.write(packet)
        size = output.file.tell()
        output.commit()
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error})") from None
    finally:
        output.discard()
    return size


def _send_datagrams(address: Address, packets: Iterator[bytes], rate: float | None) -> int:
    """Send the packets, as many per datagram as fit, at `rate` events per second.

    Returns their size [bytes].
    """
    started = time.perf_counter()
    size = events = 0
    with socket.socket(address.family, socket.SOCK_DGRAM) as sender:
        waiting = bytearray()
        for packet in chain(packets, [b""]):
            if waiting and (not packet or len(waiting) + len(packet) > DATAGRAM_SIZE):
                try:
                    sender.sendto(waiting, address.sockaddr)
                except OSError as error:
                    raise OutputError(f"{address}: cannot be sent to ({error.strerror})") from None
                size += len(waiting)
                waiting.clear()
                early = 0.0 if rate is None else events / rate - (time.perf_counter() - started)
                if early > MIN_SLEEP:
                    time.sleep(early)
            waiting += packet
            events += packet[EVENTS_OFFSET] if packet else 0
    return size
