"""Contexts of list items: every value comes back, only what is needed is read, and damage is named."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import baler_root
from baler_root.api.verify import verify
from baler_root.errors import FormatError
from baler_root.format.bounds import ErrorBound, measure
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.conditional import codec as conditional_codec
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.list_context import PIECE, ListContext, ListStructure
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.read import Container, PageId
from baler_root.format.tables import lengths_of, tables_of
from tests.helpers.list_files import BOUNDS, PT, TRACKS, events, write
from tests.helpers.models import list_model
from tests.independent_reader import columns as independent_columns
from tests.independent_reader.reader import Reader
from tests.vectors.source import Source, flat, write_trees


@st.composite
def tables(draw: st.DrawFn) -> tuple[NDArray[np.int64], dict[int, tuple[int, ...]], int]:
    counts = draw(st.lists(st.sampled_from([0, 0, 1, 2, 3, 7, PIECE, 3 * PIECE]), min_size=2, max_size=25))
    # In the model: 0 length, 1 position, 2 met, 3 vertices, 4 pt, 5 tracks.
    parents = {
        PT: draw(st.sets(st.sampled_from([0, 1, 2, 3, 4]))),
        TRACKS: draw(st.sets(st.sampled_from([0, 1, 2, 3, 4, 5]))),
    }
    return (
        np.array([2, 1, 3, 2, *counts], np.int64),
        {number: tuple(sorted(some)) for number, some in parents.items()},
        draw(st.integers(0, 99)),
    )


@given(tables())
def test_every_value_comes_back(table: tuple[NDArray[np.int64], dict[int, tuple[int, ...]], int]) -> None:
    counts, items, seed = table
    arrays = events(counts, seed)
    cut = max(4, len(counts) // 2)
    with tempfile.TemporaryDirectory() as where:
        write(Path(where) / "lists.baler", arrays, items, (cut, len(counts) - cut))
        with baler_root.open(Path(where) / "lists.baler") as file:
            tree = file["Events"]
            together = tree.arrays()
            for name, array in arrays.items():
                for found in (together[name], tree[name].array()):
                    assert ak.array_equal(ak.num(found, axis=0), ak.num(array, axis=0))
                    bound = ErrorBound.parse(BOUNDS.get(name, "lossless"))
                    x, y = (ak.to_numpy(ak.flatten(a, axis=None)) for a in (array, found))
                    assert measure(x, y, bound).violations == 0
            middle = tree["tracks"].array(entry_start=cut - 1, entry_stop=cut + 1)
    assert ak.array_equal(middle, arrays["tracks"][cut - 1 : cut + 1])


def test_only_what_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = events(np.array([3, 0, 2, 90, 1] * 4), 5)
    write(tmp_path / "lists.baler", arrays, {PT: (1, 2, 4), TRACKS: (0,)})
    read: list[int] = []
    before = Container.read_pages

    def watched(self: Container, pages: Sequence[PageId]) -> Any:
        read.extend(page.group for page in pages)
        return before(self, pages)

    monkeypatch.setattr(Container, "read_pages", watched)
    for name, groups in {"vertices": {2}, "n": {0}, "tracks": {0, 1}, "pt": {0, 1}}.items():
        read.clear()
        with baler_root.open(tmp_path / "lists.baler") as file:
            file["Events"][name].array()
        assert set(read) == groups, name
    decoded: list[str] = []
    for name in ("decode_stream", "decode_chained"):
        real = getattr(conditional_codec, name)
        monkeypatch.setattr(
            conditional_codec,
            name,
            lambda column, *rest, real=real: decoded.append(column.name) or real(column, *rest),
        )
    with baler_root.open(tmp_path / "lists.baler") as file:
        file["Events"]["tracks"].array()
    assert decoded == [f"column {TRACKS}"], "which does not depend on pt"


def test_what_networks_see_of_lists() -> None:
    lists = ListStructure(np.array([2, 0, 3, PIECE + 2], np.uint32), 7 + PIECE)
    codes = np.arange(100, 107 + PIECE, dtype=np.int16)
    before = lists.previous_codes(codes)
    assert before[:6].tolist() == [-2048, 100, -2048, 102, 103, -2048]
    assert before[5 + PIECE] == -2048, "pieces of long lists stand for themselves"
    assert before[6 + PIECE] == codes[5 + PIECE]
    assert lists.order[:4].tolist() == [0, 2, 5, 5 + PIECE]
    assert np.diff(lists.bounds).sum() == 7 + PIECE
    for wrong in ([2, 4], [2, 6], [-1, 8]):
        with pytest.raises(FormatError):
            ListStructure(np.array(wrong), 7)
    with pytest.raises(FormatError):
        ListStructure(np.array([3.5, 3.5]), 7)


@given(st.data())
def test_any_flip_is_an_error_or_other_symbols(data: st.DataObject) -> None:
    payload, specs, codec = PAGE
    at, bit = data.draw(st.integers(0, len(payload) - 1)), data.draw(st.integers(0, 7))
    damaged = bytearray(payload)
    damaged[at] ^= 1 << bit
    try:
        found = codec.decode(memoryview(bytes(damaged)), specs)
    except FormatError:
        return
    assert [(s.dtype, len(s)) for s in found.values()] == [(spec.dtype, spec.length) for spec in specs]


def made_page() -> tuple[bytes, list[SymbolSpec], ConditionalCodec]:
    """A page of two columns of lists, and the codec with its context columns."""
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 6, 30).astype("u4")
    rows = int(counts.sum())
    columns = [rng.poisson(9, rows).astype("u1"), rng.poisson(3, rows).astype("u1")]
    met = rng.poisson(30, 30).astype("u1")
    arrays = {
        "met": flat(met, "u1"),
        "a": ak.unflatten(columns[0], counts),
        "b": ak.unflatten(columns[1], counts),
    }
    plan = Source("Events", arrays, groups=(1, 4)).plan()
    entry, data = list_model(
        plan, [met, counts, columns[0], counts, columns[1]], group=1, lists=1, entries=(0,),
        items={2: (0, 1, 2, 3), 4: (2, 3)},
    )  # fmt: skip
    del data
    context = ListContext({0: met, 1: counts}, {2: 0}, 1)
    specs = [SymbolSpec(column.dtype, rows) for column in columns]
    codec = ConditionalCodec({entry.name: entry.model}, entry.name, (3, 4), context=context)
    payload, _ = codec.encode(columns, specs)
    reader = ConditionalCodec({entry.name: entry.model}).with_context({0: met, 1: counts})
    found = reader.decode(memoryview(payload), specs)
    assert all(np.array_equal(found[at], column) for at, column in enumerate(columns))
    assert payload[0] == 2
    assert reader.context_columns(memoryview(payload), specs) == (0, 1)
    return payload, specs, reader


PAGE = made_page()


def test_what_is_not_at_hand_is_named() -> None:
    payload, specs, reader = PAGE
    with pytest.raises(FormatError, match="column 1 of the tree is needed"):
        ConditionalCodec(reader.models).with_context({0: np.zeros(30, "u1")}).decode(
            memoryview(payload), specs
        )
    with pytest.raises(FormatError, match="items together"):
        reader.with_context({0: np.zeros(30, "u1"), 1: np.ones(30, "u4")}).decode(memoryview(payload), specs)
    lengths = reader.context.symbols[1]
    with pytest.raises(FormatError, match="does not fit the lists"):
        reader.with_context({0: np.zeros(29, "u1"), 1: lengths}).decode(memoryview(payload), specs)


def tags(
    target: Path,
    arrays: dict[str, ak.Array],
    groups: tuple[int, ...],
    *models: dict[str, Any],
    cuts: tuple[int, ...] = (),
) -> None:
    """A file with random models is read by the package and the second reader, and recovered."""
    made = [lambda plan, columns, model=model: list_model(plan, columns, **model) for model in models]
    write_trees(target, Source("Events", arrays, cuts=cuts, groups=groups, made=tuple(made)))
    assert verify(target).ok
    values = [ak.to_list(array) for array in arrays.values()]
    assert list(independent_columns.read(Reader(target.read_bytes()), 0).values()) == values
    baler_root.recover(target, target.with_suffix(".saved"))
    for path in (target, target.with_suffix(".saved")):
        with baler_root.open(path) as file:
            tree = file["Events"]
            assert [ak.to_list(tree[name].array()) for name in arrays] == values
            for few in [tuple(arrays), *itertools.combinations(arrays, 2)]:
                found = tree.arrays(few, how=tuple)
                assert [ak.to_list(array) for array in found] == [ak.to_list(arrays[name]) for name in few]


def lists_of(counts: Any, seed: int) -> ak.Array:
    return ak.unflatten(np.random.default_rng(seed).poisson(5, int(np.sum(counts))).astype("u1"), counts)


def test_lists_that_differ_after_all(tmp_path: Path) -> None:
    """Two branches seemed to have the same lengths; a column that needs no context is coded all the same."""
    counts = np.random.default_rng(9).integers(0, 5, 120)
    more = counts + (np.arange(120) == 100)
    arrays = {"met": flat(counts * 7, "u1"), "a": lists_of(counts, 1), "b": lists_of(more, 2)}
    model = {"group": 1, "lists": 1, "entries": (0,), "items": {2: (0, 2), 4: ()}}
    tags(tmp_path / "out.baler", arrays, (2, 3), model, cuts=(90, 30))


def test_lengths_that_repeat_a_flag(tmp_path: Path) -> None:
    """Lists of one item or none are as long as a boolean is true."""
    flag = np.random.default_rng(1).random(40) < 0.5
    arrays = {"flag": flat(flag, "bool"), "a": lists_of(flag.astype(int), 3)}
    tags(
        tmp_path / "out.baler", arrays, (2, 1), {"group": 1, "lists": 1, "entries": (), "items": {2: (0, 2)}}
    )


@pytest.mark.parametrize("turned", [False, True])
def test_pages_of_lists_with_context_columns_of_others(tmp_path: Path, turned: bool) -> None:
    """The page of `a` and `c` holds `met` and the lengths of `b`, too, and depends on others itself."""
    one, other = np.random.default_rng(2).integers(0, 4, (2, 50))
    held = {
        "a": lists_of(one, 4),
        "met": flat(other * 9, "u1"),
        "words": lists_of(other, 5),
        "c": lists_of(one, 6),
    }
    leaning = {"b": lists_of(other + 1, 7), "d": lists_of(other, 8)}
    if not turned:
        # 0, 1 a; 2 met; 3, 4 words; 5, 6 c; 7, 8 b; 9, 10 d
        page = {"group": 1, "lists": 0, "entries": (), "items": {1: (0, 2), 6: (1, 2)}}
        last = {"group": 2, "lists": 3, "entries": (2,), "items": {10: (0, 2, 3)}}
        tags(tmp_path / "out.baler", held | leaning, (1, 6, 4), page, last)
    else:
        # 0, 1 b; 2, 3 d; 4, 5 a; 6 met; 7, 8 words; 9, 10 c
        page = {"group": 2, "lists": 4, "entries": (), "items": {5: (0, 2), 10: (1, 2)}}
        last = {"group": 1, "lists": 0, "entries": (6,), "items": {1: (0, 2, 3)}}
        tags(tmp_path / "out.baler", leaning | held, (1, 4, 6), last, page)


def test_lists_in_arrays_of_fixed_size_are_none_of_the_entries() -> None:
    pairs = ak.to_regular(ak.Array([[[1], [2, 3]], [[], [4]], [[5], []]]), axis=1)
    plan = Source("Events", {"pairs": pairs, "flat": ak.Array([[1], [2, 3], []])}).plan()
    columns = plan.columns
    values = flatten(plan.schema, columns, dict(enumerate([pairs, ak.Array([[1], [2, 3], []])])))
    found = tables_of(columns, values)
    assert [lengths_of(columns, found, table) for table in found] == [None, None, None, 2]
