"""Damage is found: a hostile file allocates no memory that its bytes have not earned."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import FormatError
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.codecs.registry import get_codec
from baler_root.format.page import Page
from tests.helpers.forge import Forger


def hostile(path: Path, page: bytes) -> FormatError:
    """The error for a file whose first page has this payload."""
    forger = Forger(path)
    first = forger.pages[0][0]
    data = forger.build(page=lambda number, payload: page if number == first else payload)
    with open_file(io.BytesIO(data)) as file, pytest.raises(FormatError) as caught:
        file.trees[0].read(file.trees[0].schema.stored(), 0, 1)
    return caught.value


def exact(length: int, code: int = 10) -> bytes:
    """The directory entry of a column of this many exact values (float32), no outliers."""
    return bytes([0]) + pack_varint(length) + bytes([0, code, 0])


def test_pages_that_claim_huge_columns(small: Path) -> None:
    with open_file(small) as file:
        tree = file.trees[0]
        count = tree.stored.groups(0)[0]
    for length in (1 << 29, 1 << 60):
        error = hostile(small, pack_bytes(exact(length) * count))
        assert "values in one cluster; at most 268435456 are allowed" in str(error)
    error = hostile(small, pack_varint(1000 << 1 | 1) + pack_varint(1 << 40) + bytes(998))
    assert "claim to hold 1099511627776" in str(error)


def test_a_page_is_refused_before_its_columns_are_made(small: Path) -> None:
    """Columns of 2**28 values each are within the limits; three of them are too much for one page."""
    with open_file(small) as file:
        column = next(c for c in file.trees[0].columns if c.dtype == np.float32 and c.table != 0)
    directory = exact(1 << 26) * 5
    with pytest.raises(FormatError, match="a page claims to hold more than"):
        Page(memoryview(pack_bytes(directory)), [column] * 5).symbols(get_codec("classic"))


def test_zstd_bombs(small: Path) -> None:
    forger = Forger(small)
    bomb = pack_bytes(b" " * (1 << 26) + b"{}")
    huge = pack_varint((len(bomb) + 4) << 1 | 1) + pack_varint(1 << 29) + bomb[8:]
    for data in (
        forger.build(packed=lambda _: bomb),
        forger.build(packed=lambda _: huge),
        forger.build(page=lambda _, __: bomb),
    ):
        assert len(data) < 100_000
        with pytest.raises(FormatError), open_file(io.BytesIO(data)) as file:
            file.trees[0].read(file.trees[0].schema.stored(), 0, 1)
