"""Bytes compressed with zstd where that makes them smaller (formats/pages.md#packed)."""

from __future__ import annotations

import zstandard

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.limits import MAX_EXPANSION

LEVEL = 19
"""Compression level of zstd for fewer than `BIG` bytes."""


BIG = 1 << 20
"""Size in bytes from which level 9 is used: level 19 saves under 2 % there and takes ten times longer."""


_PLAIN_FRAME = 0
"""First byte (the frame header descriptor) of a magicless frame with neither content size, checksum nor
dictionary."""


def pack_bytes(data: bytes) -> bytes:
    """`data` behind its size, as a zstd frame if that is smaller."""
    frame = zstd_frame(data)
    head = pack_varint(len(data))
    if len(head) + len(frame) < len(data):
        return pack_varint((len(head) + len(frame)) << 1 | 1) + head + frame
    return pack_varint(len(data) << 1) + data


def unpack_bytes(cursor: Cursor, limit: int) -> memoryview:
    """The bytes that `pack_bytes` packed; raises FormatError if they are more than `limit`, or damaged."""
    head = cursor.varint()
    stored = cursor.take(head >> 1)
    if not head & 1:
        return stored
    content = Cursor(stored)
    length = content.varint()
    if length > min(limit, MAX_EXPANSION * len(stored)):
        raise CorruptFileError(f"{len(stored)} packed bytes claim to hold {length}")
    return memoryview(zstd_unframe(content.rest(), length))


def zstd_frame(data: bytes | memoryview, level: int | None = None) -> bytes:
    """A zstd frame without checksum (the block has one) and content size (the caller stores it)."""
    if level is None:
        level = LEVEL if len(data) < BIG else 9
    base = zstandard.ZstdCompressionParameters.from_level(level, source_size=len(data))
    long = len(data) > BIG
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=len(data),
        window_log=min(27, max(10, len(data).bit_length())) if long else base.window_log,
        enable_ldm=long,
        write_content_size=False,
        write_checksum=False,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def zstd_unframe(frame: bytes | memoryview, length: int) -> bytes:
    """The `length` bytes in a frame; raises CorruptFileError if it is damaged, or holds more or fewer."""
    # zstd would allocate the content size that a frame claims.
    if not len(frame) or frame[0] != _PLAIN_FRAME:
        raise CorruptFileError(
            "a zstd frame has a content size, checksum or dictionary, which is not allowed"
        )
    decompressor = zstandard.ZstdDecompressor(
        format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=1 << 27
    )
    try:
        data = decompressor.decompress(frame, max_output_size=max(length, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptFileError(f"a zstd frame cannot be decoded ({error})") from None
    if len(data) != length:
        raise CorruptFileError(f"a zstd frame holds {len(data)} bytes, {length} were expected")
    return data
