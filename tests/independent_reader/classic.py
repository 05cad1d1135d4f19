"""The codec `classic` of the second reader, from `formats/codecs.md` alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pcodec import wrapped

from tests.independent_reader.binary import Bytes, need

Symbols = list[Any]


Wanted = Sequence[tuple[np.dtype[Any], int, tuple[int, ...]]]  # type, length, row shape


def classic(data: Bytes, columns: Wanted) -> Symbols:
    """The symbols of columns of these (type, length, row shape)."""
    head, out = data.packed(), []
    entries = Bytes(head.take(head.varint()))
    for dtype, length, shape in columns:
        code, dictionary, coded = entries.unpack("B")[0], None, dtype
        need(code >> 4 < 6 and code & 15 < 4, "unknown transform or coding")
        if code >> 4 == 3:
            dictionary, coded = entries.array(dtype, entries.varint()), np.dtype("uint8")
        values = np.zeros(length, coded)
        if length and code & 15 == 0:
            values[:] = entries.array(coded, 1)
        elif length and code & 15 == 1:
            planes = head.array("u1", length * coded.itemsize).reshape(-1, length)
            values = planes.T.copy().view(coded)
        elif length and code & 15 == 2:
            bits = np.unpackbits(head.array("u1", -(-length // 8)), bitorder="little")
            need(coded.itemsize == 1 and not bits[length:].any(), "bits left over")
            values = bits[:length].view(coded)
        elif length:
            unpco(data.take(entries.varint()), values.view("u1" if coded == "bool" else coded))
        if dictionary is not None:
            need(not length or int(values.max()) < len(dictionary), "dictionary position out of range")
            values = dictionary[values]
        elif code >> 4:
            need(coded.kind in "iu" and length % math.prod(shape) == 0, "sums of no integers")
            rows = {1: (1,), 2: shape, 4: (math.prod(shape),), 5: shape}[code >> 4]
            values = values.reshape(-1, *rows)
            for axis in {1: [0], 4: [0], 2: range(1, values.ndim), 5: range(values.ndim)}[code >> 4]:
                values = np.cumsum(values, axis=axis, dtype=coded)
        out.append(values.reshape(-1))
    need(all(part.at == len(part.data) for part in (entries, head, data)), "bytes left over")
    return out


def unpco(stream: bytes, out: Any) -> None:
    pco, at = wrapped.FileDecompressor.new(b"\x04\x01")[0], 0
    for start in range(0, len(out), 1 << 22):
        chunk, used = pco.chunk_decompressor(stream[at:], f"{out.dtype.kind}{8 * out.dtype.itemsize}")
        at += used
        for first in range(start, min(len(out), start + (1 << 22)), 1 << 18):
            part = out[first : min(first + (1 << 18), start + (1 << 22))]
            progress, used = chunk.read_page_into(stream[at:], len(part), part)
            at += used
            need(progress.finished, "pco page ends too early")
    need(at == len(stream), "bytes left over after pco")
