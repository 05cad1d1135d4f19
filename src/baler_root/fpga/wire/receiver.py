"""Receives packets as datagrams and decodes them to a `.baler` file as they arrive, in constant memory."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Self

from baler_root.errors import ConfigError, SourceError
from baler_root.fpga.link import Link
from baler_root.fpga.wire.address import Address
from baler_root.fpga.wire.decode import DecodeReport, write_stream
from baler_root.fpga.wire.ordering import WINDOW
from baler_root.fpga.wire.stream import Stream

MAX_DATAGRAM = 1 << 16
"""Most bytes of a datagram."""


CHUNK = 1 << 18
"""Bytes after which a chunk is handed over to be decoded."""


MAX_WAITING = 256
"""Most chunks that wait to be decoded (64 MiB); data that arrives then is lost, and counted as lost."""


KERNEL_BUFFER = 1 << 23
"""Size of the receive buffer requested from the system [bytes]; it may grant less."""


POLL = 0.05
"""Time without data after which a chunk is handed over although it is not full [s]."""


LINGER = 0.5
"""Silence after the end packet in which overtaken packets may still arrive [s]."""


def receive(
    address: str,
    target: str | os.PathLike[str],
    model: str | os.PathLike[str],
    *,
    tree: str | None = None,
    idle: float = 10.0,
    window: int = WINDOW,
    overwrite: bool = False,
    listening: Callable[[str], None] | None = None,
) -> DecodeReport:
    """Decode the packets that arrive at `address` (`HOST:PORT`) to the new file `target`.

    Ends with the run, or after `idle` seconds of silence. `model`, `tree` and `window` are as in `decode`.
    The time in the report runs from the first packet to the last. Port 0 lets the system choose a port;
    `listening` is called with the address as soon as datagrams can arrive.

    Raises SourceError (the address is taken, nothing arrived), and what `decode` raises; then no
    output remains.
    """
    if not idle > 0:
        raise ConfigError(f"{idle} seconds of silence: it must be more than 0")
    local, link = Address.parse(address), Link.open(model, tree)
    with socket.socket(local.family, socket.SOCK_DGRAM) as receiver:
        try:
            receiver.bind(local.sockaddr)
        except OSError as error:
            raise SourceError(f"{address}: cannot be listened to ({error.strerror})") from None
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        receiver.settimeout(POLL)
        stream = Stream(link, address, window)
        if listening is not None:
            listening("{}:{}".format(*receiver.getsockname()[:2]))
        with _Collector(receiver) as collector:
            return write_stream(_chunks(collector, stream, idle), stream, target, overwrite)


def _chunks(collector: _Collector, stream: Stream, idle: float) -> Iterator[bytes]:
    """Yield data as it arrives, until the run has ended or nothing arrives any more.

    Raises SourceError if nothing arrived at all.
    """
    last = time.monotonic()
    started = False
    while True:
        chunk = collector.take()
        if chunk:
            yield chunk
            last, started = time.monotonic(), True
        elif time.monotonic() - last > (LINGER if stream.ended else idle):
            if not started:
                raise SourceError(f"{stream.name}: nothing came for {idle:g} s")
            return


class _Collector:
    """Empties a socket in its own thread, so that no data is lost while a cluster is written."""

    def __init__(self, receiver: socket.socket) -> None:
        self._socket = receiver
        self._chunks: Queue[bytes] = Queue(MAX_WAITING)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datagrams", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive():
            self.take()  # makes room, in case the thread waits for it
        self._thread.join()

    def take(self) -> bytes:
        """The next chunk; empty if none arrives within `POLL` seconds."""
        try:
            return self._chunks.get(timeout=POLL)
        except Empty:
            return b""

    def _run(self) -> None:
        chunk = bytearray()
        while not self._stopped.is_set():
            try:
                chunk += self._socket.recv(MAX_DATAGRAM)
            except TimeoutError:
                full = bool(chunk)
            else:
                full = len(chunk) >= CHUNK
            if full:
                self._chunks.put(bytes(chunk))
                chunk.clear()
