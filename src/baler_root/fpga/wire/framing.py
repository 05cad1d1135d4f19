"""Finds the packets in bytes some of which may be damaged or missing (formats/wire.md#framing)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.fpga.wire.packets import CRC_SIZE, HEAD_SIZE, SYNC, WORDS_AT, packet_dtype


@dataclass(slots=True)
class Found:
    """What some bytes held."""

    data: bytes = b""
    starts: list[int] = field(default_factory=list)
    """Where whole packets begin, in their order."""
    sizes: list[int] = field(default_factory=list)
    skipped: list[tuple[int, int]] = field(default_factory=list)
    """(number of the packet behind it, or how many there are; bytes) of each stretch that belongs to no packet."""

    def groups(self) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
        """The packets of each size: their numbers, and they themselves (`packet_dtype`)."""
        starts, sizes = np.array(self.starts, np.int64), np.array(self.sizes, np.int64)
        flat = np.frombuffer(self.data, np.uint8)
        out = []
        for size in np.unique(sizes).tolist():
            (numbers,) = np.nonzero(sizes == size)
            cut = flat[starts[numbers][:, None] + np.arange(size)]
            dtype = packet_dtype((size - HEAD_SIZE - CRC_SIZE) // 8)
            out.append((numbers, cut.view(dtype)[:, 0]))
        return out


class Framing:
    """Cuts bytes, as they come, into packets. What is kept between two calls is shorter than a packet can be."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipped = 0
        """Bytes since the last packet that belong to none."""

    def feed(self, data: bytes) -> Found:
        """The whole packets in what was left and `data`."""
        return self._cut(self._rest + data, last=False)

    def finish(self) -> Found:
        """The same when nothing more comes: what is left that is no packet counts as skipped."""
        return self._cut(self._rest, last=True)

    def _cut(self, data: bytes, last: bool) -> Found:
        out = Found(data)
        view = memoryview(data)
        at = end = 0
        """Where a packet may begin, and where the last one ended."""
        while True:
            at = data.find(SYNC, at)
            if at < 0:
                at = len(data)
                break
            stop = at + HEAD_SIZE + CRC_SIZE
            if stop <= len(data):
                stop += 8 * data[at + WORDS_AT]
            if stop > len(data):
                if last:
                    at += 1
                    continue
                break
            body = stop - CRC_SIZE
            if zlib.crc32(view[at:body]) != int.from_bytes(view[body:stop], "little"):
                at += 1
                continue
            self._skip(out, at - end)
            out.starts.append(at)
            out.sizes.append(stop - at)
            at = end = stop
        self._skipped += at - end
        if last:
            self._skip(out, 0)
        self._rest = data[at:]
        return out

    def _skip(self, out: Found, count: int) -> None:
        """Note a stretch that ends here."""
        if count + self._skipped:
            out.skipped.append((len(out.starts), count + self._skipped))
        self._skipped = 0
