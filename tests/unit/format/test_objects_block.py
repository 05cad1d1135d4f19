"""The block of carried objects: smallest of zstd and xz, and no stream that takes more than it may."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import FormatError
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.container import objects_block
from baler_root.format.container.objects_block import XZ_MAGIC, pack_objects_block, unpack_objects_block

COUNTS = np.random.default_rng(1).poisson(5, 20_000).astype(">f8").tobytes()
"""Contents of a histogram, as ROOT stores them."""


def unpack(payload: bytes) -> bytes:
    return unpack_objects_block(memoryview(payload))


def raw(stream: bytes) -> bytes:
    """The payload with a stream of xz that a program other than ours has made."""
    return pack_varint(len(stream) << 1) + stream


@given(st.binary(max_size=3000), st.integers(0, 200))
def test_round_trip(part: bytes, repeats: int) -> None:
    blob = b"root" + part * repeats
    payload = pack_objects_block(blob)
    assert unpack(payload) == blob
    assert len(payload) <= len(pack_bytes(blob))


def test_xz_where_it_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = pack_objects_block(COUNTS)
    assert XZ_MAGIC in payload[:10]
    assert len(payload) < len(pack_bytes(COUNTS))
    assert unpack(payload) == COUNTS
    monkeypatch.setattr(objects_block, "MAX_XZ_LENGTH", len(COUNTS) - 1)
    assert pack_objects_block(COUNTS) == pack_bytes(COUNTS)


def test_damaged_streams() -> None:
    stream = lzma.compress(COUNTS)
    assert unpack(raw(stream)) == COUNTS
    for damaged in (
        stream[:-1],
        stream[:100],
        stream + b"\0",
        stream + stream,
        XZ_MAGIC,
        XZ_MAGIC + bytes(50),
    ):
        with pytest.raises(FormatError):
            unpack(raw(damaged))


def test_streams_that_want_too_much() -> None:
    wide = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    with pytest.raises(FormatError, match="cannot be decoded"):
        unpack(raw(lzma.compress(COUNTS, filters=wide)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects_block, "MAX_EXPANSION", 10)
        with pytest.raises(FormatError, match="too long"):
            unpack(raw(lzma.compress(bytes(1 << 20))))
