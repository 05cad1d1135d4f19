"""Arrays taken apart into columns and put together again are the same arrays, whatever nests in what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest
from awkward import contents
from awkward.index import Index8, Index32, Index64, IndexU8
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, SourceError
from baler_root.format.columns.form_columns import Column, Form, columns_of, is_plain
from baler_root.format.columns.from_columns import from_columns, offsets_dtypes, offsets_from
from baler_root.format.columns.to_columns import plain_form, to_columns

DTYPES = [*"?bBhHiIqQ", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "M8[D]", "m8[us]"]


def apart(array: ak.Array) -> tuple[Form, list[Column], list[NDArray[Any]]]:
    form = plain_form(array)
    columns = columns_of([(0, form)])
    return form, columns, to_columns(array, form, columns)


def together(form: Form, columns: list[Column], buffers: list[NDArray[Any]], length: int) -> ak.Array:
    """As the reader does it: counts become offsets of the form's own dtype."""
    dtypes = iter(offsets_dtypes(form))
    ready = [
        offsets_from(buffer, next(dtypes)) if column.role == "counts" else buffer
        for column, buffer in zip(columns, buffers, strict=True)
    ]
    return from_columns(form, length, columns, ready)


def round_trip(array: ak.Array) -> ak.Array:
    form, columns, buffers = apart(array)
    for column, buffer in zip(columns, buffers, strict=True):
        assert buffer.ndim == 1
        assert buffer.dtype == column.dtype
        assert buffer.dtype.kind in "biuf"
        if column.table == 0:
            assert len(buffer) == len(array) * np.prod(column.shape, dtype=int)
    return together(form, columns, buffers, len(array))


def assert_identical(one: ak.Array, other: ak.Array) -> None:
    """Same type, same structure, same bits; `one` may lack what no index of `other` points at."""
    forms, lengths, buffers = zip(
        *(ak.to_buffers(ak.to_packed(array)) for array in (one, other)), strict=True
    )
    assert str(one.type) == str(other.type)
    assert plain_form(one) == plain_form(other)
    assert lengths[0] == lengths[1]
    if "union" in str(one.type):
        # The indexes and options of a union say one thing in several ways, and packing leaves them as they are.
        assert str(ak.to_list(one)) == str(ak.to_list(other))
        return
    if forms[0] == forms[1]:
        for key, values in buffers[0].items():
            assert values.dtype == buffers[1][key].dtype
            theirs = buffers[1][key].tobytes()
            assert values.tobytes() == (theirs[: values.nbytes] if "Indexed" in str(forms[0]) else theirs), (
                key
            )
    assert ak.array_equal(one, other, equal_nan=True, dtype_exact=True)


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


@settings(max_examples=150, phases=[Phase.explicit, Phase.generate])  # shrinking arrays takes minutes
@given(arrays())
def test_any_array_comes_back(array: ak.Array) -> None:
    assert_identical(round_trip(array), array)


@settings(max_examples=150, phases=[Phase.explicit, Phase.generate])  # shrinking arrays takes minutes
@given(arrays())
def test_columns_follow_from_the_form_alone(array: ak.Array) -> None:
    """Reading the form back from JSON gives the same columns, and each counts column opens its own table."""
    form = plain_form(array)
    columns = columns_of([(0, form), (7, form)])
    half = len(columns) // 2
    assert [column.branch for column in columns] == [0] * half + [7] * half
    opened = [column.opens for column in columns if column.role == "counts"]
    assert len(set(opened)) == len(opened)
    assert 0 not in opened


NAMED = {
    "flat": ak.Array([1, 2, 3]),
    "no entries": ak.Array(np.zeros(0, np.float32)),
    "unknown type": ak.Array([]),
    "lists of nothing": ak.Array([[], [], []]),
    "empty jagged": ak.Array([[1.0], [], [2.0, 3.0]])[0:0],
    "jagged": ak.Array([[1.5], [], [2.5, -0.0]]),
    "nested": ak.Array([[[1], []], [], [[2, 3]]]),
    "records in lists": ak.Array([[{"pt": 1.0, "hits": [1, 2]}], []]),
    "strings": ak.Array(["", "µ", "x" * 300]),
    "lists of strings": ak.Array([["a", ""], []]),
    "bytes": ak.Array([b"\x00\xff", b""]),
    "options": ak.Array([1, None, 3]),
    "options in lists": ak.Array([[1, None], [], None]),
    "missing strings": ak.Array(["a", None]),
    "union": ak.Array([1.5, "two", [3]]),
    "2-d": ak.Array(np.arange(6, dtype=np.int16).reshape(3, 2)),
    "matrix per entry": ak.from_numpy(np.arange(24.0).reshape(2, 3, 4), regulararray=True),
    "zero-size rows": ak.from_numpy(np.zeros((4, 0)), regulararray=True),
    "complex": ak.Array(np.array([1 + 2j, complex("nan-0j")], np.complex64)),
    "dates": ak.Array(np.array(["2026-01-01", "NaT"], "M8[s]")),
    "durations": ak.Array(np.array([1, -2], "m8[ms]")),
    "halves": ak.Array(np.array([1.5, np.nan, -0.0], np.float16)),
    "categorical": ak.Array(
        contents.IndexedArray(
            Index64(np.array([1, 0, 1])),
            ak.to_layout(ak.Array(["a", "b"])),
            parameters={"__array__": "categorical"},
        )
    ),
    "tuples": ak.Array([(1, 2.0), (3, 4.0)]),
    "no fields": ak.Array([{}, {}]),
    "tail of a slice": ak.Array([[1, 2], [3], [4, 5]])[1:],
    "every second": ak.Array([[1, 2], [3], [4, 5]])[::2],
    "masked": ak.mask(ak.Array([[1], [2, 3], []]), [True, False, True]),
    "bit masked": ak.Array(
        contents.BitMaskedArray(
            IndexU8(np.array([5], np.uint8)), contents.NumpyArray(np.array([1.0, 2.0, 3.0])), True, 3, True
        )
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_each_kind(name: str) -> None:
    assert_identical(round_trip(NAMED[name]), NAMED[name])


def test_nan_payloads_and_signs_survive() -> None:
    bits = np.array([0x7FF0000000000001, 0xFFF8DEADBEEF0001, 0x8000000000000000, 1], np.uint64)
    back = round_trip(ak.Array([bits.view(np.float64)]))
    assert (ak.to_numpy(back[0]).view(np.uint64) == bits).all()


def test_columns_say_what_they_are() -> None:
    array = ak.Array([{"pt": [1.0], "name": "x", "grid": None}])
    roles = {(c.field, c.role, c.table, c.opens) for c in columns_of([(3, plain_form(array))])}
    assert roles == {
        ("pt", "counts", 0, 1),
        ("pt", "data", 1, 0),
        ("name", "counts", 0, 2),
        ("name", "text", 2, 0),
        ("grid", "index", 0, 0),
    }


def test_changed_type_is_refused() -> None:
    form, columns, _ = apart(ak.Array([1, 2]))
    with pytest.raises(SourceError, match="the type changes along the entries"):
        to_columns(ak.Array([1.0]), form, columns)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"class": "NumpyArray", "primitive": "float128"}, "float128"),
        ({"class": "VirtualArray"}, "VirtualArray"),
    ],
)
def test_what_cannot_be_stored_is_named(form: Form, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        columns_of([(0, form)])


def test_columns_that_do_not_fit_are_corrupt() -> None:
    form, columns, buffers = apart(ak.Array([[1, 2], [3]]))
    with pytest.raises(CorruptFileError, match="do not fit together"):
        together(form, columns, [buffers[0], buffers[1][:1]], 2)


def test_counts_beyond_the_offsets_are_corrupt() -> None:
    """Counts whose sum wraps around int32 would give offsets that point anywhere."""
    counts = np.array([2**31, 2**31, 1], np.uint32)
    with pytest.raises(CorruptFileError, match="lists of"):
        offsets_from(counts, np.dtype(np.int32))
    assert offsets_from(counts, np.dtype(np.int64)).tolist() == [0, 2**31, 2**32, 2**32 + 1]


@pytest.mark.parametrize("wrong", [np.array([0, 5, 1]), np.array([0, -2, 1])])
def test_index_out_of_range_is_corrupt(wrong: NDArray[np.int64]) -> None:
    form, columns, buffers = apart(NAMED["categorical"])
    where = next(i for i, column in enumerate(columns) if column.role == "index")
    buffers[where] = wrong.astype(columns[where].dtype)
    with pytest.raises(CorruptFileError, match="do not fit together"):
        together(form, columns, buffers, 3)


def test_tags_out_of_range_are_corrupt() -> None:
    form, columns, buffers = apart(NAMED["union"])
    where = next(i for i, column in enumerate(columns) if column.role == "tags")
    buffers[where] = np.array([0, 9, 2], np.int8)
    with pytest.raises(CorruptFileError, match="do not fit together"):
        together(form, columns, buffers, 3)


def test_plain_forms_are_those_that_can_be_put_end_to_end() -> None:
    assert is_plain(plain_form(NAMED["records in lists"]))
    assert is_plain(plain_form(NAMED["lists of strings"]))
    for name in ("options", "union", "categorical", "bit masked"):
        assert not is_plain(plain_form(NAMED[name])), name


def test_lists_of_nothing_open_a_table_each() -> None:
    """Found by hypothesis: two branches of the type `var * unknown`."""
    form = plain_form(ak.Array([[], []]))
    assert [column.opens for column in columns_of([(0, form), (1, form)])] == [1, 2]
