"""Unsigned LEB128 integers, the only variable-width number of the format (formats/pages.md#varint)."""

from __future__ import annotations

from baler_root.errors import CorruptFileError, TruncatedFileError


def pack_varint(value: int) -> bytes:
    """`value`, from 0 to 2**64 - 1, in 1 to 10 bytes."""
    packed = bytearray()
    while value >= 0x80:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def pack_zigzag(value: int) -> bytes:
    """A signed 64-bit `value` as a varint; small magnitudes take few bytes."""
    return pack_varint(2 * value if value >= 0 else -2 * value - 1)


class Cursor:
    """Reads bytes from the front of a buffer; refuses to run past its end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes | memoryview, position: int = 0) -> None:
        self.data = memoryview(data)
        self.position = position

    def need(self, size: int) -> None:
        """Raise TruncatedFileError unless `size` more bytes are left."""
        if size > len(self.data) - self.position:
            raise TruncatedFileError(
                f"data ends early: {size} bytes needed, {max(0, len(self.data) - self.position)} left"
            )

    def take(self, size: int) -> memoryview:
        """The next `size` bytes."""
        start, stop = self.position, self.position + size
        if stop > len(self.data):
            self.need(size)
        self.position = stop
        return self.data[start:stop]

    def byte(self) -> int:
        """The next byte."""
        position = self.position
        if position >= len(self.data):
            self.need(1)
        self.position = position + 1
        return self.data[position]

    def varint(self) -> int:
        """The next varint."""
        byte = self.byte()
        value, shift = byte & 0x7F, 7
        while byte >= 0x80:
            if shift > 63:
                raise CorruptFileError("a varint is longer than ten bytes")
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
        if value >> 64:
            raise CorruptFileError("a varint exceeds 64 bits")
        return value

    def zigzag(self) -> int:
        """The next zigzag varint."""
        value = self.varint()
        return -(value + 1) // 2 if value & 1 else value // 2

    def rest(self) -> memoryview:
        """All bytes that are left."""
        return self.take(len(self.data) - self.position)

    def finish(self, name: str) -> None:
        """Raise CorruptFileError unless all bytes have been read; `name` is what was read, for messages."""
        if self.position != len(self.data):
            raise CorruptFileError(f"{len(self.data) - self.position} bytes left over after {name}")
