"""Columns: any array comes back from its columns bit for bit, and the form alone determines the columns."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest
from awkward import contents
from awkward.index import Index64, IndexU8
from hypothesis import Phase, given, settings
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, SourceError
from baler_root.format.columns.form_columns import Column, Form, columns_of, is_plain
from baler_root.format.columns.from_columns import from_columns, offsets_dtypes, offsets_from
from baler_root.format.columns.to_columns import plain_form, to_columns
from tests.helpers.layouts import arrays


def apart(array: ak.Array) -> tuple[Form, list[Column], list[NDArray[Any]]]:
    form = plain_form(array)
    columns = columns_of([(0, form)])
    return form, columns, to_columns(array, form, columns)


def together(form: Form, columns: list[Column], buffers: list[NDArray[Any]], length: int) -> ak.Array:
    """Columns as the reader has them: counts become offsets of the form's own dtype."""
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
        # Indexes and options of a union have several equivalent forms, and packing leaves them as they are.
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
