"""Receives datagrams of packets and writes a `.baler` file meanwhile, in constant memory."""

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
from baler_root.fpga.wire.decode import Decoded, write_stream
from baler_root.fpga.wire.ordering import WINDOW
from baler_root.fpga.wire.stream import Stream

LARGEST = 1 << 16
"""Bytes of a datagram."""


CHUNK = 1 << 18
"""Bytes handed over together."""


WAITING = 256
"""Chunks that may wait to be decoded: 64 MiB. What comes then is lost, and counted as that."""


KERNEL_BUFFER = 1 << 23
"""Bytes that the system is asked to keep; it may grant fewer."""


POLL = 0.05
"""Seconds after which a chunk is handed over though it is not full."""


LINGER = 0.5
"""Seconds of silence behind the end of the run in which packets that were overtaken may come."""


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
) -> Decoded:
    """Write what comes in at `address` (`HOST:PORT`) to the new file `target`, until the run ends or nothing comes for
    `idle` seconds; `model`, `tree` and `window` are as in `decode`. Time counts from the first packet to the last.

    With port 0 the system chooses one; `listening` is called with the address once datagrams can come.

    Raises SourceError (the address is taken, nothing came), and what `decode` raises; nothing is left then.
    """
    if not idle > 0:
        raise ConfigError(f"{idle} seconds of silence: more than 0 are needed")
    where, link = Address.parse(address), Link.open(model, tree)
    with socket.socket(where.family, socket.SOCK_DGRAM) as port:
        try:
            port.bind(where.where)
        except OSError as error:
            raise SourceError(f"{address}: cannot be listened at ({error.strerror})") from None
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        port.settimeout(POLL)
        stream = Stream(link, address, window)
        if listening is not None:
            listening("{}:{}".format(*port.getsockname()[:2]))
        with _Collector(port) as collector:
            return write_stream(_chunks(collector, stream, idle), stream, target, overwrite)


def _chunks(collector: _Collector, stream: Stream, idle: float) -> Iterator[bytes]:
    """What comes, until the run ended or nothing comes any more; raises SourceError if nothing came at all."""
    came = time.monotonic()
    started = False
    while True:
        chunk = collector.take()
        if chunk:
            yield chunk
            came, started = time.monotonic(), True
        elif time.monotonic() - came > (LINGER if stream.ended else idle):
            if not started:
                raise SourceError(f"{stream.name}: nothing came for {idle:g} s")
            return


class _Collector:
    """Empties a socket in a thread of its own, so that writing a cluster loses nothing."""

    def __init__(self, port: socket.socket) -> None:
        self._port = port
        self._chunks: Queue[bytes] = Queue(WAITING)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="datagrams", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        while self._thread.is_alive():
            self.take()  # so that nobody waits for room
        self._thread.join()

    def take(self) -> bytes:
        """The next chunk; empty if none comes for a moment."""
        try:
            return self._chunks.get(timeout=POLL)
        except Empty:
            return b""

    def _run(self) -> None:
        chunk = bytearray()
        while not self._over.is_set():
            try:
                chunk += self._port.recv(LARGEST)
            except TimeoutError:
                full = bool(chunk)
            else:
                full = len(chunk) >= CHUNK
            if full:
                self._chunks.put(bytes(chunk))
                chunk.clear()
