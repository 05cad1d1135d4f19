"""A length that uproot misreads allocates nothing."""

from __future__ import annotations

import numpy as np
import pytest
import uproot

from baler_root.rootio.guard import SMALL, earned_lengths


def read(data: bytes) -> object:
    """A std::vector<std::string> out of bytes, as uproot reads it from a basket."""
    chunk = uproot.source.chunk.Chunk.wrap(None, np.frombuffer(data, np.uint8))
    model = uproot.AsVector(False, uproot.AsString(False))
    return model.read(chunk, uproot.source.cursor.Cursor(0), {}, None, None, None, header=False)


def test_a_length_beyond_the_basket_is_refused() -> None:
    data = (SMALL + 1).to_bytes(4, "big") + b"\x01a" * 100
    with earned_lengths(), pytest.raises(ValueError, match=f"vector of {SMALL + 1} elements in 200"):
        read(data)


def test_a_length_that_fits_is_read() -> None:
    with earned_lengths():
        assert list(read((3).to_bytes(4, "big") + b"\x01a\x01b\x00")) == ["a", "b", ""]


def test_uproot_is_left_as_it_was() -> None:
    before = uproot.containers._read_nested
    with earned_lengths():
        assert uproot.containers._read_nested is not before
    assert uproot.containers._read_nested is before
