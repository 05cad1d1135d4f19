"""Tables and models for codecs that store latents, without training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.codecs.latent.model import AutoencoderModel
from tests.helpers.models import known_column, latents_from, random_autoencoder, with_coding

INTEGERS = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]


FLOATS = [np.dtype(code) for code in ("f2", "f4", "f8")]


DROPS = {2: 4, 4: 17, 8: 47}


Columns = list[NDArray[Any]]


Table = tuple[Columns, list[SymbolSpec], AutoencoderModel, list[int | None]]


def writer_of(model: AutoencoderModel, known: Sequence[int | None], **more: Any) -> AutoencoderCodec:
    name = hashlib.sha256(model.to_bytes()).digest()
    return AutoencoderCodec({name: model}, name, known, **more)


def reader_of(model: AutoencoderModel) -> AutoencoderCodec:
    """Codec as the reader of a file makes it."""
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
        dropped_bits = (
            draw(st.sampled_from([0, 3, 10])) if dtype.itemsize == 2 else DROPS.get(dtype.itemsize, 0)
        )
        given_drop = dropped_bits if dtype.kind == "f" else None
        described.append(known_column(str(number), b"", values, given_drop, int(np.prod(shape))))
        if draw(st.integers(0, 4)) == 0:  # off the axis
            values = values.copy()
            values[draw(st.integers(0, len(values) - 1))] = {
                "b": True, "f": dtype.type(-1e-4), "i": -2**(8 * dtype.itemsize - 1), "u": 2**(8 * dtype.itemsize) - 1,
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


def table(kind: str = "bounded", rows: int = 60, seed: int = 0) -> Table:
    """Integers, booleans, exact floats and arrays, and a column of which the model knows nothing."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(5, rows).astype("u1")
    columns = [
        n,
        rng.normal(size=rows),
        n > 4,
        noise(rng, np.dtype("f4"), rows),
        rng.integers(-9, 9, 2 * rows),
    ]
    shapes: list[tuple[int, ...]] = [(), (), (), (), (2,)]
    drops = [None, None, None, 17, None]
    known = [0, None, 1, 2, 3]
    described = [
        known_column("", b"", column, dropped_bits, int(np.prod(shape)))
        for column, dropped_bits, shape, number in zip(columns, drops, shapes, known, strict=True)
        if number is not None
    ]
    model = random_autoencoder(described, seed, kind, latents=3)
    mine = [column for column, number in zip(columns, known, strict=True) if number is not None]
    model = with_coding(model, latents_from(model, mine))
    specs = [SymbolSpec(c.dtype, len(c), shape) for c, shape in zip(columns, shapes, strict=True)]
    return columns, specs, model, known


def check(reader: AutoencoderCodec, payload: bytes, columns: Columns, specs: list[SymbolSpec]) -> None:
    found = reader.decode(memoryview(payload), specs)
    assert [found[at].tobytes() for at in range(len(columns))] == [column.tobytes() for column in columns]
