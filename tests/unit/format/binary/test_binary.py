"""Varints and packed bytes come back; damaged ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import (
    CorruptFileError,
)
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(value: int) -> None:
    packed = pack_varint(value)
    cursor = Cursor(packed)
    assert cursor.varint() == value
    assert len(packed) == max(1, -(-value.bit_length() // 7))
    cursor.finish("the number")


@pytest.mark.parametrize("data", [b"\xff" * 10, b"\x80" * 11 + b"\1", b"\xff" * 9 + b"\2"])
def test_endless_varints_are_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptFileError, match="varint"):
        Cursor(data).varint()


@given(
    st.one_of(
        st.binary(max_size=300), st.builds(lambda a, n: a * n, st.binary(max_size=9), st.integers(0, 9999))
    )
)
def test_packed_bytes_come_back(data: bytes) -> None:
    packed = pack_bytes(data)
    cursor = Cursor(packed + b"rest")
    assert bytes(unpack_bytes(cursor, len(data))) == data
    assert bytes(cursor.rest()) == b"rest"
    assert len(packed) <= len(data) + 5
    if len(data) > 1 and packed[0] & 1:
        with pytest.raises(CorruptFileError, match=r"claim to hold"):
            unpack_bytes(Cursor(packed), len(data) - 1)
