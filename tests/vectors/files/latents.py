"""Golden files of the codecs that store latents."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from tests.helpers.models import (
    attending,
    convolving,
    following,
    growing,
    latents_from,
    model_of_table,
    random_autoencoder,
    with_coding,
)
from tests.vectors.source import Made, Source, bits, flat, latent_tree, write_trees


def autoencoder(target: Path) -> Made:
    """Latents with streams, in two clusters, and a model of the latents; rows unlike the others; values off
    their axes.
    """
    rng = np.random.default_rng(30)
    rows = 400
    n = rng.poisson(3, rows) + 5
    pt = rng.exponential(30, rows) + n
    pt[7], pt[300], n[310], n[320] = np.nan, 1e6, 99, -7
    plain = n * 2
    plain[350:370] += 500  # too many for outliers: that column is coded without the latents then
    arrays = {
        "n": flat(n, "i4"),
        "pt": flat(pt, "f4"),
        "weight": flat(rng.normal(size=rows), "f8"),
        "phi": flat(rng.uniform(-3, 3, rows), "f8"),
        "passed": flat(pt > 20, "bool"),
        "plain": flat(plain, "u2"),
        "wide": flat(n * 10**12, "i8"),
    }

    def make(columns: list[ModelColumn], symbols: list[Any]) -> AutoencoderModel:
        model = following([0, 1, 2, 1, 0], "bounded", columns)
        latents = latents_from(model, symbols)
        return replace(
            with_coding(model, latents), outlier_detector=OutlierDetector.fit(latents, 0.03, 2, seed=0)
        )

    # In the model's order: n, pt, phi, passed, plain; it has never heard of weight and wide.
    return latent_tree(
        target, arrays, {"pt": "rel=0.01", "phi": "abs=0.01"}, [0, 1, 3, 4, 5], make, (250, 150)
    )


def transformer(target: Path) -> Made:
    """Latents with streams: floats kept exactly, with NaN payloads, and arrays of them; networks with
    attention.
    """
    rng = np.random.default_rng(31)
    rows = 96
    x = rng.normal(size=(rows, 3))
    arrays = {
        "half": bits(
            np.resize([0x7C00, 0xFC00, 0x7E01, 0x8000, 1, *x[:, 0].astype("f2").view("u2")], rows), "f2"
        ),
        "vector": flat(x, "f4"),
        "single": bits(np.resize([0x7F800001, 0xFFC12345, *x[:, 1].astype("f4").view("u4")], rows), "f4"),
        "double": bits(np.resize([(0x7FF << 52) + 1, 1 << 63, 1, *x[:, 0].view("u8")], rows), "f8"),
        "n": flat(rng.integers(-3, 3, (rows, 2)), "i2"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        model = random_autoencoder(columns, seed=1, decoder=attending(2, 8, 6, seed=2))
        return replace(model, codec="transformer")

    return latent_tree(target, arrays, {}, [4, 1, 0, 2, 3], make, codec="transformer")


def autoencoder_alone(target: Path) -> Made:
    """Latents and no streams: rows that they do not give back, of which the second cluster has none; exact
    floats, too.
    """
    rng = np.random.default_rng(32)
    rows = 300
    level = rng.integers(0, 6, rows)
    x = np.sqrt(level + 2.0)
    near = level + 2
    near[[5, 17, 199]] += 1, 2, 1
    x[[17, 40]] = -1.5
    arrays = {
        "level": flat(level, "u1"),
        "near": flat(near, "i4"),
        "x": flat(x, "f4"),
        "noise": flat(rng.normal(size=rows), "f8"),
        "pair": flat(np.stack([level, 5 - level], axis=1), "i2"),
        "on": flat(level > 2, "bool"),
        "close": flat(level * 0.1, "f8"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        return following([0, 0, 1, 0, 2, 0, 0], "none", columns)

    return latent_tree(target, arrays, {"close": "abs=0.05"}, [0, 1, 2, 4, 5, 6], make, (200, 100))


def autoencoder_lists(target: Path) -> Made:
    """Latents of entries, and of the items of lists, with another model; a page that no model knows."""
    rng = np.random.default_rng(33)
    counts = rng.integers(0, 4, 90)
    total = int(counts.sum())
    pt = rng.exponential(30, total) + 1
    arrays = {
        "met": flat(rng.exponential(30, 90), "f4"),
        "vertices": flat(rng.poisson(20, 90), "u1"),
        "pt": ak.unflatten(pt.astype("f4"), counts),
        "tracks": ak.unflatten(rng.poisson(pt / 10).astype("u2"), counts),
        "tag": ak.unflatten(pt > 30, counts),
        "run": flat(np.full(90, 7), "u4"),
    }

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        return random_autoencoder(columns, seed=len(columns), components=3)

    # Columns: 0 met, 1 vertices, 2 and 3 pt, 4 and 5 tracks, 6 and 7 tag (counts first), 8 run
    made = tuple(
        partial(model_of_table, group=group, numbers=numbers, make=make)
        for group, numbers in ((0, (0, 1)), (1, (3, 5, 7)))
    )
    bounds = {"met": "rel=0.01", "pt": "rel=0.01"}
    source = Source("Events", arrays, bounds, cuts=(50, 40), groups=(2, 6, 1), made=made, codec="autoencoder")
    return write_trees(target, source)


def convolutional(target: Path) -> Made:
    """Latents of fixed-size arrays, with convolutions; streams of two blocks, as the model has many values in
    a row.
    """
    rng = np.random.default_rng(34)
    rows, side = 50, 64
    place = np.arange(side) - side // 2
    disc = np.hypot(place[1:, None], place) < rng.uniform(5, 40, rows)[:, None, None]
    shades = disc.astype("u1")
    shades[4:] *= 2  # off the axis in the second cluster, where the latents tell of the other column only
    arrays = {"disc": flat(shades, "u1"), "strip": flat(disc[:, side // 2], "bool")}

    def make(columns: list[ModelColumn], _: list[Any]) -> AutoencoderModel:
        encoder, decoder = convolving(side, 3, seed=4), growing(3, side, 48, seed=5)
        model = random_autoencoder(columns, latents=3, components=16, encoder=encoder, decoder=decoder)
        return replace(model, codec="convolutional")

    return latent_tree(target, arrays, {}, [0, 1], make, (4, 46), codec="convolutional")
