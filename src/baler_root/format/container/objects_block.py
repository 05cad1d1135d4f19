"""The block of carried objects: a ROOT file, compressed by zstd or xz (formats/container.md#objects)."""

from __future__ import annotations

import lzma

from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.limits import MAX_EXPANSION, MAX_OBJECTS_LENGTH

XZ_MAGIC = b"\xfd7zXZ\0"
"""First bytes of a stream of xz; a ROOT file begins with `root`."""


MAX_XZ_LENGTH = 1 << 24
"""Bytes of a longer ROOT file are only compressed by zstd, since xz would take many seconds."""


XZ_MODELS = ((4, 0, 0), (0, 3, 3))
"""Settings (lc, lp, pb) of xz: for text and sparse histograms, and for arrays of doubles."""


MAX_XZ_MEMORY = 1 << 27
"""Memory [bytes] that decoding may take: twice that of the largest preset of xz."""


def pack_objects_block(blob: bytes, xz_models: int = len(XZ_MODELS)) -> bytes:
    """The payload of a block with the ROOT file `blob`: the smallest of zstd and xz.

    The first `xz_models` settings of xz are tried, each for half a second per MB.
    """
    candidates = [pack_bytes(blob)]
    if len(blob) <= MAX_XZ_LENGTH:
        for lc, lp, pb in XZ_MODELS[:xz_models]:
            stream = _xz(blob, lc, lp, pb)
            if len(blob) <= MAX_EXPANSION * len(stream):
                candidates.append(pack_varint(len(stream) << 1) + stream)
    return min(candidates, key=len)


def unpack_objects_block(payload: memoryview) -> bytes:
    """The ROOT file in the payload of a block; raises FormatError."""
    cursor = Cursor(payload)
    blob = unpack_bytes(cursor, MAX_OBJECTS_LENGTH)
    cursor.finish("the carried objects")
    return _from_xz(blob) if bytes(blob[: len(XZ_MAGIC)]) == XZ_MAGIC else bytes(blob)


def _xz(blob: bytes, lc: int, lp: int, pb: int) -> bytes:
    size = max(1 << 12, len(blob))
    model = {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": size,
        "lc": lc,
        "lp": lp,
        "pb": pb,
    }
    return lzma.compress(blob, lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=[model])


def _from_xz(stream: memoryview) -> bytes:
    limit = min(MAX_OBJECTS_LENGTH, MAX_EXPANSION * len(stream))
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_MEMORY)
    try:
        blob = decompressor.decompress(stream, max_length=limit + 1)
    except lzma.LZMAError as error:
        raise CorruptFileError(f"the carried objects cannot be decoded ({error})") from None
    if len(blob) > limit or not decompressor.eof or decompressor.unused_data:
        raise CorruptFileError("the carried objects are no whole stream of xz, or too long")
    return blob
