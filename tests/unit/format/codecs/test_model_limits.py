"""Models of a few kilobytes that would take gigabytes or hours are refused by the sizes that they state."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format import limits
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.histograms import contexts_of
from baler_root.format.codecs.conditional.model import FORMAT, Conditional, Model, ModelColumn
from baler_root.format.entropy.histogram_table import HistogramTable
from baler_root.format.networks.dense import Dense, FixedPointNet

Json = dict[str, Any]

PLACES = 256


def model(columns: list[Json], weights: int = 0, biases: int = 0, cells: int = 0, roots: int = 0) -> bytes:
    """A model of these columns, and arrays of zeros of these lengths; cells are one place wide."""
    arrays: list[NDArray[Any]] = []
    for _ in columns:
        arrays += [np.array([PLACES], np.uint32), np.array([1 << 24], np.uint32)]
    arrays += [np.zeros(weights, np.int8), np.zeros(biases, np.int32)]
    if any("cuts" in column for column in columns):
        arrays += [np.ones(cells, np.uint32), np.zeros(roots, np.uint8)]
    document = {
        "format": FORMAT,
        "about": {},
        "columns": [{"name": "c", "low": 0, "recipe": 0, **column} for column in columns],
        "lengths": [len(array) for array in arrays],
    }
    payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
    return pack_bytes(json.dumps(document).encode()) + pack_bytes(b"") + payload


def histogram(parents: int, bins: int, cells: int = 1) -> Json:
    return {"parents": [0] * parents, "cuts": [list(range(bins - 1))] * parents, "cells": cells}


def network(parents: int, *outputs: int) -> Json:
    return {"parents": [0] * parents, "layers": [[width, 10, -100, 100] for width in outputs]}


BOMBS = {
    "contexts": (model([{}, histogram(3, 64)], roots=1 << 18), "more than 4096 contexts"),
    "all contexts": (model([{}, *[histogram(2, 64)] * 17], roots=17 << 12), "69632 contexts"),
    "all roots": (
        model([{}, *[histogram(1, 1024, PLACES)] * 17], cells=17 * (PLACES - 1), roots=17 << 18),
        "4456448 roots together",
    ),
    "bins without end": (model([{}, histogram(200, 1024)]), "a count up to 262144"),
    "parents": (model([{}, network(4096, 3)], weights=3 * 4096, biases=3), "4096 parents; at most 256"),
    "products": (
        model([{}, network(1, 4096, 4096, 3)], weights=4096 + (1 << 24) - (1 << 13), biases=8195),
        "products for each row; at most",
    ),
    "components": (model([{}, network(0, 3072)], biases=3072), "which is not a mixture"),
    "weights": (model([{}, network(0, 3)], weights=(1 << 24) + 1, biases=3), "16777217 weights together"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_models_beyond_the_limits(name: str) -> None:
    data, message = BOMBS[name]
    assert len(data) < 1 << 16
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match=message):
            Model.from_bytes(data)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_models_within_the_limits() -> None:
    """The largest that are allowed are read."""
    columns = [{}, histogram(2, 64, 64), network(256, 48), network(16, 4048, 3)]
    weights = 256 * 48 + (16 + 3) * 4048
    with pytest.raises(CorruptFileError, match="76912 products"):
        Model.from_bytes(model(columns, weights, 4051 + 48, 63, 1 << 18))
    columns[3] = network(16, 3440, 3)
    read = Model.from_bytes(model(columns, 256 * 48 + 19 * 3440, 3443 + 48, 63, 1 << 18))
    assert read.columns[3].products == 19 * 3440 <= limits.MAX_NET_PRODUCTS
    assert read.columns[1].table.lookup.shape == (limits.MAX_CONTEXTS, 256)


def test_contexts_are_counted_up_to_the_limit() -> None:
    assert contexts_of([[0] * 63] * 2) == limits.MAX_CONTEXTS
    assert contexts_of([[0] * 1023] * 200) == limits.MAX_ROOTS + 1


def test_tables_take_no_more_memory_than_they_have() -> None:
    """The lookup of many contexts is built row by row."""
    below = np.array([0, 1 << 28])
    table = HistogramTable(below, np.array([0, 1]), np.zeros((limits.MAX_CONTEXTS, 1), np.uint8))
    tracemalloc.start()
    try:
        assert table.lookup.nbytes == limits.MAX_CONTEXTS << 8
        assert tracemalloc.get_traced_memory()[1] < 2 * table.lookup.nbytes
    finally:
        tracemalloc.stop()


def test_pages_with_too_many_products() -> None:
    """Rows cost nothing where all are alike; what a network computes for them is counted before."""
    axis = QuantileAxis(0, np.array([0, 16]), np.array([0, 1 << 24]))
    layers = [
        Dense(np.zeros((width, inputs), np.int8), np.zeros(width, np.int32), 10, -100, 100)
        for inputs, width in ((1, 128), (128, 256), (256, 48))
    ]
    net = FixedPointNet(layers, -2048, 2047)
    columns = (ModelColumn("a", b"", axis, None), ModelColumn("b", b"", axis, Conditional((0,), net)))
    digest = bytes(range(32))
    codec = ConditionalCodec({digest: Model(columns, {})})
    length = limits.MAX_PAGE_PRODUCTS // net.products + 1
    rest, _ = Classic().encode([np.zeros(1, np.int8)], [SymbolSpec(np.dtype(np.int8), 1)])
    head = b"\1" + digest[:8] + pack_varint(1) + pack_varint(4) + pack_varint(0) + pack_varint(len(rest))
    spec = SymbolSpec(np.dtype(np.int8), length)
    with pytest.raises(CorruptFileError, match="products for a page; at most"):
        codec.decode(memoryview(head + rest), [spec, spec])
    assert codec.decode(memoryview(head + rest), [SymbolSpec(spec.dtype, 1)] * 2, [0])[0].tolist() == [0]
