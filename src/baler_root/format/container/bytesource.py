"""Ranges of bytes from a local path, a file object, or any fsspec URL."""

from __future__ import annotations

import errno
import gc
import io
import os
import threading
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from baler_root.errors import SourceError, TruncatedFileError

COALESCE_GAP = 4096
"""Ranges closer than this are read as one: a request costs more than a few unused bytes."""


class ByteSource(Protocol):
    """Random access to the bytes of one file."""

    name: str
    size: int
    local: bool
    """Whether one more small read costs next to nothing."""

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        """The bytes of each (offset, size), in order."""

    def close(self) -> None:
        """Close files that were opened here; file objects given by the caller stay open."""


class LocalFile:
    """A path on this machine, read with `pread` (safe from several threads, and from forked processes).

    It is closed when nothing refers to it any more, too.
    """

    local = True
    _fd = -1

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        try:
            self._fd = _open(self.name)
            self.size = os.fstat(self._fd).st_size
        except FileNotFoundError:
            raise SourceError(f"{self.name}: no such file") from None
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be opened ({error.strerror})") from None
        if Path(self.name).is_dir():
            self.close()
            raise SourceError(f"{self.name}: is a folder, not a file")

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        return [self._read(offset, size) for offset, size in ranges]

    def _read(self, offset: int, size: int) -> memoryview:
        parts: list[bytes] = []
        position, remaining = offset, size
        while remaining:
            part = os.pread(self._fd, remaining, position)
            if not part:
                raise TruncatedFileError(
                    f"{self.name}: ends at byte {position}, {offset + size} were expected"
                )
            parts.append(part)
            position, remaining = position + len(part), remaining - len(part)
        return memoryview(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


def _open(path: str) -> int:
    """A descriptor to read from; files that nothing refers to any more are closed first if there are too
    many."""
    try:
        return os.open(path, os.O_RDONLY)
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
    gc.collect()
    return os.open(path, os.O_RDONLY)


class FileObject:
    """An open binary file; one lock, since it has one position (which forked processes share)."""

    local = True

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._process = os.getpid()
        self.name = str(getattr(file, "name", "<file object>"))
        self.size = file.seek(0, io.SEEK_END)

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        if self._process != os.getpid():  # a thread of the other process may have held the lock
            self._lock, self._process = threading.Lock(), os.getpid()
        parts = []
        with self._lock:
            for offset, size in ranges:
                self._file.seek(offset)
                data = self._file.read(size)
                if len(data) != size:
                    raise TruncatedFileError(f"{self.name}: ends before byte {offset + size}")
                parts.append(memoryview(data))
        return parts

    def close(self) -> None:
        """Leave the file open: it belongs to its owner."""


class RemoteFile:
    """Any fsspec URL; the ranges of one call are fetched together."""

    local = False

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        import fsspec

        self.name = url
        self._options = options
        self._process = os.getpid()
        try:
            self._fs, self._path = fsspec.core.url_to_fs(url, **options)
            size = self._fs.size(self._path)
        except FileNotFoundError:
            raise SourceError(f"{url}: no such file, or the server does not give it") from None
        except Exception as error:  # whatever the file system's own library raises
            raise SourceError(f"{url}: cannot be opened ({_cause(error)})") from error
        if size is None:
            raise SourceError(f"{url}: the server does not say how large the file is; download it first")
        self.size = int(size)

    def read(self, ranges: Sequence[tuple[int, int]]) -> list[memoryview]:
        import fsspec

        merged = coalesce(ranges)
        starts, stops = [a for a, _ in merged], [a + n for a, n in merged]
        try:
            if self._process != os.getpid():  # the threads of the other process do not exist here
                self._fs, self._path = fsspec.core.url_to_fs(self.name, **self._options)
                self._process = os.getpid()
            parts = self._fs.cat_ranges([self._path] * len(merged), starts, stops, on_error="raise")
        except Exception as error:
            raise SourceError(f"{self.name}: cannot be read ({_cause(error)})") from error
        for (offset, size), part in zip(merged, parts, strict=True):
            if isinstance(part, Exception):  # some versions of fsspec return what others raise
                raise SourceError(f"{self.name}: cannot be read ({_cause(part)})") from part
            if len(part) > size:
                raise TruncatedFileError(
                    f"{self.name}: the server cannot send ranges of bytes ({len(part)} bytes came for {size}); "
                    "download the file first"
                )
            if len(part) < size:
                raise TruncatedFileError(
                    f"{self.name}: {len(part)} bytes at {offset}, {size} were expected; the file has changed"
                )
        return split(ranges, merged, [memoryview(part) for part in parts])

    def close(self) -> None:
        """fsspec file systems are shared and cached by fsspec: nothing to release."""


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def coalesce(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges covering all of `ranges`, near neighbours joined."""
    merged: list[tuple[int, int]] = []
    for offset, size in sorted(set(ranges)):
        if merged and offset <= merged[-1][0] + merged[-1][1] + COALESCE_GAP:
            start = merged[-1][0]
            merged[-1] = (start, max(merged[-1][1], offset + size - start))
        else:
            merged.append((offset, size))
    return merged


def split(
    ranges: Sequence[tuple[int, int]], merged: Sequence[tuple[int, int]], parts: Sequence[memoryview]
) -> list[memoryview]:
    """The bytes of each of `ranges`, cut from the parts of the `merged` ranges that cover them."""
    pieces = []
    starts = [start for start, _ in merged]
    for offset, size in ranges:
        index = bisect_right(starts, offset) - 1
        start = offset - merged[index][0]
        pieces.append(parts[index][start : start + size])
    return pieces


def open_bytes(path: str | os.PathLike[str] | BinaryIO, options: dict[str, Any] | None = None) -> ByteSource:
    """The bytes of a local path, a binary file object, or an fsspec URL (`https://`, `s3://`, ...)."""
    if isinstance(path, str) and "://" in path:
        return RemoteFile(path, options or {})
    if isinstance(path, str | os.PathLike):
        return LocalFile(path)
    return FileObject(path)
