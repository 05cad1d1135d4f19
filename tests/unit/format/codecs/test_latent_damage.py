"""Pages and models of latents: damage is an error or other symbols, and nothing unearned is allocated."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import pytest

from baler_root.errors import CorruptFileError, FormatError
from baler_root.format.binary.varint import pack_varint
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.page import LatentPage
from baler_root.testing.codec_suite import decode_hostile
from tests.helpers.latent_tables import reader_of, table, writer_of


@pytest.mark.parametrize("kind", ["bounded", "none"])
def test_any_cut_and_any_flip_is_an_error_or_other_symbols(kind: str) -> None:
    columns, specs, model, known = table(kind)
    writer = writer_of(model, known).with_outlier_rows(np.array([3, 9]), np.array([1.5, 2.5], "f4"))
    payload, _ = writer.encode(columns, specs)
    reader = reader_of(model)
    for at in range(len(payload)):
        with pytest.raises(FormatError):
            reader.decode(memoryview(payload[:at]), specs)
    for bit in range(0, 8 * len(payload), 3):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        decode_hostile(reader, bytes(damaged), specs)
        with contextlib.suppress(FormatError):
            _ = LatentPage(memoryview(damaged), specs).outlier_rows


@pytest.mark.parametrize("kind", ["bounded", "none"])
def test_a_damaged_model_is_refused_or_another(kind: str) -> None:
    columns, specs, model, known = table(kind)
    payload, _ = writer_of(model, known).encode(columns, specs)
    data = model.to_bytes()
    name = hashlib.sha256(data).digest()
    for at in range(len(data)):
        with pytest.raises(FormatError):
            AutoencoderModel.from_bytes(data[:at])
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        decode_hostile(AutoencoderCodec().with_models({name: bytes(damaged)}), payload, specs)


def test_latents_that_were_not_earned_are_refused() -> None:
    """A column that never changes costs a few bytes, however long it is; its latents would not fit."""
    columns, specs, model, known = table()
    payload, _ = writer_of(model, known).encode(columns, specs)
    page = LatentPage(memoryview(payload), specs)
    rows = 1 << 27
    claim = payload[:9] + pack_varint(rows) + bytes([1, 0]) + b"".join(pack_varint(0) for _ in range(5))
    with pytest.raises(CorruptFileError, match="134217728 rows of 3 latents"):
        reader_of(model).decode(memoryview(claim), [SymbolSpec(np.dtype("u1"), rows)])
    for length, shape in ((0, ()), (0, (0,)), (0, (3, 0))):
        with pytest.raises(CorruptFileError, match="a column of 0 values"):
            reader_of(model).decode(memoryview(claim), [SymbolSpec(np.dtype("u1"), length, shape)])
    assert page.rows == 60
