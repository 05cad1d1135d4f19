"""Lets uproot read a ROOT file through the byte sources of `format/container`, with their errors."""

from __future__ import annotations

import queue
from typing import Any, Self

import numpy as np
from uproot.source.chunk import Chunk, Source
from uproot.source.futures import TrivialFuture

from baler_root.format.container.bytesource import open_bytes


class UprootSource(Source):  # type: ignore[misc]
    """The bytes of a local path or fsspec URL, as uproot asks for them.

    Files are read and not mapped into memory, since a mapped file that becomes shorter would end the
    process. Raises SourceError and TruncatedFileError.
    """

    def __init__(self, file_path: str, **options: Any) -> None:  # noqa: ARG002 - uproot's own
        super().__init__()
        self._file_path = file_path
        self._open()

    def _open(self) -> None:
        self._source = open_bytes(self._file_path)
        self._num_bytes = self._source.size
        self._closed = False

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if key != "_source"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def chunk(self, start: int, stop: int) -> Chunk:
        """The bytes from `start` to `stop`, fewer at the end of the file."""
        return self.chunks([(start, stop)], queue.Queue())[0]

    def chunks(self, ranges: list[tuple[int, int]], notifications: queue.Queue[Chunk]) -> list[Chunk]:
        """The bytes of several ranges, fetched together."""
        if self._closed:
            raise OSError(f"{self._file_path} is closed")
        inside = [(min(start, self._num_bytes), min(stop, self._num_bytes)) for start, stop in ranges]
        sizes = [max(0, stop - start) for start, stop in inside]
        self._num_requests += 1
        self._num_requested_chunks += len(ranges)
        self._num_requested_bytes += sum(sizes)
        wanted = [(start, size) for (start, _), size in zip(inside, sizes, strict=True) if size]
        parts = iter(self._source.read(wanted) if wanted else [])
        chunks = []
        for (start, stop), size in zip(ranges, sizes, strict=True):
            data = np.frombuffer(next(parts) if size else b"", dtype=np.uint8)
            chunk = Chunk(self, start, stop, TrivialFuture(data))
            notifications.put(chunk)
            chunks.append(chunk)
        return chunks

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return bool(self._closed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()
        self._closed = True
