"""Lookups: found where integers of few values follow from others, exact in every row, never larger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import baler_root
from baler_root.compression.relations.lookup_table import fill_table
from baler_root.compression.relations.search import discover
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.bounds import LOSSLESS
from baler_root.format.encodings.lookup import MAX_COMBINATIONS, Lookup

Maker = Callable[..., Path]
Columns = dict[str, NDArray[Any]]

INTEGERS = st.sampled_from(["?", "i1", "u1", "i2", "u4", "i8", "u8"]).map(np.dtype)


def flags(rows: int = 1000, seed: int = 0) -> Columns:
    """Flags and small integers, and some that are functions of them."""
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, rows)) < 0.3
    n, m = rng.poisson(2, (2, rows)).astype("i4")
    out = {"a": a, "b": b, "n": n, "m": m}
    out["either"] = a | b
    out["busy"], out["few"] = n > 2, a & (m < 2)
    out["kind"] = np.where(n == 0, -11, np.where(m > 1, 13, 22)).astype("i2")
    return out


def found(
    columns: Columns, groups: list[int] | None = None, independent: tuple[int, ...] = ()
) -> dict[str, str]:
    """Relation by column, as people write it."""
    names = list(columns)
    bounds = [LOSSLESS] * len(names)
    derived = discover(list(columns.values()), bounds, groups or [0] * len(names), None, independent).derived
    return {names[n]: d.relation.text([names[s] for s in d.relation.sources]) for n, d in derived.items()}


def test_functions_of_one_and_two_are_found() -> None:
    assert found(flags(4000)) == {
        "either": "lookup(a, b)",
        "busy": "lookup(n)",
        "few": "lookup(a, m)",
        "kind": "lookup(n, m)",
    }


def test_one_of_three_is_found_where_each_follows_from_the_others() -> None:
    columns = flags()
    three = {"a": columns["a"], "b": columns["b"], "differ": columns["a"] ^ columns["b"]}
    (relation,) = found(three).values()
    assert relation.startswith("lookup(")


def test_what_is_looked_up_by_is_not_looked_up() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(0, 6, 1000)
    chain = {"n": n, "half": n // 2, "most": n > 3, "not": n <= 3, "half_or_most": (n // 2 > 1) | (n > 3)}
    relations = found(chain)
    assert len(relations) >= 3
    for text in relations.values():
        sources = text.removeprefix("lookup(").removesuffix(")").split(", ")
        assert not relations.keys() & {*sources}, text


def test_none_where_there_is_none() -> None:
    columns = flags()
    names = ("a", "b", "n", "m")
    assert found({name: columns[name] for name in names}) == {}
    assert found({name: columns[name] for name in (*names, "either")}, [0, 0, 0, 0, 1]) == {}, "another table"
    assert found({"a": columns["a"], "same": columns["a"].astype("i4")}) == {}, "a copy is a copy"
    assert found({"a": columns["a"], "zero": np.zeros(1000, "i4")}) == {}, "a constant is free"
    wide = np.arange(1000, dtype="i4") % 500
    assert found({"wide": wide, "odd": wide % 2 == 1}) == {}, "too many values for a table"
    near = columns["either"] ^ (np.arange(1000) == 500)
    assert found({"a": columns["a"], "b": columns["b"], "near": near}) == {}, "but for one row"
    once = np.isin(np.arange(1000), (3, 500, 700, 900))
    seldom = {"m": columns["m"], "once": once, "some": once & (columns["m"] != columns["m"][3])}
    assert found(seldom) == {}, "what is seen a few times proves nothing"
    assert "either" not in found(columns, None, (4, 6))


@given(st.data(), INTEGERS, st.lists(INTEGERS, min_size=1, max_size=3))
def test_values_are_those_of_the_table(
    data: st.DataObject, dtype: np.dtype[Any], kinds: list[np.dtype[Any]]
) -> None:
    def numbers(kind: np.dtype[Any], low: int, high: int) -> list[int]:
        limits = np.iinfo(np.uint8 if kind.kind == "b" else kind)
        values = st.integers(0, 1) if kind.kind == "b" else st.integers(int(limits.min), int(limits.max))
        return data.draw(st.lists(values, min_size=low, max_size=high))

    columns = [np.array(numbers(kind, 12, 12), kind) for kind in kinds]
    keys = [sorted({int(v) for v in column[:4].astype(np.int64)}) for column in columns]
    size = int(np.prod([len(known) for known in keys]))
    table = numbers(dtype, size, size)
    lookup = Lookup(tuple(range(len(kinds))), tuple(map(tuple, keys)), tuple(table))
    made = lookup.values(columns, dtype)
    places = {}
    for at, value in enumerate(table):
        place, rest = [], at
        for known in reversed(keys):
            place.append(known[rest % len(known)])
            rest //= len(known)
        places[tuple(reversed(place))] = value
    wide = zip(*(column.astype(np.int64).tolist() for column in columns), strict=True)
    assert made.dtype == dtype
    assert made.tolist() == [dtype.type(places.get(row, 0)).item() for row in wide]
    cursor = Cursor(lookup.to_bytes(dtype))
    assert Lookup.from_bytes(cursor, dtype) == lookup
    cursor.finish("the lookup")


@given(st.integers(1, 3), INTEGERS, st.integers(0, 2**32))
def test_a_table_is_filled_so_that_it_misses_least(count: int, dtype: np.dtype[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = [rng.integers(-3, 3, 4000).astype(f"i{2**i}") for i in range(count)]
    chosen = rng.integers(0, 2**63, 6**count, dtype="u8").astype(dtype)
    values = chosen[np.ravel_multi_index([column + 3 for column in columns], (6,) * count)]
    lookup = Lookup(tuple(range(count)))
    filled = fill_table(lookup, columns, values)
    spoilt = values.copy()
    spoilt[::100] = chosen[0]
    mostly = fill_table(lookup, columns, spoilt)
    if filled is not None:
        assert np.array_equal(filled.values(columns, dtype), values)
    if mostly is not None:
        assert np.array_equal(mostly.values(columns, dtype), values)
    assert filled is not None or len(np.unique(values)) < 4 or dtype.itemsize * len(chosen) > 200


def test_tables_that_do_not_pay_are_not_filled() -> None:
    columns = flags(100)
    a, b, either = (columns[name] for name in ("a", "b", "either"))
    lookup = Lookup((0, 1))
    assert fill_table(lookup, [a, b], either) is None, "few rows"
    big = flags(5000)
    assert fill_table(lookup, [big["a"], big["b"]], big["either"]) is not None
    assert fill_table(lookup, [big["a"], big["b"]], big["busy"]) is None, "no function"
    rare = np.arange(5000) % 1000 == 0
    assert fill_table(lookup, [big["a"], rare], big["a"] & rare) is None, "hardly anything to save"
    many = np.arange(5000, dtype="i4") % (MAX_COMBINATIONS + 1)
    assert fill_table(Lookup((0,)), [many], many % 2) is None
    assert fill_table(Lookup((0,)), [many % 16], many) is None
    assert fill_table(Lookup((0,)), [big["n"].astype("f4")], big["busy"]) is None


@pytest.mark.parametrize(("source", "result"), [("f4", "i4"), ("i4", "f8")])
def test_what_is_no_integer_is_refused(source: str, result: str) -> None:
    with pytest.raises(CorruptFileError, match="looked up by"):
        Lookup((0,), ((0,),), (1,)).values([np.zeros(3, source)], np.dtype(result))


@pytest.mark.parametrize("codec", ["classic", "auto"])
def test_lookups_in_a_file(codec: str, make_root: Maker, tmp_path: Path) -> None:
    columns = flags(12_000)
    columns["few"][8000:] = np.random.default_rng(5).random(4000) < 0.2  # a cluster in which it is none
    columns["either"][[4001, 5000]] ^= True  # two rows in which it is not
    columns["n"][11_000] = 99  # a value that the sample does not have
    source = make_root("flags.root", Events=columns)
    sizes = {}
    for name, independent in {"together": [], "apart": ["*"]}.items():
        target = tmp_path / f"{name}.baler"
        options = {"independent": independent, "cluster_size": 4000, "training": "fast"}
        if codec == "classic":
            options["codec"] = codec
        baler_root.compress(source, target, **options)
        assert baler_root.verify(target, against=source).ok
        sizes[name] = target.stat().st_size
        with baler_root.open(target) as file:
            events = file["Events"].arrays(library="np")
            assert np.array_equal(
                file["Events"]["kind"].array(entry_start=3990, entry_stop=4010), columns["kind"][3990:4010]
            )
        assert all(np.array_equal(events[k], values) for k, values in columns.items())
        relations = baler_root.inspect(target)["trees"][0]["relations"]
        saved = {r["text"]: r["saved"] for r in relations}
        assert (saved.get("kind = lookup(n, m)", 0) > 500) == (name == "together"), saved
    assert sizes["together"] < (0.8 if codec == "classic" else 1.0) * sizes["apart"]


def test_lookups_in_lists(make_root: Maker, tmp_path: Path) -> None:
    counts = np.random.default_rng(2).integers(0, 5, 3000)
    columns = flags(int(counts.sum()))
    source = make_root("jets.root", Events={"Jet": ak.unflatten(ak.zip(columns), counts)})
    target = tmp_path / "jets.baler"
    baler_root.compress(source, target, codec="classic", cluster_size=1000)
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    assert "Jet_either = lookup(Jet_a, Jet_b)" in relations


def test_lookups_are_declared_by_their_sources(make_root: Maker, tmp_path: Path) -> None:
    columns = flags(5000)
    columns["all"] = (columns["a"] & columns["b"]) | (columns["n"] > 3)
    source = make_root("declared.root", Events=columns)
    rules = tmp_path / "rules.toml"
    rules.write_text('relations = ["all = lookup(a, b, n)", "a = lookup(m)", "m = lookup( n )"]')
    target = tmp_path / "declared.baler"
    summary = baler_root.compress(source, target, rules=rules, codec="classic")
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    assert "all = lookup(a, b, n)" in relations
    assert [note.split("'")[1] for note in summary.notes] == ["a = lookup(m)", "m = lookup( n )"]
