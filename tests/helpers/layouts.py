"""Arrays of every kind, for hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
from awkward import contents
from awkward.index import Index8, Index32, Index64, IndexU8
from hypothesis import strategies as st

DTYPES = [*"?bBhHiIqQ", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "M8[D]", "m8[us]"]


# Layouts of every kind. Each function draws one of the given length.

Draw = Callable[[Any], Any]


def _numbers(draw: Draw, length: int) -> contents.Content:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    inner = draw(st.sampled_from([(), (), (), (2,), (3, 2), (0,)]))
    raw = draw(st.randoms(use_true_random=False)).randbytes(length * int(np.prod(inner)) * dtype.itemsize)
    values = np.frombuffer(raw, np.uint8)
    values = (values & 1).view(dtype) if dtype.kind == "b" else values.view(dtype)
    return contents.NumpyArray(values.reshape(length, *inner))


def _text(draw: Draw, length: int) -> contents.Content:
    if draw(st.booleans()):
        words = draw(st.lists(st.text(max_size=5), min_size=length, max_size=length))
        kind, raw = "string", [word.encode() for word in words]
    else:
        kind, raw = "bytestring", draw(st.lists(st.binary(max_size=5), min_size=length, max_size=length))
    char = "char" if kind == "string" else "byte"
    data = np.frombuffer(b"".join(raw), np.uint8)
    return contents.ListOffsetArray(
        Index64(np.cumsum([0, *map(len, raw)])),
        contents.NumpyArray(data, parameters={"__array__": char}),
        parameters={"__array__": kind},
    )


def _lists(draw: Draw, length: int, depth: int) -> contents.Content:
    counts = draw(st.lists(st.integers(0, 3), min_size=length, max_size=length))
    content = _layout(draw, sum(counts), depth - 1)
    offsets = np.cumsum([0, *counts])
    kind = draw(st.sampled_from(["i64", "i32", "list", "late"]))
    if kind == "i32":
        return contents.ListOffsetArray(Index32(offsets.astype(np.int32)), content)
    if kind == "list":
        order = np.array(draw(st.permutations(range(length))), dtype=np.int64)
        return contents.ListArray(Index64(offsets[:-1][order]), Index64(offsets[1:][order]), content)
    if kind == "late" and length:  # the first list is cut off, so that offsets do not start at 0
        return contents.ListOffsetArray(Index64(np.append(offsets[1:], offsets[-1])), content)
    return contents.ListOffsetArray(Index64(offsets), content)


def _regular(draw: Draw, length: int, depth: int) -> contents.Content:
    size = draw(st.integers(0, 3))
    return contents.RegularArray(_layout(draw, length * size, depth - 1), size, zeros_length=length)


def _record(draw: Draw, length: int, depth: int) -> contents.Content:
    number = draw(st.integers(1, 3))
    parts = [_layout(draw, length + draw(st.integers(0, 2)), depth - 1) for _ in range(number)]
    fields = draw(st.sampled_from([None, ["pt", "p.t", "µ"][:number]]))
    parameters = draw(st.sampled_from([None, {"__record__": "Momentum4D"}]))
    return contents.RecordArray(parts, fields, length=length, parameters=parameters)


def _option(draw: Draw, length: int, depth: int) -> contents.Content:
    content = _layout(draw, length, depth - 1)
    missing = np.array(draw(st.lists(st.booleans(), min_size=length, max_size=length)), dtype=bool)
    kind = draw(st.sampled_from(["bytes", "bits", "index", "none"]))
    valid = draw(st.booleans())
    if kind == "bytes":
        mask = Index8((missing ^ valid).astype(np.int8))
        return contents.ByteMaskedArray.simplified(mask, content, valid_when=valid)
    if kind == "bits":
        lsb = draw(st.booleans())
        bits = np.packbits(missing ^ valid, bitorder="little" if lsb else "big")
        return contents.BitMaskedArray.simplified(IndexU8(bits), content, valid, length, lsb)
    if kind == "index":
        return contents.IndexedOptionArray.simplified(
            Index64(np.where(missing, -1, np.arange(length))), content
        )
    return contents.UnmaskedArray.simplified(content)


def _union(draw: Draw, length: int, depth: int) -> contents.Content:
    tags = np.array(draw(st.lists(st.integers(0, 1), min_size=length, max_size=length)), dtype=np.int8)
    index = np.zeros(length, np.int64)
    for tag in (0, 1):
        index[tags == tag] = np.arange(np.count_nonzero(tags == tag))
    numbers = contents.NumpyArray(np.arange(np.count_nonzero(tags == 0), dtype=np.float32))
    record = contents.RecordArray(
        [_layout(draw, int(np.count_nonzero(tags == 1)), depth - 1)],
        ["x"],
        length=int(np.count_nonzero(tags == 1)),
    )
    return contents.UnionArray(Index8(tags), Index64(index), [numbers, record])


def _indexed(draw: Draw, length: int, depth: int) -> contents.Content:
    if draw(st.booleans()):
        distinct = ak.to_layout(ak.Array(["QCD", "ttbar", ""]))
        index = np.array(draw(st.lists(st.integers(0, 2), min_size=length, max_size=length)), dtype=np.int64)
        return contents.IndexedArray(Index64(index), distinct, parameters={"__array__": "categorical"})
    content = _layout(draw, length + 1, depth - 1)
    index = np.array(draw(st.lists(st.integers(0, length), min_size=length, max_size=length)), dtype=np.int64)
    return contents.IndexedArray.simplified(Index64(index), content)


def _layout(draw: Draw, length: int, depth: int) -> contents.Content:
    """Any layout of this length, nested up to `depth` levels."""
    leaves: list[Callable[[], contents.Content]] = [
        lambda: _numbers(draw, length),
        lambda: _text(draw, length),
    ]
    if length == 0:
        leaves.append(contents.EmptyArray)
    nodes = [_lists, _regular, _record, _option, _union, _indexed] if depth > 0 else []
    choice = draw(st.integers(0, len(leaves) + 2 * len(nodes) - 1))
    if choice < len(leaves):
        return leaves[choice]()
    return nodes[(choice - len(leaves)) // 2](draw, length, depth)


@st.composite
def arrays(draw: Draw) -> ak.Array:
    """Arrays of every kind, sometimes a slice of a longer one."""
    length = draw(st.integers(0, 9))
    array = ak.Array(_layout(draw, length, draw(st.integers(0, 3))))
    if draw(st.booleans()):
        start = draw(st.integers(0, length))
        array = array[start : draw(st.integers(start, length))]
    return array
