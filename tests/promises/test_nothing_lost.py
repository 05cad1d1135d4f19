"""Nothing is lost in silence: arrays of the reader are checked, and what cannot be carried is named."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.errors import SourceError
from baler_root.format.schema import Branch, Tree
from baler_root.rootio import ttree
from baler_root.rootio.array_check import find_fault
from baler_root.rootio.leaves import Leaf, OutputBranch, write_branch
from baler_root.rootio.objects import TREES, numbered
from baler_root.rootio.rntuple import field_names
from baler_root.rootio.ttree_layout import branch_names
from tests.helpers.rootio_write import read, tree_of, written


def write_branches(
    path: Path, branches: Sequence[OutputBranch], arrays: Sequence[Any], clusters: int = 1
) -> Path:
    """A ROOT file with the TTree `t`; arrays may differ in length, the first one gives the tree's."""
    with uproot.recreate(path, compression=None) as file:
        writer = ttree.TTreeWriter(file, "t", "", list(branches), {})
        bounds = [np.linspace(0, len(array), clusters + 1).astype(int) for array in arrays]
        for n in range(clusters):
            parts = {
                i: ak.Array(a[b[n] : b[n + 1]]) for i, (a, b) in enumerate(zip(arrays, bounds, strict=True))
            }
            writer.extend(parts, len(parts[0]))
        writer.close()
    return path


def first_integers(length: int) -> Any:
    return np.arange(length, dtype=np.int32)


def numbers(name: str, source: int) -> OutputBranch:
    return OutputBranch(name, f"{name}/I", [Leaf(name, np.dtype(np.int32))], source)


def fill_as_root(self: ttree.TTreeWriter, branch: OutputBranch, offsets: Any, content: Any) -> None:
    """Empty C strings take no bytes at all, as ROOT writes them."""
    raw = [content[start:stop].tobytes() for start, stop in itertools.pairwise(offsets)]
    heads = [
        b"" if not text else bytes([len(text)]) if len(text) < 255 else b"\xff" + len(text).to_bytes(4, "big")
        for text in raw
    ]
    stored = [head + text for head, text in zip(heads, raw, strict=True)]
    branch.leaves[0].maximum = max(map(len, raw)) + 1
    starts = np.cumsum([0, *map(len, stored)])
    self._fill_lists(branch, starts, np.frombuffer(b"".join(stored), np.uint8), 1)


STRINGS = [
    ["", "a", "", "bcd"],
    ["a", "", ""],
    ["", "", ""],
    ["x" * 254, "", "y" * 255, "", "z" * 1000, ""],
    ["é", "", "\x01"],
]


@pytest.mark.parametrize("clusters", [1, 2])
@pytest.mark.parametrize("strings", STRINGS)
def test_empty_c_strings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strings: list[str], clusters: int
) -> None:
    branch = OutputBranch("C", "C/C", [Leaf("C", None)], 0)
    with monkeypatch.context() as patch:
        patch.setattr(ttree.TTreeWriter, "_fill_strings", fill_as_root)
        source = write_branches(tmp_path / "a.root", [branch], [ak.Array(strings)], clusters)
    target, back = tmp_path / "a.baler", tmp_path / "b.root"
    baler_root.compress(source, target)
    assert baler_root.verify(target, against=source).ok
    with baler_root.open(target) as file:
        assert file["t"]["C"].array().to_list() == strings
    baler_root.decompress(target, back)
    with uproot.open(back) as file:
        assert file["t"]["C"].array().to_list() == strings


def test_c_string_with_a_wrong_length(tmp_path: Path) -> None:
    """A length that is not that of the entry's bytes: the branch is named, and the entry."""
    branches = [numbers("a", 0), OutputBranch("C", "C/C", [Leaf("C", None)], 1)]
    source = write_branches(
        tmp_path / "a.root", branches, [first_integers(3), ak.Array(["abc", "UNIQUE", "d"])]
    )
    data = source.read_bytes().replace(b"\x06UNIQUE", b"\x04UNIQUE")
    source.write_bytes(data)
    with pytest.raises(SourceError, match=r"t: C: .*entry 1: the length of the string"):
        baler_root.compress(source, tmp_path / "a.baler")
    summary = baler_root.compress(source, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["t: C"]


@pytest.mark.parametrize(("tree", "branch"), [(5, 8), (8, 5), (0, 2), (3000, 2000), (2000, 3000)])
def test_branch_and_tree_differ_in_length(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tree: int, branch: int
) -> None:
    """Entries beyond the tree's, or missing ones: the branch is named, never cut in silence."""
    monkeypatch.setattr(ttree, "write_branch", lambda out, made, _: write_branch(out, made, made.entries[-1]))
    a, b = np.arange(tree, dtype=np.int32), np.arange(branch, dtype=np.int32)
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree.TTreeWriter(file, "t", "", [numbers("a", 0), numbers("b", 1)], {})
        for made, values in zip(writer.branches, (a, b), strict=True):
            if len(values):
                writer._fill_flat(made, values)
        writer.num_entries = tree
        writer.close()
    words = rf"t: b: the branch has {branch} entries, its tree {tree}"
    with pytest.raises(SourceError, match=words):
        baler_root.compress(tmp_path / "a.root", tmp_path / "a.baler")
    summary = baler_root.compress(tmp_path / "a.root", tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["t: b"]
    assert baler_root.verify(tmp_path / "a.baler", against=tmp_path / "a.root").ok


@pytest.mark.parametrize("attribute", ["interpretation", "num_entries"])
def test_a_branch_that_raises_when_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attribute: str
) -> None:
    """uproot may fail anywhere, not only while it reads: only that branch is left out."""
    source = write_branches(
        tmp_path / "a.root", [numbers("a", 0), numbers("b", 1)], [first_integers(4), first_integers(4)]
    )
    whole: Any = getattr(uproot.TBranch, attribute)

    def fail(self: Any) -> Any:
        if self.name == "b":
            raise UnboundLocalError("cannot access local variable 'low'")
        return whole.fget(self)

    monkeypatch.setattr(uproot.TBranch, attribute, property(fail))
    check_only_a_is_carried(source, tmp_path, "UnboundLocalError")


def test_a_record_with_two_members_of_one_name(tmp_path: Path) -> None:
    leaves = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree.TTreeWriter(
            file, "t", "", [numbers("a", 0), OutputBranch("b", "x/I:x/I", leaves, 1)], {}
        )
        writer._fill_flat(writer.branches[0], np.arange(4, dtype=np.int32))
        writer._basket(writer.branches[1], np.arange(8, dtype=">i4").tobytes(), 4, 8)
        writer.num_entries = 4
        writer.close()
    check_only_a_is_carried(tmp_path / "a.root", tmp_path, "t: b: ")


def check_only_a_is_carried(source: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        baler_root.compress(source, tmp_path / "a.baler")
    summary = baler_root.compress(source, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["t: b"]
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file["t"]["a"].array().to_list() == [0, 1, 2, 3]


C = ak.contents
I64 = ak.index.Index64


def _numbers(n: int) -> Any:
    return C.NumpyArray(np.arange(n))


INVALID = {
    "offsets that go backwards": (C.ListOffsetArray(I64(np.array([0, 2, 1, 3])), _numbers(3)), 1),
    "offsets beyond the content": (C.ListOffsetArray(I64(np.array([0, 1, 9])), _numbers(3)), 1),
    "negative offsets": (C.ListOffsetArray(I64(np.array([-1, 1, 3])), _numbers(3)), 0),
    "a list of invalid lists": (
        C.ListOffsetArray(
            I64(np.array([0, 1, 3])), C.ListOffsetArray(I64(np.array([0, 1, 2, 0])), _numbers(3))
        ),
        1,
    ),
    "an index beyond the content": (C.IndexedArray(I64(np.array([0, 1, 7])), _numbers(3)), 2),
    "an option beyond the content": (C.IndexedOptionArray(I64(np.array([0, -1, 7])), _numbers(3)), 2),
    "a tag of no alternative": (
        C.UnionArray(ak.index.Index8(np.array([0, 5])), I64(np.array([0, 0])), [_numbers(2), C.EmptyArray()]),
        1,
    ),
    "a member that is invalid": (
        C.RecordArray([_numbers(2), C.ListOffsetArray(I64(np.array([0, 1, 0])), _numbers(2))], ["a", "b"]),
        1,
    ),
    "a fixed-size array of invalid lists": (
        C.RegularArray(C.ListOffsetArray(I64(np.array([0, 1, 2, 1, 1])), _numbers(2)), 2),
        1,
    ),
}


@pytest.mark.parametrize("kind", INVALID)
def test_invalid_arrays_are_found(kind: str) -> None:
    layout, entry = INVALID[kind]
    fault = find_fault(ak.Array(layout))
    assert fault is not None
    assert fault.position == entry


VALUES = st.recursive(
    st.integers(-5, 5) | st.none() | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.fixed_dictionaries({"x": inner}),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=6))
def test_valid_arrays_have_no_fault(values: list[Any]) -> None:
    array = ak.Array(values)
    assert find_fault(array) is None
    assert find_fault(array[1:]) is None
    assert find_fault(array[::-1]) is None


# Names


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
    _, file = written(tree_of(columns))
    assert read(file["t"], "mu_pt").to_list() == columns["mu_pt"].tolist()
    assert read(file["t"], "mu_pt_2").to_list() == columns["mu.pt"].tolist()


def test_half_precision_is_written_as_float() -> None:
    halves = np.array([0, 0.5, -0.0, 65504, 6e-8, np.inf, np.nan], np.float16)
    lists = ak.Array(C.ListOffsetArray(I64(np.array([0, 2, 2, 3, 4, 5, 6, 7])), C.NumpyArray(halves)))
    trees, file = written(tree_of({"h": halves, "l": lists}, kind="RNTuple"))
    assert ak.array_equal(read(file["t"], "h"), halves.astype(np.float32), equal_nan=True)
    assert ak.array_equal(read(file["t"], "l"), ak.values_astype(lists, np.float32), equal_nan=True)
    assert any("half precision written as float" in note for note in trees[0].notes)


@pytest.mark.parametrize("folder", ["dir:colon", "a:b/c:d"])
def test_verify_in_folders_with_colons(tmp_path: Path, folder: str) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree.TTreeWriter(file.mkdir(folder), "t", "", [numbers("a", 0)], {})
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
                writer = ttree.TTreeWriter(file, "t", "", [numbers("a", 0)], {})
                writer.extend({0: ak.Array(first_integers(length))}, length)
                writer.close()
        file.mktree("mixed", {"a": "i4"}).extend({"a": first_integers(3)})
        file["mixed"] = "an object with the name of a tree"
        with numbered(file, 5):
            writer = ttree.TTreeWriter(file, "mixed", "", [numbers("a", 0)], {})
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
        writer = ttree.TTreeWriter(file, "nothing", "no branches", [], {})
        writer.num_entries = entries
        writer.close()
    return path


@pytest.mark.parametrize("entries", [0, 7, 3 * 10**8, 10**9, 10**12])
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


def test_a_tree_that_cannot_be_carried_is_named(tmp_path: Path) -> None:
    """More entries than a file can say: the tree is listed, the others are compressed."""
    source = write_branchless(tmp_path / "a.root", 1 << 62)
    with pytest.raises(SourceError, match=r"nothing;1: tree 'nothing': 4611686018427387904 entries"):
        baler_root.compress(source, tmp_path / "a.baler")
    summary = baler_root.compress(source, tmp_path / "a.baler", skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["nothing;1"]
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file.keys() == ["t;1"]


def test_a_chain_is_carried_as_an_object(tmp_path: Path) -> None:
    """A TChain has names of files and no entries: its bytes are kept, and other trees are not lost."""
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        file.mktree("t", {"a": "i4"}).extend({"a": first_integers(5)})
        writer = ttree.TTreeWriter(file, "chain", "", [], {})
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


# Arrays


@pytest.mark.parametrize("later", [False, True], ids=["first entries", "further on"])
def test_invalid_arrays_are_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, later: bool) -> None:
    """An array of uproot that contradicts itself is never written, in the first cluster or a later one."""
    monkeypatch.setattr("baler_root.rootio.source_schema.FIRST_ENTRIES", 10)
    source = write_branches(
        tmp_path / "a.root", [numbers("a", 0), numbers("b", 1)], [first_integers(40), first_integers(40)], 4
    )
    whole: Callable[..., Any] = uproot.TBranch.array

    def broken(self: Any, **options: Any) -> Any:
        array = whole(self, **options)
        if self.name != "b" or (later and options["entry_start"] == 0):
            return array
        offsets = np.arange(len(array) + 1)
        offsets[3] = 0
        return ak.Array(C.ListOffsetArray(I64(offsets), array.layout)) if not later else array[:-1]

    monkeypatch.setattr(uproot.TBranch, "array", broken)
    with pytest.raises(SourceError, match=r"b.*(entry 2: a list from 2 to 0|9 entries come back)"):
        baler_root.compress(source, tmp_path / "a.baler", cluster_size=10)
    summary = baler_root.compress(source, tmp_path / "a.baler", cluster_size=10, skip_unsupported=True)
    assert [name for name, _ in summary.skipped] == ["t: b"]
