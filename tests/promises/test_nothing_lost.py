"""Nothing is lost in silence: arrays of the reader are checked, and what cannot be carried is named."""

from __future__ import annotations

import itertools
from collections.abc import Callable
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
from baler_root.rootio import ttree_writer
from baler_root.rootio.array_check import find_fault
from baler_root.rootio.leaves import Leaf, OutputBranch, write_branch
from tests.helpers.raw_ttrees import first_integers, numbers, write_branches


def fill_as_root(self: ttree_writer.TTreeWriter, branch: OutputBranch, offsets: Any, content: Any) -> None:
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
        patch.setattr(ttree_writer.TTreeWriter, "_fill_strings", fill_as_root)
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
    monkeypatch.setattr(
        ttree_writer, "write_branch", lambda out, made, _: write_branch(out, made, made.entries[-1])
    )
    a, b = np.arange(tree, dtype=np.int32), np.arange(branch, dtype=np.int32)
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree_writer.TTreeWriter(file, "t", "", [numbers("a", 0), numbers("b", 1)], {})
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


@pytest.mark.parametrize(("attribute", "is_raw"), [("interpretation", True), ("num_entries", False)])
def test_a_branch_that_raises_when_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, attribute: str, is_raw: bool
) -> None:
    """uproot may fail anywhere: that branch is raw, or left out if even that fails."""
    source = write_branches(
        tmp_path / "a.root", [numbers("a", 0), numbers("b", 1)], [first_integers(4), first_integers(4)]
    )
    whole: Any = getattr(uproot.TBranch, attribute)

    def fail(self: Any) -> Any:
        if self.name == "b":
            raise UnboundLocalError("cannot access local variable 'low'")
        return whole.fget(self)

    monkeypatch.setattr(uproot.TBranch, attribute, property(fail))
    if is_raw:
        check_b_is_raw(source, tmp_path, "UnboundLocalError")
    else:
        check_only_a_is_carried(source, tmp_path, "UnboundLocalError")


def test_a_record_with_two_members_of_one_name(tmp_path: Path) -> None:
    leaves = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    with uproot.recreate(tmp_path / "a.root") as file:
        writer = ttree_writer.TTreeWriter(
            file, "t", "", [numbers("a", 0), OutputBranch("b", "x/I:x/I", leaves, 1)], {}
        )
        writer._fill_flat(writer.branches[0], np.arange(4, dtype=np.int32))
        writer._basket(writer.branches[1], np.arange(8, dtype=">i4").tobytes(), 4, 8)
        writer.num_entries = 4
        writer.close()
    check_b_is_raw(tmp_path / "a.root", tmp_path, "")


def check_b_is_raw(source: Path, tmp_path: Path, words: str) -> None:
    summary = baler_root.compress(source, tmp_path / "a.baler")
    assert summary.skipped == ()
    raw = {branch.path: branch.raw for branch in summary.trees[0].branches if branch.raw}
    assert list(raw) == ["b"]
    assert words in raw["b"]
    with baler_root.open(tmp_path / "a.baler") as file:
        assert file["t"]["a"].array().to_list() == [0, 1, 2, 3]
        assert len(b"".join(file["t"]["b"].array().to_list())) >= 16


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
