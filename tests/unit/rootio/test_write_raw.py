"""Trees with raw branches are written as a TTree or refused; what does not fit goes to a free path."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import awkward as ak
import numpy as np
import pytest

from baler_root.errors import SourceError
from baler_root.format.schema import Tree
from baler_root.rootio.object_file import ObjectFile
from baler_root.rootio.objects import RootObject
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.helpers.rootio_write import Clusters, read, tree_of, with_branch, written

RECORD = {"class": "TBranch", "fLeaves": [{"class": "TLeafI", "fName": "r", "fLen": 1, "fLenType": 4}]}
"""Description of a raw branch of integers."""


def raw_entries(positions: list[int]) -> ak.Array:
    """Entries of four bytes, and where their baskets begin."""
    return ak.zip(
        {
            "bytes": ak.Array([b"\0\0\0\1"] * len(positions)),
            "basket": ak.Array(np.array(positions, np.uint32)),
        },
        depth_limit=1,
    )


def raw_tree(positions: list[int], path: str = "t", **others: Any) -> tuple[Tree, Clusters]:
    """A tree with the raw branch `r` and others, in clusters of two entries."""
    tree, clusters = tree_of({"r": raw_entries(positions), **others}, path=path)
    return with_branch(tree, "r", raw="no interpretation", record=RECORD), clusters


DOES_NOT_FIT = {
    "the first basket": [1, 0, 90, 0, 90, 0],
    "a later basket": [90, 0, 1, 0, 90, 0],
    "the last basket": [90, 0, 90, 0, 1, 0],
}
"""Positions of baskets, of which one leaves no room for the key."""


@pytest.mark.parametrize("place", DOES_NOT_FIT)
@pytest.mark.parametrize("kind", ["auto", "ttree"])
def test_a_raw_branch_that_does_not_fit_is_refused_by_name(
    place: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baskets of every attempt are released, and the progress is set back."""
    discarded, steps = [], list[int]()
    whole = TTreeWriter.discard
    monkeypatch.setattr(TTreeWriter, "discard", lambda self: (discarded.append(self), whole(self)))
    with pytest.raises(SourceError, match=r"tree 't' does not fit a TTree.*'r'.*--kind rntuple"):
        written(raw_tree(DOES_NOT_FIT[place], x=np.arange(6)), kind=kind, progress=steps.append)
    assert len(discarded) == (2 if kind == "auto" else 1) + 1
    assert sum(steps) == 0
    trees, file = written(raw_tree(DOES_NOT_FIT[place], x=np.arange(6)), kind="rntuple")
    assert "raw branches are not written" in " ".join(trees[0].notes)
    assert read(file["t"], "x").to_list() == list(range(6))


UNFIT = ak.Array([[[1, None]], []])
"""Values that no branch of a TTree has."""


def test_branches_that_do_not_fit_go_to_a_path_of_their_own() -> None:
    trees, file = written(raw_tree([90, 0], unfit=UNFIT))
    assert [(tree.path, tree.kind) for tree in trees] == [("t", "TTree"), ("t_rntuple", "RNTuple")]
    assert read(file["t_rntuple"], "unfit").to_list() == UNFIT.to_list()


def objects_at(*parts: str) -> bytes:
    """Packed objects: an empty directory at this path."""
    return ObjectFile().build([RootObject(parts[:-1], parts[-1], "", None)], [])


@pytest.mark.parametrize("folder", ["", "d/"])
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_the_path_is_not_that_of_another_tree(folder: str, first: bool) -> None:
    rests = [tree_of({"x": np.arange(3)}, path=f"{folder}{name}") for name in ("t_rntuple", "t_rntuple2")]
    raw = raw_tree([90, 0], f"{folder}t", unfit=UNFIT)
    trees, file = written(*([*rests, raw] if first else [raw, *rests]))
    assert f"{folder}t_rntuple3" in [tree.path for tree in trees]
    assert read(file[f"{folder}t_rntuple3"], "unfit").to_list() == UNFIT.to_list()
    for tree, _ in rests:
        assert file[f"{tree.path};1"].num_entries == 3
    assert all(key.endswith(";1") for key in file.keys(cycle=True))


@pytest.mark.parametrize("parts", [("t_rntuple",), ("t_rntuple", "inside")])
def test_the_path_is_not_that_of_an_object_or_directory(parts: tuple[str, ...]) -> None:
    trees, _ = written(raw_tree([90, 0], unfit=UNFIT), objects=objects_at(*parts))
    assert trees[1].path == "t_rntuple2"


def test_cycles_of_a_tree_stay_cycles() -> None:
    one, clusters = raw_tree([90, 0], unfit=UNFIT)
    trees, file = written((one, clusters), (replace(one, cycle=2), clusters))
    assert [tree.path for tree in trees] == ["t", "t_rntuple"] * 2
    assert sorted(file.keys(cycle=True)) == ["t;1", "t;2", "t_rntuple;1", "t_rntuple;2"]


def test_entries_of_all_clusters_arrive() -> None:
    """The baskets that the refusals are about are valid at other positions."""
    _, file = written(raw_tree([90, 0, 90, 0, 90, 0], x=np.arange(6)))
    assert file["t"]["r"].array().to_list() == [1] * 6
