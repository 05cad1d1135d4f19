"""Merged files hold the entries of all, one after another, and not a page is decoded for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import ConfigError, CorruptFileError, FormatError, OutputError
from baler_root.format.container.read import open_container
from baler_root.format.page import Page
from tests.conftest import flat_columns, jagged_columns, nested_columns

Make = Callable[..., Path]


def columns(n: int, seed: int) -> dict[str, object]:
    return {**flat_columns(n, seed), "Muon": jagged_columns(n, seed)["Muon"]}


@pytest.fixture
def three(make_root: Make, tmp_path: Path) -> list[Path]:
    """Three files of one schema with 100, 37 and 250 entries, in clusters of different size."""
    out = []
    for number, (n, size) in enumerate([(100, 40), (37, 1000), (250, 100)]):
        root = make_root(
            f"{number}.root", **{"Events": columns(n, number + 1), "dir/Lumi": {"n": np.arange(n % 7)}}
        )
        out.append(tmp_path / f"{number}.baler")
        baler_root.compress(root, out[-1], cluster_size=size)
    return out


def read(path: Path, tree: str) -> ak.Array:
    with baler_root.open(path) as file:
        return file[tree].arrays()


def test_values_are_those_of_the_parts(three: list[Path], tmp_path: Path) -> None:
    target = baler_root.merge(three, tmp_path / "all.baler")
    assert target == tmp_path / "all.baler"
    assert baler_root.verify(target).ok
    for tree in ("Events", "dir/Lumi"):
        merged = read(target, tree)
        parts = ak.concatenate([read(path, tree) for path in three])
        assert merged.type == parts.type
        assert ak.array_equal(merged, parts, equal_nan=True)
    with baler_root.open(target) as file:
        assert file["Events"].num_entries == 387
    info = baler_root.inspect(target)["trees"]
    assert info[0]["clusters"] == [
        c for path in three for c in baler_root.inspect(path)["trees"][0]["clusters"]
    ]


def test_ranges_across_the_seams(three: list[Path], tmp_path: Path) -> None:
    target = baler_root.merge(three, tmp_path / "all.baler")
    with (
        uproot.open(tmp_path / "0.root") as one,
        uproot.open(tmp_path / "1.root") as two,
        baler_root.open(target) as file,
    ):
        expected = [*one["Events/i32"].array()[-5:], *two["Events/i32"].array()[:5]]
        assert file["Events"]["i32"].array(entry_start=95, entry_stop=105).to_list() == expected


def test_no_page_is_decoded(three: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Page, "__init__", lambda *_: pytest.fail("a page was opened"))
    baler_root.merge(three, tmp_path / "all.baler")


def test_first_file_is_the_beginning_of_the_merged_one(three: list[Path], tmp_path: Path) -> None:
    target = baler_root.merge(three, tmp_path / "all.baler")
    first = three[0].read_bytes()
    assert target.read_bytes()[: len(first)] == first
    with open_container(target) as container:
        assert container.trailer.previous == len(first)


def test_statistics_are_put_together(three: list[Path], tmp_path: Path) -> None:
    target = baler_root.merge(three, tmp_path / "all.baler")
    found = {b["path"]: b for b in baler_root.inspect(target)["trees"][0]["branches"]}
    parts = [{b["path"]: b for b in baler_root.inspect(path)["trees"][0]["branches"]} for path in three]
    for name in ("energy", "special", "Muon_pt"):
        assert found[name]["max_error"] == max(part[name]["max_error"] for part in parts) > 0
        assert found[name]["raw_size"] == sum(part[name]["raw_size"] for part in parts)
        assert found[name]["bound"] == "rel=0.001"


def test_merging_merged_files(three: list[Path], tmp_path: Path) -> None:
    first = baler_root.merge(three[:2], tmp_path / "first.baler")
    both = baler_root.merge([first, three[2]], tmp_path / "both.baler")
    at_once = baler_root.merge(three, tmp_path / "once.baler")
    assert baler_root.verify(both).ok
    assert ak.array_equal(read(both, "Events"), read(at_once, "Events"), equal_nan=True)
    other = baler_root.merge([three[2], first], tmp_path / "other.baler")
    assert baler_root.verify(other).ok


def test_every_flip_in_a_merged_file_is_found(make_root: Make, tmp_path: Path) -> None:
    """Footers of the parts are checked too, though nothing of them is used."""
    parts = []
    for number in range(2):
        root = make_root(f"{number}.root", t={"x": np.arange(3) + number})
        parts.append(tmp_path / f"{number}.baler")
        baler_root.compress(root, parts[-1])
    target = baler_root.merge(parts, tmp_path / "all.baler")
    data = target.read_bytes()
    broken = tmp_path / "broken.baler"
    for position in range(len(data)):
        broken.write_bytes(
            data[:position] + bytes([data[position] ^ 1 << position % 8]) + data[position + 1 :]
        )
        with contextlib.suppress(FormatError):
            assert not baler_root.verify(broken).ok, position


def test_empty_trees_and_single_files(make_root: Make, tmp_path: Path) -> None:
    sources = []
    for number, n in enumerate([0, 5, 0]):
        root = make_root(
            f"{number}.root", t={"x": np.arange(n), "y": ak.Array([[1.5]] * n) if n else _empty()}
        )
        sources.append(tmp_path / f"{number}.baler")
        baler_root.compress(root, sources[-1])
    for chosen in ([0, 1, 2], [1, 0], [0, 2], [1]):
        target = baler_root.merge([sources[i] for i in chosen], tmp_path / "out.baler", overwrite=True)
        assert baler_root.verify(target).ok
        assert read(target, "t")["x"].to_list() == (list(range(5)) if 1 in chosen else [])


def _empty() -> ak.Array:
    return ak.Array(
        ak.contents.ListOffsetArray(
            ak.index.Index64(np.zeros(1, np.int64)), ak.contents.NumpyArray(np.zeros(0))
        )
    )


def test_nested_and_optional_values(make_root: Make, tmp_path: Path) -> None:
    sources = []
    for seed in (1, 2):
        option = ak.Array([1.5, None, None, 2.5] * 10)
        root = make_root(f"{seed}.root", "rntuple", Events={**nested_columns(40, seed), "option": option})
        sources.append(tmp_path / f"{seed}.baler")
        baler_root.compress(root, sources[-1], bound="lossless", cluster_size=15)
    target = baler_root.merge(sources, tmp_path / "all.baler")
    assert read(target, "Events").to_list() == [
        row for path in sources for row in read(path, "Events").to_list()
    ]


@pytest.mark.parametrize("change", ["bound", "branches", "dtype", "tree", "more trees"])
def test_files_of_another_kind_are_refused(
    change: str, three: list[Path], make_root: Make, tmp_path: Path
) -> None:
    trees = {"Events": columns(20, 9), "dir/Lumi": {"n": np.arange(3)}}
    if change == "branches":
        trees["Events"]["extra"] = np.arange(20)
    if change == "dtype":
        trees["Events"]["i32"] = np.arange(20)
    if change == "tree":
        trees["events"] = trees.pop("Events")
    if change == "more trees":
        trees["third"] = {"n": np.arange(3)}
    root, other = make_root("other.root", **trees), tmp_path / "other.baler"
    baler_root.compress(root, other, bound="rel=1e-2" if change == "bound" else None)
    with pytest.raises(ConfigError, match=r"other\.baler.*differs from that of .*0\.baler"):
        baler_root.merge([three[0], other], tmp_path / "all.baler")
    assert not list(tmp_path.glob("*all*"))


def test_output_rules(three: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no files to merge"):
        baler_root.merge([], tmp_path / "all.baler")
    with pytest.raises(OutputError, match="exists already"):
        baler_root.merge(three, three[0])
    before = read(three[0], "Events")
    baler_root.merge(three, three[0], overwrite=True)
    assert baler_root.verify(three[0]).ok
    assert ak.array_equal(read(three[0], "Events")[: len(before)], before, equal_nan=True)
    assert not list(tmp_path.glob(".*part"))


def test_damaged_parts_are_refused(three: list[Path], tmp_path: Path) -> None:
    with open_container(three[1]) as container:
        place = int(container.pages[0]["offset"]) + 60
    data = bytearray(three[1].read_bytes())
    data[place] ^= 4
    three[1].write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"1\.baler: page 0 of cluster 0"):
        baler_root.merge(three, tmp_path / "all.baler")
    assert not list(tmp_path.glob("*all*"))
