"""Decodes a recorded stream of packets to an ordinary `.baler` file."""

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
from baler_root.fpga.wire.stream import CHUNK, Stream, StreamStatistics


@dataclass(frozen=True, slots=True)
class DecodeReport:
    """A stream that was decoded to a file."""

    stream: str
    target: str
    size: int
    """Bytes of the file."""
    statistics: StreamStatistics
    seconds: float
    """Time spent, without waiting for the first packet and after the last."""

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.statistics.events / max(self.seconds, 1e-9)


def decode(
    stream: str | os.PathLike[str],
    target: str | os.PathLike[str],
    model: str | os.PathLike[str],
    *,
    tree: str | None = None,
    window: int = WINDOW,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> DecodeReport:
    """Decode the packets in the file `stream` to the new file `target`.

    `model` is the `.balermodel` file whose encoder sent the packets; `tree` chooses one of several models by
    its tree. A packet that arrives more than `window` events behind a later one is left out. `progress` is
    called with bytes.

    Raises SourceError (no stream), ConfigError (another model), CorruptFileError (no packet in the stream),
    FormatError (of the model) or OutputError; then no output remains.
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
) -> DecodeReport:
    """Decode the chunks of a stream to the new file `target` as they arrive; raises as `decode` does."""
    first = last = 0.0
    with DecodedFile(target, stream.link, overwrite) as file:
        for chunk in chunks:
            first = first or time.perf_counter()
            file.add(stream.feed(chunk), stream.ordering.take_incidents())
            last = time.perf_counter()
        ended = time.perf_counter()
        file.add(stream.finish(), stream.ordering.take_incidents())
        statistics = stream.statistics()
        if not statistics.events and statistics.run is None:
            raise CorruptFileError(
                f"{stream.name}: no packet in {statistics.size} bytes; is this a stream of packets (formats/wire.md)?"
            )
        size = file.finish(stream.name, statistics)
    seconds = last - first + time.perf_counter() - ended
    return DecodeReport(stream.name, os.fspath(target), size, statistics, seconds)
