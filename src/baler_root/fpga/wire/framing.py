"""Finds packets in a byte stream, parts of which may be damaged or missing (formats/wire.md#framing)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.fpga.wire.packets import CRC_SIZE, HEAD_SIZE, SYNC, WORDS_OFFSET, packet_dtype


@dataclass(slots=True)
class FramedPackets:
    """The whole packets in a block of bytes."""

    data: bytes = b""
    starts: list[int] = field(default_factory=list)
    """Offset of each packet in `data`, increasing."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each packet."""
    skipped: list[tuple[int, int]] = field(default_factory=list)
    """(index of the next packet, bytes) of each stretch that belongs to no packet.

    The index after the last packet is the number of packets.
    """

    def groups(self) -> list[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Packets by size: their indices, and the packets as a structured array (`packet_dtype`)."""
        starts, sizes = np.array(self.starts, np.int64), np.array(self.sizes, np.int64)
        flat = np.frombuffer(self.data, np.uint8)
        groups = []
        for size in np.unique(sizes).tolist():
            (indices,) = np.nonzero(sizes == size)
            packets = flat[starts[indices][:, None] + np.arange(size)]
            dtype = packet_dtype((size - HEAD_SIZE - CRC_SIZE) // 8)
            groups.append((indices, packets.view(dtype)[:, 0]))
        return groups


class Framing:
    """Cuts a byte stream into packets; between two calls it keeps less than the longest packet."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipped = 0
        """Bytes since the last packet that belong to none."""

    def feed(self, data: bytes) -> FramedPackets:
        """The whole packets in the kept bytes followed by `data`."""
        return self._cut(self._rest + data, last=False)

    def finish(self) -> FramedPackets:
        """The whole packets in the kept bytes, at the end of the stream; all other bytes count as skipped."""
        return self._cut(self._rest, last=True)

    def _cut(self, data: bytes, last: bool) -> FramedPackets:
        framed = FramedPackets(data)
        view = memoryview(data)
        start = end = 0  # where a packet may begin, and where the last one ended
        while True:
            start = data.find(SYNC, start)
            if start < 0:
                start = len(data)
                break
            stop = start + HEAD_SIZE + CRC_SIZE
            if stop <= len(data):
                stop += 8 * data[start + WORDS_OFFSET]
            if stop > len(data):
                if last:
                    start += 1
                    continue
                break
            body = stop - CRC_SIZE
            if zlib.crc32(view[start:body]) != int.from_bytes(view[body:stop], "little"):
                start += 1
                continue
            self._note_skipped(framed, start - end)
            framed.starts.append(start)
            framed.sizes.append(stop - start)
            start = end = stop
        self._skipped += start - end
        if last:
            self._note_skipped(framed, 0)
        self._rest = data[start:]
        return framed

    def _note_skipped(self, framed: FramedPackets, count: int) -> None:
        """Add the stretch that ends here, with `count` bytes in this block, to `framed.skipped`."""
        if count + self._skipped:
            framed.skipped.append((len(framed.starts), count + self._skipped))
        self._skipped = 0
