"""Payloads of pages, by the bytes."""

from __future__ import annotations

import struct

from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from tests.vectors.bad.files import ENTRIES


def exact(dtype: int, values: bytes, count: int, outliers: bytes = b"\0") -> bytes:
    """A page of one exact column, held as constant bytes in the stream directory or as planes."""
    return paged(b"\0" + pack_varint(count) + bytes([0, dtype]) + outliers, planes(values))


def paged(directory: bytes, symbols: bytes) -> bytes:
    return pack_bytes(directory) + symbols


def classic_payload(entries: bytes, pool: bytes = b"", streams: bytes = b"") -> bytes:
    return pack_bytes(pack_varint(len(entries)) + entries + pool) + streams


def planes(pool: bytes) -> bytes:
    return classic_payload(b"\x01", pool)


BOOL, INT32, UINT32, FLOAT64 = 0, 3, 7, 11


N = pack_varint(ENTRIES)


ZEROS = bytes(4 * ENTRIES)


OWN = b"\0" + N


def quantiser(kind: int, dtype: int, rest: bytes, symbols: bytes = bytes(ENTRIES)) -> bytes:
    """A page of one column with a recipe and symbols of one byte."""
    return paged(OWN + bytes([kind, dtype]) + rest + b"\x01\0", planes(symbols))


def f64(value: float) -> bytes:
    return struct.pack("<d", value)
