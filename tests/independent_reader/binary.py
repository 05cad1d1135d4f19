"""Bytes and packed bytes for the second reader of `.baler` files; see `reader`."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import zstandard

BIG = 1 << 28


class Refused(Exception):  # noqa: N818
    """The file breaks a rule of the format, or needs what this reader lacks."""


def need(condition: object, message: str) -> None:
    if not condition:
        raise Refused(message)


class Bytes:
    """Reads from the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, "bytes end too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def array(self, dtype: Any, count: int) -> Any:
        return np.frombuffer(self.take(count * np.dtype(dtype).itemsize), dtype)

    def varint(self) -> int:
        value, size, byte = 0, 0, 128
        while byte > 127:
            byte = self.take(1)[0]
            value |= (byte & 127) << 7 * size
            size += 1
        need(size <= 10 and value < 1 << 64, "varint over 64 bits")
        return value

    def zigzag(self) -> int:
        value = self.varint()
        return -(value + 1) // 2 if value & 1 else value // 2

    def packed(self) -> Bytes:
        head = self.varint()
        inner = Bytes(self.take(head >> 1))
        if not head & 1:
            return inner
        length = inner.varint()
        frame = inner.data[inner.at :]
        need(length <= min(BIG, len(inner.data) << 16) and frame[:1] == b"\0", "packed bytes claim too much")
        unzip = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=1 << 27)
        data = unzip.decompress(frame, max(1, length), allow_extra_data=False)
        need(len(data) == length, "packed bytes hold more or less than they say")
        return Bytes(data)
