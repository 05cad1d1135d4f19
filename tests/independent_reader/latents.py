"""Codecs with latents of the second reader of `.baler` files, from `formats/codecs.md#autoencoder` alone."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np

from tests.independent_reader import networks
from tests.independent_reader.binary import Bytes, need
from tests.independent_reader.classic import Symbols, Wanted, classic
from tests.independent_reader.conditional import conditional
from tests.independent_reader.distributions import Unrans, mixture_shares, mixtures
from tests.independent_reader.model import Model, axis

FORMAT = "baler-root autoencoder model 1"


def autoencoder(models: dict[bytes, bytes], told: dict[str, Any], data: Bytes, columns: Wanted) -> Symbols:
    """The symbols of columns; `told` gets the latents, and which rows are anomalies with which scores."""
    kind = data.unpack("B")[0]
    need(kind < 2, "kind of a page")
    if not kind:
        return classic(Bytes(data.take(len(data.data) - data.at)), columns)
    name = data.take(8)
    rows, numbers, sizes = data.varint(), dict[int, int](), dict[int, int]()
    for at, (_, length, shape) in enumerate(columns):
        if code := data.varint():
            need(code - 1 not in numbers.values(), "a column of the model twice")
            need(0 < length == rows * math.prod(shape), "rows")
            numbers[at], sizes[at] = code - 1, data.varint()
    need(numbers, "no column")
    latents, anomalies, missed, low, rest = (Bytes(data.take(data.varint())) for _ in range(5))
    streams = {at: Bytes(data.take(size)) for at, size in sizes.items()}
    need(data.at == len(data.data), "bytes left over")
    others = [at for at in range(len(columns)) if at not in numbers]
    out = dict(zip(others, classic(rest, [columns[at] for at in others]), strict=True))

    need(name in models, "a model that is not there")
    model = AutoencoderModel(models[name])
    mine = {at: model.columns[number] for at, number in numbers.items() if number < len(model.columns)}
    need(len(mine) == len(numbers), "column of the model")
    for at, column in mine.items():
        dtype, length, _ = columns[at]
        need(length == rows * column.get("each", 1), "values in a row")
        need(dtype.kind in ("f" if "drop" in column else "uib"), "type of a column")
        need(column.get("drop", 0) < 8 * dtype.itemsize, "bits of a column")
    need(rows * model.latents <= 1 << 27 and latents.data[:1] < b"\2", "latents")
    found = conditional(model.coding, None, latents, [(np.dtype("i2"), rows, ())] * model.latents)
    codes = np.stack(found, axis=1).astype(np.int64)
    need(codes.min() >= -2048 and codes.max() <= 2047, "a latent")
    scored = alone(anomalies, rows, np.dtype("f4"), [1])
    told |= {"latents": codes, "rows": scored[0], "scores": scored[1]}

    each = [column.get("each", 1) for column in mine.values()]
    exact, *stored = alone(missed, rows, np.dtype("u4"), each)
    bounded = model.residual == "bounded"
    need(bounded or not any(sizes.values()), "streams")
    need(not bounded or not missed.data, "missed rows")
    places = {at: np.zeros((rows, count), np.int64) for at, count in zip(mine, each, strict=True)}
    step = min(1 << 16, (1 << 23) // (3 * model.components * model.values))
    for start in range(0, rows, step):
        block = slice(start, min(rows, start + step))
        outputs = networks.run(model.decoder, codes[block])
        outputs = outputs.reshape(len(outputs), model.values, -1)
        for at, column in mine.items():
            own = outputs[:, column["first"] : column["first"] + column.get("each", 1)]
            own = own.reshape(-1, 3 * model.components)
            if bounded:
                coded = Unrans(Bytes(streams[at].take(streams[at].varint())), 1)
                here = coded.take(mixture_shares(mixtures(own), column["edges"]), len(column["codes"]))
                coded.finish()
            else:
                w, m, _ = np.split(own, 3, axis=1)
                mean = 1024 * m[np.arange(len(m)), w.argmax(axis=1)]
                here = np.searchsorted(column["edges"], mean, side="right") - 1
                here = np.clip(here, 0, len(column["codes"]) - 1)
            places[at][block] = here.reshape(-1, places[at].shape[1])
    need(all(stream.at == len(stream.data) for stream in streams.values()), "bytes left over")
    for (at, column), values in zip(mine.items(), stored, strict=True):
        need(not len(values) or values.max() < len(column["codes"]), "a place beyond the axis")
        places[at][exact] = values.reshape(-1, places[at].shape[1])

    dropped = {at: column["drop"] for at, column in mine.items() if "drop" in column}
    need(dropped or not low.data, "low bits")
    sizes = {at: next(n for n in (1, 2, 4, 8) if 8 * n >= drop) for at, drop in dropped.items()}
    wanted = [(np.dtype(f"u{size}"), columns[at][1], ()) for at, size in sizes.items()]
    lows = dict(zip(dropped, classic(low, wanted), strict=True)) if dropped else {}
    for at, column in mine.items():
        dtype = columns[at][0]
        symbols = [column["low"] + place for place in places[at].reshape(-1).tolist()]
        if at in dropped:
            symbols = [
                pattern(q, bits, column["drop"], dtype) for q, bits in zip(symbols, lows[at], strict=True)
            ]
            out[at] = np.array(symbols, f"u{dtype.itemsize}").view(dtype)
        else:
            limits = (0, 1) if dtype == bool else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            need(limits[0] <= min(symbols) and max(symbols) <= limits[1], "symbols of another type")
            out[at] = np.array(symbols, dtype)
    return [out[at] for at in range(len(columns))]


def pattern(q: int, low: Any, drop: int, dtype: np.dtype[Any]) -> int:
    """The pattern of an exact float."""
    sign = 1 << (8 * dtype.itemsize - 1)
    bits = ((q if q >= 0 else -1 - q) << drop) + int(low)
    need(int(low) < 1 << drop and bits < sign, "a pattern")
    return bits if q >= 0 else bits | sign


def alone(data: Bytes, rows: int, dtype: np.dtype[Any], each: list[int]) -> list[Any]:
    """Rows stored by themselves, and their columns."""
    if not data.data:
        return [np.zeros(0, np.int64), *(np.zeros(0, dtype) for _ in each)]
    count = data.varint()
    need(0 < count <= rows, "number of rows")
    wanted = [(np.dtype("u4"), count, ()), *((dtype, count * values, ()) for values in each)]
    gaps, *columns = classic(Bytes(data.take(len(data.data) - data.at)), wanted)
    found = np.cumsum(gaps, dtype=np.int64)
    need(all(gaps[1:] > 0) and found[-1] < rows, "rows")
    return [found, *columns]


class AutoencoderModel:
    """Axes of the columns, and the network that tells of them."""

    def __init__(self, data: bytes) -> None:
        parts = Bytes(data)
        document = json.loads(parts.packed().data)
        parts.packed()  # recipes
        coding = parts.packed().data
        need(document["format"] == FORMAT, "a model of another format")
        self.coding = {hashlib.sha256(coding).digest()[:8]: coding}
        self.columns, self.latents = document["columns"], len(document["latents"])
        self.components, self.residual = document["components"], document["residual"]
        lengths, clusters = document["lengths"], document.get("clusters")
        types = ["u4"] * 2 * len(self.columns) + ["i1", "i4"] * 2 + ["f4"] * (clusters is not None)
        wanted = [(np.dtype(t), length, ()) for t, length in zip(types, lengths, strict=True)]
        arrays = classic(Bytes(parts.take(len(data) - parts.at)), wanted)
        self.values = 0
        for number, column in enumerate(self.columns):
            axis(column, *arrays[2 * number : 2 * number + 2])
            column["first"] = self.values
            self.values += column.get("each", 1)
            need(column.get("each", 1) > 0 and 0 <= column.get("drop", 0) <= 63, "a column")
        weights, biases, *more = arrays[2 * len(self.columns) + 2 :]
        self.decoder = {
            "operations": document["decoder"],
            "low": -2048,
            "high": 2047,
            "weights": weights.tolist(),
            "biases": biases.tolist(),
        }
        need(1 <= self.latents <= 256 and 1 <= self.components <= 16, "latents or components")
        known = [number for number in document["latents"] if number is not None]
        need(len(set(known)) == len(known), "two latents that are one column")
        need(not known or max(known) < len(Model(coding).columns), "latents without a column")
        need(self.residual in ("bounded", "none"), "kind of a residual")
        if clusters is not None:
            count = 1 + clusters * self.latents * (1 + self.latents)
            need(1 <= clusters <= 256 and len(more[0]) == count and np.isfinite(more[0]).all(), "clusters")
