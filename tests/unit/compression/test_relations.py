"""Sums: found where they hold, recomputed from decoded values, within every bound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.compression.relations.sums import find_sums
from baler_root.errors import CorruptFileError
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.encodings.sum import Sum

REL = ErrorBound("rel", 1e-3)
Maker = Callable[..., Path]


def energies(rows: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b, c = (rng.exponential(9, rows).astype("f4") * (rng.random(rows) < 0.7) for _ in range(3))
    return {"a": a, "b": b, "c": c, "ac": a + c, "abc": a + b + c}


def test_sums_are_found() -> None:
    columns = list(energies().values())
    found = find_sums(columns, [REL] * 5, [0] * 5)
    assert found == {3: Sum(((1, 0), (1, 2))), 4: Sum(((1, 0), (1, 1), (1, 2)))}


def test_sums_of_integers_are_found_exactly() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.integers(0, 50, (3, 500)).astype("i4")
    flag = rng.random(500) < 0.5
    columns = [a, b, flag, c, a + b + flag, (a - c).astype("i8"), a + 2 * b, a * b]
    assert find_sums(columns, [LOSSLESS] * 8, [0] * 8) == {
        4: Sum(((1, 0), (1, 1), (1, 2))),
        5: Sum(((1, 0), (-1, 3))),
    }


def test_none_where_there_is_none() -> None:
    columns = list(energies().values())
    assert find_sums(columns, [REL] * 5, [0, 0, 1, 0, 2]) == {}, "other rows"
    assert find_sums(columns, [REL] * 5, [-1] * 5) == {}, "unknown rows"
    assert find_sums([c[:50] for c in columns], [REL] * 5, [0] * 5) == {}, "too few rows to tell"
    near = [*columns[:3], columns[3] * np.float32(1.01)]
    assert find_sums(near, [REL] * 4, [0] * 4) == {}, "nearly"
    difference = [columns[4], columns[0], columns[4] - columns[0]]
    assert find_sums(difference, [REL] * 3, [0] * 3) == {}, "a difference of rounded values misses its bound"


@pytest.mark.parametrize("bound", ["rel=1e-3", "rel=1e-2", "bits=10", "lossless", "abs=0.01"])
def test_sums_stay_sums_in_a_file(bound: str, make_root: Maker, tmp_path: Path) -> None:
    arrays = energies(3000)
    arrays["abc"][[5, 77]] = [1e6, np.nan]  # not the sum there
    arrays |= {f"n{i}": np.random.default_rng(i).integers(0, 9, 3000) for i in range(2)}
    arrays["n"] = arrays["n0"] + arrays["n1"]
    source = make_root("sums.root", Events=arrays)
    summary = baler_root.compress(
        source, tmp_path / "out.baler", bound=bound, codec="classic", cluster_size=1200
    )
    result = baler_root.verify(tmp_path / "out.baler", source)
    assert result.problems == []
    sizes = {branch.path: branch.size for branch in summary.trees[0].branches}
    assert sizes["n"] < 0.02 * sizes["n0"]
    with baler_root.open(tmp_path / "out.baler") as file:
        found = file["Events"].arrays(library="np")
    (tree,) = baler_root.inspect(tmp_path / "out.baler")["trees"]
    assert [r["saved"] > 0 for r in tree["relations"] if r["text"] == "n = n0 + n1"] == [True]
    if bound.startswith("rel"):
        assert sizes["ac"] < 0.02 * sizes["a"]
        # With one rounding to single precision; with two where the source itself added three.
        assert np.array_equal(found["ac"], (found["a"].astype("f8") + found["c"]).astype("f4"))
    elif bound == "lossless":
        assert all(np.array_equal(found[name], array, equal_nan=True) for name, array in arrays.items())


def test_sums_in_jagged_collections(make_root: Maker, tmp_path: Path) -> None:
    counts = np.random.default_rng(3).poisson(2, 1000)
    rows = energies(int(counts.sum()))
    source = make_root("jets.root", Events={f"jet_{k}": ak.unflatten(v, counts) for k, v in rows.items()})
    summary = baler_root.compress(source, tmp_path / "out.baler")
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []
    sizes = {branch.path: branch.size for branch in summary.trees[0].branches}
    assert sizes["jet_ac"] + sizes["jet_abc"] < 0.05 * sizes["jet_a"]
    with baler_root.open(tmp_path / "out.baler") as file:
        one = file["Events"]["jet_ac"].array(entry_start=100, entry_stop=103)
        assert ak.array_equal(one, file["Events"].arrays()["jet_ac"][100:103])


def test_a_copy_of_a_sum_is_a_sum(make_root: Maker, tmp_path: Path) -> None:
    arrays = energies()
    arrays |= {"again": arrays["ac"], "wide": arrays["ac"].astype("f8")}
    source = make_root("copies.root", Events=arrays)
    baler_root.compress(source, tmp_path / "out.baler")
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []


def test_a_cluster_in_which_it_is_no_sum(make_root: Maker, tmp_path: Path) -> None:
    arrays = energies(4000)
    arrays["ac"][2000:] = np.random.default_rng(9).exponential(5, 2000)
    source = make_root("half.root", Events=arrays)
    baler_root.compress(source, tmp_path / "out.baler", cluster_size=1000)
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
    st.sampled_from(["i1", "u1", "i2", "u4", "i8", "u8"]),
    st.lists(st.sampled_from([1, -1]), min_size=1, max_size=4),
)
def test_integers_wrap_around(numbers: list[int], code: str, signs: list[int]) -> None:
    dtype = np.dtype(code)
    column = np.array(numbers).astype(dtype)
    total = Sum(tuple((sign, i) for i, sign in enumerate(signs)))
    found = total.values([column] * len(signs), dtype)
    modulus = 1 << 8 * dtype.itemsize
    assert [int(v) % modulus for v in found] == [sum(signs) * int(v) % modulus for v in column]


@pytest.mark.parametrize(
    ("one", "other", "result"), [("f4", "i4", "f4"), ("i4", "f8", "i8"), ("?", "?", "?")]
)
def test_what_cannot_be_added_is_refused(one: str, other: str, result: str) -> None:
    with pytest.raises(CorruptFileError, match="as a sum of"):
        Sum(((1, 0), (1, 1))).values([np.zeros(3, one), np.zeros(3, other)], np.dtype(result))
