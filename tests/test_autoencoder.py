"""Codecs with latents: any model gives every symbol back, as a reader of the text does; damage and lies are found."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mini_latents
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_bytes import Bytes
from models import following, known_column, latents_from, random_autoencoder, with_coding
from numpy.typing import NDArray

from baler_root.codecs import latent_columns
from baler_root.codecs.anomaly import Anomaly
from baler_root.codecs.autoencoder import AutoencoderCodec
from baler_root.codecs.autoencoder_model import AutoencoderModel
from baler_root.codecs.base import SymbolSpec
from baler_root.codecs.latent_page import LatentPage
from baler_root.errors import CorruptFileError, FormatError
from baler_root.packing import pack_bytes, unpack_bytes
from baler_root.varint import Cursor

INTEGERS = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]
FLOATS = [np.dtype(code) for code in ("f2", "f4", "f8")]
DROPS = {2: 4, 4: 17, 8: 47}
Columns = list[NDArray[Any]]
Table = tuple[Columns, list[SymbolSpec], AutoencoderModel, list[int | None]]


def writer_of(model: AutoencoderModel, known: Sequence[int | None], **more: Any) -> AutoencoderCodec:
    name = hashlib.sha256(model.to_bytes()).digest()
    return AutoencoderCodec({name: model}, name, known, **more)


def reader_of(model: AutoencoderModel) -> AutoencoderCodec:
    """As a file's reader makes it."""
    data = model.to_bytes()
    return AutoencoderCodec().with_models({hashlib.sha256(data).digest(): data})


def noise(rng: np.random.Generator, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    """Values of any type; floats of all kinds, integers of few values."""
    if dtype.kind == "b":
        return np.asarray(rng.random(count) < 0.5)
    if dtype.kind in "ui":
        return rng.integers(0, 100, count).astype(dtype) + dtype.type(3)
    values = rng.normal(size=count).astype(dtype)
    odd = [
        np.nan,
        -np.nan,
        np.inf,
        -np.inf,
        -0.0,
        0.0,
        np.finfo(dtype).smallest_subnormal,
        np.finfo(dtype).max,
    ]
    values[: len(odd)] = np.array(odd, dtype)[:count]
    values[-1:].view(f"u{dtype.itemsize}")[:] |= values.dtype.type(np.nan).view(f"u{dtype.itemsize}")
    return values


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Columns of any type and shape, some of them unknown or not as the model learned, and a model."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    rows = draw(st.sampled_from([1, 2, 50, 200]))
    columns, specs, described = [], [], []
    for number in range(draw(st.integers(1, 4))):
        dtype = draw(st.sampled_from(INTEGERS + FLOATS))
        shape = draw(st.sampled_from([(), (), (3,), (2, 2)]))
        values = noise(rng, dtype, rows * int(np.prod(shape, initial=1)))
        drop = draw(st.sampled_from([0, 3, 10])) if dtype.itemsize == 2 else DROPS.get(dtype.itemsize, 0)
        given_drop = drop if dtype.kind == "f" else None
        described.append(known_column(str(number), b"", values, given_drop, int(np.prod(shape))))
        if draw(st.integers(0, 4)) == 0:  # off the axis
            values = values.copy()
            values[draw(st.integers(0, len(values) - 1))] = {
                "b": True, "f": dtype.type(-1e-4), "i": np.iinfo("i1").min, "u": 255,
            }[dtype.kind]  # fmt: skip
        columns.append(values)
        specs.append(SymbolSpec(dtype, len(values), shape))
    model = random_autoencoder(
        described,
        draw(st.integers(0, 99)),
        draw(st.sampled_from(["bounded", "none"])),
        latents=draw(st.integers(1, 3)),
        components=draw(st.integers(1, 3)),
    )
    if draw(st.booleans()):
        model = with_coding(model, latents_from(model, columns))
    known: list[int | None] = [n if draw(st.integers(0, 4)) else None for n in range(len(columns))]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(columns)))
        columns.insert(at, noise(rng, np.dtype("f8"), 7))
        specs.insert(at, SymbolSpec(np.dtype("f8"), 7))
        known.insert(at, None)
    return columns, specs, model, known


@given(tables())
def test_every_symbol_comes_back(case: Table) -> None:
    """All columns, each by itself, and by the second reader."""
    columns, specs, model, known = case
    payload, shares = writer_of(model, known).encode(columns, specs)
    assert sum(shares) == pytest.approx(len(payload))
    reader = reader_of(model)
    found = reader.decode(memoryview(payload), specs)
    models = {hashlib.sha256(model.to_bytes()).digest()[:8]: model.to_bytes()}
    wanted = [(spec.dtype, spec.length, spec.shape) for spec in specs]
    told: dict[str, Any] = {}
    again = mini_latents.autoencoder(models, told, Bytes(payload), wanted)
    for at, column in enumerate(columns):
        (only,) = reader.decode(memoryview(payload), specs, [at]).values()
        for same in (found[at], only, again[at]):
            assert same.dtype == column.dtype
            assert same.tobytes() == column.tobytes()
    if payload[0]:
        assert np.array_equal(reader.latents(LatentPage(memoryview(payload), specs)), told["latents"])
