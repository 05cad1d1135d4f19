"""Serialises ROOT objects: versioned byte counts, names, object arrays and references to objects.

The layout is that of ROOT's TBufferFile; numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

_BYTE_COUNT = 0x40000000


_NEW_CLASS = 0xFFFFFFFF


_REFERENCE_SHIFT = 2
"""References count from two bytes into the record, so that 0 can mean null."""


_ON_HEAP = 0x03000000
"""kIsOnHeap and kNotDeleted, as every object that ROOT writes has them."""


def string_bytes(text: str) -> bytes:
    """A TString: its length in one byte, or 255 and four bytes, then UTF-8."""
    raw = text.encode(errors="surrogateescape")
    head = bytes([len(raw)]) if len(raw) < 255 else b"\xff" + struct.pack(">I", len(raw))
    return head + raw


class TBuffer:
    """Bytes of one object, growing; `origin` is the size of the key in front of them.

    References to objects written before are positions counted from the start of the key.
    """

    def __init__(self, origin: int) -> None:
        self.origin = origin
        self.data = bytearray()

    def pack(self, fmt: str, *values: float) -> None:
        """Appends numbers; `fmt` as in `struct`, big-endian."""
        self.data += struct.pack(">" + fmt, *values)

    def string(self, text: str) -> None:
        """Appends a TString."""
        self.data += string_bytes(text)

    @contextmanager
    def versioned(self, version: int) -> Iterator[None]:
        """Puts byte count and class version in front of everything written inside."""
        start = len(self.data)
        self.pack("IH", 0, version)
        yield
        self._count(start)

    @contextmanager
    def pointed_to(self, classname: str) -> Iterator[int]:
        """An object behind a pointer, with its class name; gives the reference for `refer`."""
        start = len(self.data)
        self.pack("II", 0, _NEW_CLASS)
        self.data += classname.encode() + b"\0"
        yield self.origin + start + _REFERENCE_SHIFT
        self._count(start)

    def refer(self, reference: int = 0) -> None:
        """A pointer to an object written before; 0 is null."""
        self.pack("I", reference)

    def tobject(self, bits: int = 0) -> None:
        """The TObject base."""
        self.pack("HII", 1, 0, _ON_HEAP | bits)

    def named(self, name: str, title: str, bits: int = 0) -> None:
        """The TNamed base."""
        with self.versioned(1):
            self.tobject(bits)
            self.string(name)
            self.string(title)

    @contextmanager
    def object_array(self, length: int) -> Iterator[None]:
        """A TObjArray member; its `length` elements, each a pointer, are written inside."""
        with self.versioned(3):
            self.tobject()
            self.string("")
            self.pack("ii", length, 0)
            yield

    def _count(self, start: int) -> None:
        struct.pack_into(">I", self.data, start, (len(self.data) - start - 4) | _BYTE_COUNT)
