"""Layout of TTrees written: counters, names, titles and aliases of the source."""

from __future__ import annotations

from collections.abc import Iterator

import awkward as ak
import numpy as np
import pytest

from baler_root.errors import SourceError
from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Branch, Tree
from tests.helpers.rootio_write import assert_same, read, tree_of, with_branch, written


def test_counters_order_titles_and_aliases_are_those_of_the_source() -> None:
    columns = {
        "Muon_pt": ak.Array([[1.5, 2.5], [], [3.5]]),
        "nMuon": np.array([2, 0, 1], "u4"),
        "Muon_q": ak.Array([[1, 2], [], [3]]),
        "met": np.array([1.0, 2.0, 3.0]),
    }
    tree, clusters = tree_of(columns, title="the events", aliases={"twice": "Muon_pt*2", "µ": "met"})
    for name in ("Muon_pt", "Muon_q"):
        tree = with_branch(tree, name, counter="nMuon", title=f"{name} of all muons")
    tree = with_branch(tree, "met", title="met/F")
    _, file = written((tree, clusters))
    back = file["t"]
    assert [b.name for b in back.branches] == list(columns)
    assert [b.title for b in back.branches] == [
        "Muon_pt of all muons",
        "",
        "Muon_q of all muons",
        "met/D",
    ]
    assert [back[name].count_leaf.member("fName") for name in ("Muon_pt", "Muon_q")] == ["nMuon", "nMuon"]
    assert back.title == "the events"
    assert back.aliases == {"twice": "Muon_pt*2", "µ": "met"}
    assert_same(back["nMuon"].array(), ak.Array(columns["nMuon"]))
    assert back.arrays(["twice"])["twice"].to_list() == [[3.0, 5.0], [], [7.0]]


def test_an_rntuple_as_a_ttree_gets_the_titles_that_root_gives() -> None:
    columns = {"x": np.zeros((3, 2, 2), "f4"), "v": ak.Array([[1], [], [2]]), "s": ak.Array(["a", "b", "c"])}
    _, file = written(tree_of(columns, kind="RNTuple"), kind="ttree")
    assert [b.title for b in file["t"].branches] == ["x[2][2]/F", "nv/I", "v[nv]/L", "s/C"]


def test_vectors_of_the_same_lengths_share_a_counter() -> None:
    columns = {
        "jet_pt": ak.Array([[1.5], [], [2.5, 3.5]]),
        "jet_eta": ak.Array([[1], [], [2, 3]]),
        "tracks": ak.Array([[], [1], [2]]),
        "ntracks": ak.Array(["taken", "by", "a string"]),
    }
    trees, file = written(tree_of(columns))
    assert [b.name for b in file["t"].branches] == [
        "njet",
        "jet_pt",
        "jet_eta",
        "ntracks_",
        "tracks",
        "ntracks",
    ]
    assert any("with counter njet" in note for note in trees[0].notes)
    assert read(file["t"], "ntracks_").to_list() == [0, 1, 1]


def test_lengths_that_part_later_get_their_own_counters() -> None:
    columns = {"a_x": ak.Array([[1.5], [], [2.5], [3.5]]), "a_y": ak.Array([[1], [], [2, 3], []])}
    trees, file = written(tree_of(columns))
    assert [b.name for b in file["t"].branches] == ["na_x", "a_x", "na_y", "a_y"]
    assert trees[0].kind == "TTree"
    for name, array in columns.items():
        assert_same(read(file["t"], name), array)


def test_a_counter_that_does_not_count_makes_it_an_rntuple() -> None:
    columns = {"n": np.array([1, 0, 1, 1], "i4"), "x": ak.Array([[1.5], [], [2.5, 3.5], [1.5]])}
    tree, clusters = tree_of(columns)
    tree = with_branch(tree, "x", counter="n")
    entries: list[int] = []
    trees, file = written((tree, clusters), progress=entries.append)
    assert trees[0].kind == "RNTuple"
    assert sum(entries) == 4
    for name, array in columns.items():
        assert_same(read(file["t"], name), ak.Array(array))
    with pytest.raises(SourceError, match=r"does not fit a TTree: .*--kind rntuple"):
        written((tree, clusters), kind="ttree")


def test_two_branches_may_have_one_name() -> None:
    form = plain_form(ak.Array([1.5]))
    branches = (Branch("x", None, "double", form=form), Branch("x", None, "double", form=form))
    tree = Tree("t", 1, "TTree", "", 2, branches)

    def clusters() -> Iterator[dict[int, ak.Array]]:
        yield {0: ak.Array([1.5, 2.5]), 1: ak.Array([3.5, 4.5])}

    _, file = written((tree, clusters))
    assert [b.array().to_list() for b in file["t"].branches] == [[1.5, 2.5], [3.5, 4.5]]
    _, file = written((tree, clusters), kind="rntuple")
    assert [f.name for f in file["t"].fields] == ["x", "x_2"]


def test_members_of_two_groups_with_one_name_get_their_paths() -> None:
    form = plain_form(ak.Array([1.5]))
    branches = (
        Branch("hits", None, "group"),
        Branch("x", 0, "double", form=form),
        Branch("tracks", None, "group"),
        Branch("x", 2, "double", form=form),
    )
    tree = Tree("t", 1, "TTree", "", 1, branches)
    trees, file = written((tree, lambda: iter([{1: ak.Array([1.5]), 3: ak.Array([2.5])}])))
    assert [b.name for b in file["t"].branches] == ["hits.x", "tracks.x"]
    assert any("hits, tracks" in note for note in trees[0].notes)


def test_field_names_are_those_that_root_takes() -> None:
    columns = {name: np.array([i]) for i, name in enumerate(["a.b", "a/b", "a b", "a_b", "c\\d", "e"])}
    trees, file = written(tree_of(columns, kind="RNTuple"))
    assert [f.name for f in file["t"].fields] == ["a_b_2", "a_b_3", "a_b_4", "a_b", "c_d", "e"]
    assert file["t"]["a_b_3"].description == "[a/b]"
    assert len(trees[0].notes) == 4
