"""Compression: the same values, the same bytes each time, equal columns once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    KeyInFileError,
)
from tests.conftest import fixed_columns, flat_columns, jagged_columns, nested_columns
from tests.helpers.root_files import Make
from tests.helpers.trees import digest, read_baler, read_root

# Round trips


@pytest.mark.parametrize("columns", [flat_columns, jagged_columns, fixed_columns, nested_columns])
@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_lossless_is_identical(
    columns: Callable[[], Any], kind: str, make_root: Make, tmp_path: Path
) -> None:
    if kind == "ttree" and columns is nested_columns:
        kind = "rntuple"
    root = make_root("a.root", kind, Events=columns())
    baler_root.compress(root, tmp_path / "a.baler", bound="lossless", cluster_size=70)
    found, expected = read_baler(tmp_path / "a.baler"), read_root(root)
    assert found.type == expected.type
    assert ak.array_equal(found, expected, equal_nan=True, dtype_exact=True)
    assert baler_root.verify(tmp_path / "a.baler", root).ok


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_trees_without_entries(kind: str, make_root: Make, tmp_path: Path) -> None:
    empty = {"x": np.zeros(0, np.float32), "y": jagged_columns(3)["Muon"].pt[:0], "z": np.zeros((0, 3))}
    if kind == "rntuple":
        del empty["z"]
    root = make_root("a.root", kind, Events=empty)
    summary = baler_root.compress(root, tmp_path / "a.baler")
    assert summary.trees[0].num_entries == summary.trees[0].clusters == 0
    found = read_baler(tmp_path / "a.baler")
    assert len(found) == 0
    assert found.type == read_root(root).type
    assert baler_root.verify(tmp_path / "a.baler", root).ok


def test_lists_that_are_all_empty(make_root: Make, tmp_path: Path) -> None:
    lists = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(np.zeros(31, np.int64)), _none("f4")))
    root = make_root("a.root", Events={"x": lists, "n": np.arange(30)})
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=7)
    assert read_baler(tmp_path / "a.baler")["x"].to_list() == [[]] * 30
    assert baler_root.verify(tmp_path / "a.baler", root).ok


def _none(code: str) -> ak.contents.NumpyArray:
    return ak.contents.NumpyArray(np.zeros(0, code))


def test_directories_cycles_and_objects(tmp_path: Path) -> None:
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        for cycle in (1, 2):
            file.mktree("Events", {"x": "i8"})
            file["Events"].extend({"x": np.arange(5) * cycle})
        file.mktree("one/two/Deep", {"x": "f4"})
        file["one/two/Deep"].extend({"x": np.ones(4, "f4")})
        file["one/h"] = np.histogram([1.0, 2.0, 2.5])
        file.mkdir("empty")
    baler_root.compress(root, tmp_path / "a.baler")
    with baler_root.open(tmp_path / "a.baler") as found, uproot.open(root) as expected:
        assert sorted(found.keys()) == sorted(expected.keys())
        for key in ("Events;1", "Events;2", "one/two/Deep"):
            assert found[key]["x"].array().to_list() == expected[key]["x"].array().to_list()
        assert found["one/h"].values().tolist() == expected["one/h"].values().tolist()
        assert found["Events"]["x"].array().to_list() == [0, 2, 4, 6, 8]


def test_only_the_trees_asked_for(rich_root: Path, tmp_path: Path) -> None:
    baler_root.compress(rich_root, tmp_path / "a.baler", trees=["runs/Summary"])
    with open_file(tmp_path / "a.baler") as file:
        assert [tree.schema.path for tree in file.trees] == ["runs/Summary"]
    assert baler_root.verify(tmp_path / "a.baler", rich_root).ok
    with pytest.raises(KeyInFileError, match=r"not found: 'Event'.*nearest: 'Events'"):
        baler_root.compress(rich_root, tmp_path / "b.baler", trees=["Event"])
    assert not (tmp_path / "b.baler").exists()


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Titles in Latin-1 are common in old files; uproot reads them as surrogates."""
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        file.mktree("t", {"xyz": "f4"}, title="Temperatur in XYZC")
        file["t"].extend({"xyz": np.ones(3, "f4")})
    root.write_bytes(root.read_bytes().replace(b"in XYZC", b"in \xb0\xb5\xb0C"))
    baler_root.compress(root, tmp_path / "a.baler")
    with open_file(tmp_path / "a.baler") as file:
        assert file.trees[0].schema.title.encode(errors="surrogateescape") == b"Temperatur in \xb0\xb5\xb0C"


# The same bytes


def test_same_input_same_bytes(rich_root: Path, tmp_path: Path) -> None:
    for name in ("a.baler", "b.baler"):
        baler_root.compress(rich_root, tmp_path / name, cluster_size=200)
    assert digest(tmp_path / "a.baler") == digest(tmp_path / "b.baler")


def test_same_bytes_whatever_the_number_of_jobs(
    rich_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    seen: list[tuple[int, int]] = []
    baler_root.compress(rich_root, tmp_path / "one.baler", cluster_size=200)
    baler_root.compress(
        rich_root, tmp_path / "two.baler", cluster_size=200, jobs=2, progress=lambda a, b: seen.append((a, b))
    )
    assert digest(tmp_path / "one.baler") == digest(tmp_path / "two.baler")
    assert [total for _, total in seen] == [503] * len(seen)
    assert seen[-1][0] == 503


def test_another_bound_gives_another_file(rich_root: Path, tmp_path: Path) -> None:
    sizes = []
    for number, bound in enumerate(["lossless", "rel=1e-4", "rel=1e-2"]):
        sizes.append(baler_root.compress(rich_root, tmp_path / f"{number}.baler", bound=bound).size)
    assert sizes == sorted(sizes, reverse=True)


def test_provenance_says_where_it_came_from(flat_root: Path, tmp_path: Path) -> None:
    baler_root.compress(flat_root, tmp_path / "a.baler", bound="rel=1e-2", cluster_size=300)
    made = baler_root.inspect(tmp_path / "a.baler")["provenance"]
    assert made["source"]["name"] == "flat.root"
    assert made["source"]["digest"] == f"sha256:{digest(flat_root)}"
    assert made["source"]["size"] == flat_root.stat().st_size
    assert made["versions"]["baler_root"] == baler_root.__version__
    assert str(tmp_path) not in str(made)


def test_equal_columns_are_stored_once(make_root: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.random(5000)
    once = make_root("a.root", t={"x": noise})
    thrice = make_root("b.root", t={"x": noise, "y": noise, "z": noise})
    sizes = [
        baler_root.compress(r, tmp_path / f"{r.stem}.baler", bound="lossless").size for r in (once, thrice)
    ]
    assert sizes[1] < sizes[0] + 300
    assert baler_root.verify(tmp_path / "b.baler", thrice).ok


def test_equal_columns_of_other_bounds_are_not_shared(make_root: Make, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random(5000)
    root = make_root("a.root", t={"x": noise, "y": noise})
    baler_root.compress(root, tmp_path / "a.baler", bound="rel=1e-2", bounds={"y": "lossless"})
    found = read_baler(tmp_path / "a.baler", "t")
    assert (found["y"] == noise).to_list() == [True] * 5000
    assert not ak.all(found["x"] == noise)
