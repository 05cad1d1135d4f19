"""Turns a recorded stream of packets into an ordinary `.baler` file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from baler_root._types import Progress
from baler_root.errors import CorruptFileError, SourceError
from baler_root.fpga.link import Link
from baler_root.fpga.wire.decoded_file import DecodedFile
from baler_root.fpga.wire.ordering import WINDOW
from baler_root.fpga.wire.stream import CHUNK, Account, Stream


@dataclass(frozen=True, slots=True)
class Decoded:
    """A stream that became a file; size in bytes, time in seconds."""

    stream: str
    target: str
    size: int
    account: Account
    seconds: float
    """Without those of waiting for the first packet and behind the last."""

    @property
    def rate(self) -> float:
        """Events in a second."""
        return self.account.events / max(self.seconds, 1e-9)


def decode(
    stream: str | os.PathLike[str],
    target: str | os.PathLike[str],
    model: str | os.PathLike[str],
    *,
    tree: str | None = None,
    window: int = WINDOW,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Decoded:
    """Decode the packets in the file `stream` into the new file `target`; returns what became of the events.

    `model` is the `.balermodel` file whose encoder sent them, `tree` says which of its models if there are several. A
    packet that comes more than `window` events behind a later one is left out. `progress` is called with bytes.

    Raises SourceError (no stream), ConfigError (another model), CorruptFileError (no packet in it), FormatError (of the
    model) or OutputError; nothing is left then.
    """
    name = os.fspath(stream)
    if not Path(stream).is_file():
        raise SourceError(f"{name}: no such file")
    total = Path(stream).stat().st_size

    def chunks() -> Iterable[bytes]:
        with Path(stream).open("rb") as file:
            while data := file.read(CHUNK):
                yield data
                if progress is not None:
                    progress(file.tell(), total)

    return write_stream(chunks(), Stream(Link.open(model, tree), name, window), target, overwrite)


def write_stream(
    chunks: Iterable[bytes], stream: Stream, target: str | os.PathLike[str], overwrite: bool
) -> Decoded:
    """Write what the chunks of a stream hold, as they come; raises as `decode` does."""
    first = last = 0.0
    with DecodedFile(target, stream.link, overwrite) as file:
        for chunk in chunks:
            first = first or time.perf_counter()
            file.add(stream.feed(chunk), stream.ordering.take_incidents())
            last = time.perf_counter()
        over = time.perf_counter()
        file.add(stream.finish(), stream.ordering.take_incidents())
        account = stream.account()
        if not account.events and account.run is None:
            raise CorruptFileError(
                f"{stream.name}: no packet in {account.size} bytes; is this a stream of packets (formats/wire.md)?"
            )
        size = file.finish(stream.name, account)
    return Decoded(stream.name, os.fspath(target), size, account, last - first + time.perf_counter() - over)
