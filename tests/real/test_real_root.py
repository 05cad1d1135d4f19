"""Real ROOT reads what `decompress` writes (`nox -s root`; ROOT is a pre-release on PyPI of some 700 MB)."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.rootio.array_parts import values_of
from baler_root.rootio.write import write_root
from tests.helpers.rootio_write import tree_of, with_branch

if importlib.util.find_spec("ROOT") is None:
    pytest.skip("ROOT is not installed (pip install --pre ROOT)", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ROOT = importlib.import_module("ROOT")


def sums(path: Path, tree: str) -> dict[str, float]:
    """Sums by RDataFrame of each column of numbers or lists of numbers, and the number of entries."""
    frame = ROOT.RDataFrame(tree, str(path))
    wanted = {}
    for name in map(str, frame.GetColumnNames()):
        kind = str(frame.GetColumnType(name))
        if kind.count("<") <= 1 and "string" not in kind and not kind.startswith("_"):
            wanted[name] = frame.Sum(name)
    found = {name: float(action.GetValue()) for name, action in wanted.items()}
    return {**found, "entries": float(frame.Count().GetValue())}


def expected(path: Path, tree: str) -> dict[str, float]:
    """These sums from the `.baler` file."""
    with baler_root.open(path) as file:
        arrays = file[tree].arrays()
        found = {
            name: float(ak.sum(ak.values_astype(ak.flatten(arrays[name], axis=None), np.float64)))
            for name in arrays.fields
        }
    return {**found, "entries": float(len(arrays))}


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
@pytest.mark.parametrize(
    ("name", "tree"),
    [("agc_muons_100k", "Events"), ("cms_hep_tutorial_zz", "events"), ("atlas_4lep_data_A", "mini")],
)
def test_sums_are_the_same(
    tmp_path: Path, data_file: Callable[..., Path], name: str, tree: str, kind: Any
) -> None:
    packed, back = tmp_path / "a.baler", tmp_path / "back.root"
    baler_root.compress(data_file("real", f"{name}.root"), packed)
    baler_root.decompress(packed, back, kind=kind)
    found, wanted = sums(back, tree), expected(packed, tree)
    common = found.keys() & wanted.keys()
    assert "entries" in common
    assert len(common) >= 6
    for column in sorted(common):
        assert found[column] == pytest.approx(wanted[column], rel=1e-4, abs=1e-3, nan_ok=True), column


def scanned(path: Path, tree: str, branch: str, folder: Path) -> tuple[int, str]:
    """Number of values and text of `TTree::Scan` of a branch."""
    file = ROOT.TFile.Open(str(path))
    handle, text = file.Get(tree), folder / f"{path.stem}.txt"
    handle.SetScanField(0)
    player = handle.GetPlayer()
    player.SetScanRedirect(True)
    player.SetScanFileName(str(text))
    count = int(handle.Scan(branch, "", "colsize=24 precision=12", 200))
    return count, text.read_text(errors="replace") if text.exists() else ""


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("real", "delphes_z91_100"),
        ("real", "atlas_physlite_example_100"),
        *(("coverage", f"uproot-issue-{name}") for name in ("1229", "214", "275-split1", "400", "880")),
        *(
            ("coverage", f"uproot-issue{name}")
            for name in ("327", "390", "404", "431", "465-flat", "485", "501")
        ),
        *(("coverage", f"uproot-{name}") for name in ("small-dy-nooffsets", "issue-tbranch-of-th2")),
    ],
)
def test_raw_branches_are_read_as_before(
    folder: str, name: str, tmp_path: Path, data_file: Callable[..., Path]
) -> None:
    """ROOT reads every raw branch of the file written as that of the source."""
    source, packed, back = data_file(folder, f"{name}.root"), tmp_path / "a.baler", tmp_path / "back.root"
    summary = baler_root.compress(source, packed, codec="classic", bound="lossless")
    assert summary.skipped == ()
    baler_root.decompress(packed, back)
    raw = [
        (f"{tree.path};{tree.cycle}", branch.path.rpartition("/")[2])
        for tree in summary.trees
        for branch in tree.branches
        if branch.raw
    ]
    assert raw
    for tree, branch in raw:
        assert scanned(back, tree, branch, tmp_path) == scanned(source, tree, branch, tmp_path), branch


NESTED: dict[str, list[Any]] = {
    "vv.x": [[[1.5, 2.5], []], [], [[3.5]]],
    "a[2].y": [[1, 2], [], [3]],
    "vvv": [[[[1], []]], [], [[[2, 3]], []]],
    "names#?": [["a", "b" * 300], [], ["µ"]],
    "s": ["one", "", "t" * 300],
    "TString": ["one", "", "t" * 300],
    "nested names": [[["a"], []], [], [["b", "c"]]],
    "record": [{"x": 1.5, "hits": [1], "p": {"q": "a"}}, *[{"x": 2.5, "hits": [], "p": {"q": ""}}] * 2],
    "records": [[{"x": 1.5, "name": "a"}, {"x": 2.5, "name": ""}], [], [{"x": 3.5, "name": "b"}]],
}


def as_lists(value: Any) -> Any:
    """A value of ROOT as numbers, text and lists."""
    if isinstance(value, bool | int | float | str):
        return value
    if type(value).__name__.startswith(("string", "basic_string", "TString")):
        return str(value)
    return [as_lists(item) for item in value]


def test_nested_lists_strings_and_records_are_the_same(tmp_path: Path) -> None:
    arrays = {name: ak.Array(values) for name, values in NESTED.items()}
    tree, clusters = tree_of(arrays)
    for name, typename in (("s", "std::string"), ("TString", "TString")):
        tree = with_branch(tree, name, typename=typename)
    path = tmp_path / "nested.root"
    assert write_root(path, [(tree, clusters)])[0].kind == "TTree"
    frame = ROOT.RDataFrame("t", str(path))
    columns = list(map(str, frame.GetColumnNames()))
    members = {"record": ["x", "hits", "p.q"], "records": ["x", "name"]}
    expected = {}
    for name, array in arrays.items():
        for member in members.get(name, [""]):
            wanted = values_of(array, tuple(filter(None, member.split("."))))
            expected[f"{name}.{member}".rstrip(".")] = wanted.to_list()
    assert sorted(columns) == sorted(expected)
    for column in columns:
        found = frame.Take[str(frame.GetColumnType(column))](column).GetValue()
        assert [as_lists(value) for value in found] == expected[column], column
