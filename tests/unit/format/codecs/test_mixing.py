"""Mixing: every value comes back, as the second reader says; damage is found; memory is earned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, FormatError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.mixing import (
    ContextKind,
    MixedColumn,
    MixingContexts,
    Source,
    SourceKind,
    SourceValues,
)
from baler_root.format.codecs.conditional.mixing_encoder import quantile_cells
from baler_root.format.entropy import adaptive_mixing
from baler_root.format.entropy.mixing_tables import mixing_tables
from tests.independent_reader.binary import Bytes
from tests.independent_reader.conditional import conditional
from tests.unit.format.codecs.mixed_pages import (
    COUNTS,
    MET,
    Columns,
    contexts_of,
    correlated,
    list_context,
    mixed_page,
    specs_of,
)

DTYPES = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")]


def second_reader(payload: bytes, columns: Columns, outer: dict[int, Any] | None = None) -> list[Any]:
    """Columns as the second reader decodes them."""
    wanted = [(column.dtype, len(column), ()) for column in columns]
    return conditional({}, (outer or {}).__getitem__, Bytes(payload), wanted)


def assert_same(found: Any, columns: Columns) -> None:
    for position, column in enumerate(columns):
        assert found[position].dtype == column.dtype
        assert found[position].tobytes() == column.tobytes()


@st.composite
def columns(draw: st.DrawFn, rows: int | None = None) -> list[NDArray[Any]]:
    """Columns of integers of any type: few values or many, near each other or at the ends of their type."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    length = draw(st.sampled_from([1, 2, 3, 40, 150])) if rows is None else rows
    result: list[NDArray[Any]] = []
    for _ in range(draw(st.integers(1, 4))):
        dtype = draw(st.sampled_from(DTYPES))
        if dtype.kind == "b":
            result.append(rng.random(length) < draw(st.sampled_from([0.02, 0.5])))
            continue
        info = np.iinfo(dtype)
        span = min(
            int(info.max) - int(info.min), draw(st.sampled_from([1, 2, 7, 100, 60_000, (1 << 32) - 1]))
        )
        low = draw(st.sampled_from([int(info.min), 0, int(info.max) - span]))
        offsets = (
            rng.integers(0, span + 1, length) if draw(st.booleans()) else rng.poisson(1, length) % (span + 1)
        )
        result.append(np.array([low + int(offset) for offset in offsets], dtype))
    return result


@given(columns())
def test_every_symbol_comes_back_in_both_readers(some: list[NDArray[Any]]) -> None:
    payload = mixed_page(some, {n: contexts_of(some, n) for n in range(len(some))})
    assert_same(ConditionalCodec().decode(memoryview(payload), specs_of(some)), some)
    assert_same(second_reader(payload, some), some)
    for position, column in enumerate(some):
        alone = ConditionalCodec().decode(memoryview(payload), specs_of(some), [position])
        assert alone.keys() == {position}
        assert np.array_equal(alone[position], column)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.data())
def test_items_of_lists_come_back_in_both_readers(lengths: list[int], data: st.DataObject) -> None:
    counts = np.array([*lengths, 2], np.int64)
    some = data.draw(columns(rows=int(counts.sum())))
    met = np.arange(len(counts), dtype="u2") % 5
    context = list_context(counts, met)
    payload = mixed_page(some, {n: contexts_of(some, n, lists=True) for n in range(len(some))}, context)
    codec = ConditionalCodec().with_context({COUNTS: counts, MET: met})
    assert_same(codec.decode(memoryview(payload), specs_of(some)), some)
    assert_same(second_reader(payload, some, {COUNTS: counts, MET: met}), some)


@pytest.mark.parametrize("rows", [0, 1, 2, 5000, 40_000])
def test_columns_of_any_length(rows: int) -> None:
    some = correlated(rows)
    payload = mixed_page(some, {n: contexts_of(some, n, bins=30) for n in range(len(some))})
    assert_same(ConditionalCodec().decode(memoryview(payload), specs_of(some)), some)


def test_a_column_given_another_costs_little() -> None:
    some = correlated(5000)
    codec = ConditionalCodec(mixing={n: contexts_of(some, n, bins=100) for n in (1, 3, 4)})
    payload, shares = codec.encode(some, specs_of(some))
    classic, _ = ConditionalCodec().encode(some, specs_of(some))
    assert PayloadKind.MIXING.is_kind_of(memoryview(payload))
    assert len(payload) < 0.9 * len(classic), "which is noise for the larger part"
    assert sum(shares) == pytest.approx(len(payload))
    assert shares[3] < 40, "a function of another column"


def test_no_page_is_larger_than_without_mixing() -> None:
    rng = np.random.default_rng(3)
    for rows in (3, 30, 300):
        some = [rng.integers(0, 1 << 16, rows).astype("u2") for _ in range(4)]
        codec = ConditionalCodec(mixing={n: contexts_of(some, n) for n in range(4)})
        mixed, classic = (c.encode(some, specs_of(some))[0] for c in (codec, ConditionalCodec()))
        assert len(mixed) <= len(classic)


def test_only_sources_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    some = correlated(200)
    after_1 = MixingContexts((Source(SourceKind.COLUMN, 1),), (ContextKind((0,), 9),))
    payload = mixed_page(some, {0: MixingContexts(), 1: MixingContexts(), 3: MixingContexts(), 4: after_1})
    spans: list[int] = []
    decode = adaptive_mixing.decode
    monkeypatch.setattr(
        adaptive_mixing,
        "decode",
        lambda data, length, inputs: spans.append(int(inputs.bounds[-1])) or decode(data, length, inputs),
    )
    expected = [int(np.ptp(column.astype("i8"))) + 1 for column in some]
    for wanted, decoded in (([4], [1, 4]), ([3], [3]), ([2], [])):
        spans.clear()
        ConditionalCodec().decode(memoryview(payload), specs_of(some), wanted)
        assert spans == [expected[n] for n in decoded]
    spans.clear()
    ConditionalCodec().decode_more(memoryview(payload), specs_of(some), [4], {1: some[1]})
    assert spans == [expected[4]]


def test_same_columns_same_bytes() -> None:
    some = correlated(300)
    contexts = {n: contexts_of(some, n) for n in range(len(some))}
    assert mixed_page(some, contexts) == mixed_page([column.copy() for column in some], contexts)


def test_frequent_values_fill_several_cells() -> None:
    values = np.repeat([0, 5, 900], [60, 30, 10])
    cells = quantile_cells(values, 901, 3)
    assert np.all(np.diff(cells) >= 0)
    assert set(cells[1:-1].tolist()) <= {0, 5, 900}


@pytest.mark.parametrize("lists", [False, True], ids=["entries", "lists"])
def test_any_cut_and_any_flip_is_an_error_or_other_symbols(lists: bool) -> None:
    counts, met = np.array([0, 3, 20, 17, 20]), np.array([1, 5, 2, 1, 0], "u1")
    some = correlated(60)
    contexts = {n: contexts_of(some, n, lists=lists) for n in range(len(some))}
    payload = mixed_page(some, contexts, list_context(counts, met) if lists else None)
    codec = ConditionalCodec().with_context({COUNTS: counts, MET: met})
    head = bytes(unpack_bytes(Cursor(memoryview(payload)[1:]), 1 << 20))
    rest = memoryview(payload)[1 + len(pack_bytes(head)) :]
    damaged_payloads = []
    for position in range(len(payload)):
        with pytest.raises(FormatError):
            codec.decode(memoryview(payload[:position]), specs_of(some))
        damaged = bytearray(payload)
        damaged[position] ^= 1 << position % 8
        damaged_payloads.append(bytes(damaged))
    for bit in range(8 * len(head)):
        damaged = bytearray(head)
        damaged[bit // 8] ^= 1 << bit % 8
        damaged_payloads.append(PayloadKind.MIXING.prefix + pack_bytes(bytes(damaged)) + bytes(rest))
    for hostile in damaged_payloads:
        try:
            found = codec.decode(memoryview(hostile), specs_of(some))
        except FormatError:
            continue
        for position, column in enumerate(some):
            assert (found[position].dtype, len(found[position])) == (column.dtype, len(column))


def test_counters_are_earned_by_values() -> None:
    """A few bytes cannot claim the memory of endless contexts."""
    source = np.arange(100, dtype="i4")
    sources = (Source(SourceKind.COLUMN, 0), Source(SourceKind.PREVIOUS))
    many = MixingContexts(sources, (ContextKind((0, 1), 255),))
    column = MixedColumn(0, 1 << 20, 8, None, many)
    with pytest.raises(CorruptFileError, match="counters"):
        SourceValues({0: source}).inputs(column, 100)
    inputs = SourceValues({}).inputs(MixedColumn(0, 1 << 32, 2, None, MixingContexts()), 100)
    assert not len(inputs.coarse), "values inside cells of a wide column are not learned"
    assert inputs.counters <= (1 << 13) + 100 * (1 << 6)


def test_columns_of_too_many_values_are_refused() -> None:
    some = [np.array([1, 2, 3] * 20, "u1")]
    payload = mixed_page(some, {0: MixingContexts()})
    with pytest.raises(CorruptFileError, match="mixing of 4194305 values"):
        ConditionalCodec().decode(memoryview(payload), [SymbolSpec(np.dtype("u1"), (1 << 22) + 1)])


def test_symbols_that_do_not_fit_their_type_are_refused() -> None:
    some = [np.array([1, 2, 3] * 20, "u1")]
    payload = mixed_page(some, {0: MixingContexts()})
    for dtype in ("?", "f4"):
        with pytest.raises(CorruptFileError, match="symbols from 1 to 3"):
            ConditionalCodec().decode(memoryview(payload), specs_of([some[0].astype(dtype)]))


def test_tables_follow_their_formulas() -> None:
    tables = mixing_tables()
    odds = (np.arange(4096) + 0.5) / (4095.5 - np.arange(4096))
    assert np.abs(tables.logarithms - 128 * np.log(odds)).max() <= 1
    shares = 65536 / (1 + np.exp(-np.arange(-1535, 1536) / 128))
    assert np.abs(tables.probabilities - shares).max() <= 1
    assert tables.probabilities.min() >= 0
    assert tables.rates[0] == 40960
    assert tables.classes.tolist()[:5] == [0, 1, 2, 2, 3]
