"""Names and cycles that can stay do; chains and trees without branches are carried or named."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.errors import SourceError
from baler_root.format.schema import Branch, Tree
from baler_root.rootio import ttree_writer
from baler_root.rootio.objects import TREES, numbered
from baler_root.rootio.rntuple_writer import field_names
from baler_root.rootio.ttree_layout import branch_names
from tests.helpers.raw_ttrees import first_integers, numbers
from tests.helpers.rootio_write import read, tree_of, written

# Names and types


NAMES = [
    (["mu.pt", "mu_pt"], ["mu_pt_2", "mu_pt"]),
    (["mu.pt", "mu_pt", "mu pt", "mu_pt_2"], ["mu_pt_3", "mu_pt", "mu_pt_4", "mu_pt_2"]),
    (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
    (["x y", "x.y"], ["x_y", "x_y_2"]),
]


@pytest.mark.parametrize(("names", "fields"), NAMES)
def test_a_name_that_can_stay_is_not_taken(names: list[str], fields: list[str]) -> None:
    assert field_names(names, names) == fields


@given(st.lists(st.text("a._2 ", min_size=1, max_size=4), max_size=8))
def test_names_that_can_stay_do(names: list[str]) -> None:
    fields = field_names(names, names)
    assert len(set(fields)) == len(names)
    for name, written_name in zip(names, fields, strict=True):
        if not set("._ ").intersection(name) - {"_"}:
            assert fields.count(name) == 1
            assert written_name == name or names.index(name) != fields.index(written_name)


def test_paths_do_not_take_the_names_of_branches() -> None:
    """Branches of two parents with one name get their paths; a real branch with such a name keeps its own."""
    form = {"class": "NumpyArray", "primitive": "int32"}
    branches = [Branch("A", None, ""), Branch("B", None, "")]
    branches += [Branch("x", parent, "", form=form) for parent in (0, 1)] + [
        Branch("A.x", None, "", form=form)
    ]
    tree = Tree("t", 1, "TTree", "", 0, tuple(branches))
    assert branch_names(tree) == {2: "A.x_2", 3: "B.x", 4: "A.x"}


def test_renamed_branches_in_a_file() -> None:
    columns = {"mu.pt": np.arange(5.0), "mu_pt": np.arange(100.0, 105), "s": ak.Array([["z"]] * 5)}
    _, file = written(tree_of(columns, kind="RNTuple"))
    assert read(file["t"], "mu_pt").to_list() == columns["mu_pt"].tolist()
    assert read(file["t"], "mu_pt_2").to_list() == columns["mu.pt"].tolist()
    _, file = written(tree_of(columns))
    for name, values in columns.items():
        assert read(file["t"], name).to_list() == values.tolist()


def test_half_precision_is_written_as_float() -> None:
    halves = np.array([0, 0.5, -0.0, 65504, 6e-8, np.inf, np.nan], np.float16)
    lists = ak.Array(
        ak.contents.ListOffsetArray(
            ak.index.Index64(np.array([0, 2, 2, 3, 4, 5, 6, 7])), ak.contents.NumpyArray(halves)
        )
    )
    trees, file = written(tree_of({"h": halves, "l": lists}, kind="RNTuple"))
    assert ak.array_equal(read(file["t"], "h"), halves.astype(np.float32), equal_nan=True)
    assert ak.array_equal(read(file["t"], "l"), ak.values_astype(lists, np.float32), equal_nan=True)
    assert any("half precision written as float" in note for note in trees[0].notes)


@pytest.mark.parametrize("folder", ["dir:colon", "a:b/c:d"])
def test_verify_in_folders_with_colons(tmp_path: Path, folder: str) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree_writer.TTreeWriter(file.mkdir(folder), "t", "", [numbers("a", 0)], {})
        writer.extend({0: ak.Array(first_integers(5))}, 5)
        writer.close()
    baler_root.compress(tmp_path / "a.root", tmp_path / "a.baler")
    result = baler_root.verify(tmp_path / "a.baler", against=tmp_path / "a.root")
    assert result.ok
    assert result.values == 5


# Cycles, chains, trees without branches


def test_cycles_are_kept(tmp_path: Path) -> None:
    """The highest cycle stays the highest, whatever the order of keys and however trees and objects mix."""
    source, target, back = (tmp_path / name for name in ("a.root", "a.baler", "b.root"))
    with uproot.recreate(source) as file:
        for cycle, length in ((7, 25), (2, 10), (4, 15)):
            with numbered(file, cycle):
                writer = ttree_writer.TTreeWriter(file, "t", "", [numbers("a", 0)], {})
                writer.extend({0: ak.Array(first_integers(length))}, length)
                writer.close()
        file.mktree("mixed", {"a": "i4"}).extend({"a": first_integers(3)})
        file["mixed"] = "an object with the name of a tree"
        with numbered(file, 5):
            writer = ttree_writer.TTreeWriter(file, "mixed", "", [numbers("a", 0)], {})
            writer.extend({0: ak.Array(first_integers(6))}, 6)
            writer.close()
    with uproot.open(source) as file:
        keys = file.classnames()
    baler_root.compress(source, target)
    baler_root.decompress(target, back)
    with uproot.open(back) as file:
        assert file.classnames() == keys
        assert {cycle: file[f"t;{cycle}"].num_entries for cycle in (2, 4, 7)} == {2: 10, 4: 15, 7: 25}
        assert file["t"].num_entries == 25
        assert file["mixed"].num_entries == 6
        first = next(key for key in file.keys(cycle=True) if key.startswith("t;"))
        assert first == "t;7"


def write_branchless(path: Path, entries: int) -> Path:
    with uproot.recreate(path) as file:
        file.mktree("t", {"a": "i4"}).extend({"a": first_integers(5)})
        writer = ttree_writer.TTreeWriter(file, "nothing", "no branches", [], {})
        writer.num_entries = entries
        writer.close()
    return path


@pytest.mark.parametrize("entries", [0, 7, 3 * 10**8, 10**9])
@pytest.mark.parametrize("size", ["64 MB", 1])
def test_trees_without_branches(tmp_path: Path, entries: int, size: int | str) -> None:
    source = write_branchless(tmp_path / "a.root", entries)
    baler_root.compress(source, tmp_path / "a.baler", cluster_size=size)
    assert baler_root.verify(tmp_path / "a.baler", against=source).ok
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file["nothing"].num_entries == entries
        assert file["t"]["a"].array().to_list() == [0, 1, 2, 3, 4]
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(tmp_path / "b.root") as file:
        assert file["nothing"].num_entries == entries
        assert file["nothing"].title == "no branches"


@pytest.mark.parametrize("entries", [10**12, 1 << 62])
def test_a_tree_that_cannot_be_carried_is_named(tmp_path: Path, entries: int) -> None:
    """More entries than a file can say: the tree is listed, the others are compressed."""
    source = write_branchless(tmp_path / "a.root", entries)
    with pytest.raises(SourceError, match=f"nothing;1: tree 'nothing': {entries} entries"):
        baler_root.compress(source, tmp_path / "a.baler")
    summary = baler_root.compress(source, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["nothing;1"]
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file.keys() == ["t;1"]


def test_a_chain_is_carried_as_an_object(tmp_path: Path) -> None:
    """A TChain has names of files and no entries: its bytes are kept, and other trees are not lost."""
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        file.mktree("t", {"a": "i4"}).extend({"a": first_integers(5)})
        writer = ttree_writer.TTreeWriter(file, "chain", "", [], {})
        writer.num_entries = 1234567890123456789  # TTree::kMaxEntries, as a chain has until it is loaded
        writer.close()
    data = (tmp_path / "a.root").read_bytes().replace(b"\x05TTree\x05chain", b"\x05TChaI\x05chain")
    (tmp_path / "a.root").write_bytes(data)
    assert "TChain" not in TREES
    baler_root.compress(tmp_path / "a.root", tmp_path / "a.baler")
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(tmp_path / "b.root") as back, uproot.open(tmp_path / "a.root") as source:
        assert back["t"]["a"].array().to_list() == [0, 1, 2, 3, 4]
        assert back.classnames()["chain;1"] == "TChaI"
        payloads = [
            chunk.get(cursor.index, cursor.index + key.fObjlen, cursor, {}).tobytes()
            for key in (file.key("chain") for file in (source, back))
            for chunk, cursor in [key.get_uncompressed_chunk_cursor()]
        ]
        assert payloads[0] == payloads[1]
