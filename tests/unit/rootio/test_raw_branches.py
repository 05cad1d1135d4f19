"""Everything is carried: branches that uproot cannot interpret, and what a TTree has besides branches."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import ConfigError, CorruptFileError
from baler_root.rootio.leaves import Leaf, OutputBranch
from baler_root.rootio.raw.object_bytes import check_encoding, encode_array
from baler_root.rootio.tbuffer import TBuffer
from baler_root.rootio.tree_tail import TreeTail, read_tail
from baler_root.rootio.ttree_writer import TTreeWriter
from tests.helpers.raw_ttrees import baskets, numbers

PAIRS = np.stack([np.arange(50), -np.arange(50)], 1).astype(">i4")
"""Entries of the raw branch, of eight bytes each."""


def write_odd_leaves(path: Path, *, weight: float = 1.0, tail: TreeTail | None = None) -> Path:
    """A tree with numbers, and a list of leaves with one name twice in three baskets."""
    leaves = [Leaf("x", np.dtype(np.int32)), Leaf("x", np.dtype(np.int32), offset=4)]
    branches = [numbers("number", 0), OutputBranch("odd", "x/I:x/I", leaves, 1)]
    with uproot.recreate(path, compression=None) as file:
        writer = TTreeWriter(file, "t", "", branches, {"twice": "2*number"}, weight=weight, tail=tail)
        writer._fill_flat(branches[0], np.arange(len(PAIRS), dtype=np.int32))
        for part in (PAIRS[:7], PAIRS[7:20], PAIRS[20:]):
            writer._basket(branches[1], part.tobytes(), len(part), 8)
        writer.num_entries = len(PAIRS)
        writer.close()
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_odd_leaves(tmp_path / "a.root", weight=2.5)


@pytest.mark.parametrize("cluster_size", [5, 16, 1000])
def test_baskets_come_back(source: Path, tmp_path: Path, cluster_size: int) -> None:
    """However the entries are cut into clusters, the baskets are those of the source."""
    baler_root.compress(source, tmp_path / "a.baler", cluster_size=cluster_size)
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "b.root") as two:
        assert baskets(two["t"]["odd"]) == baskets(one["t"]["odd"])
        assert two["t"]["odd"].title == "x/I:x/I"
        assert two["t"]["number"].array().to_list() == list(range(50))
        assert two["t"].member("fWeight") == 2.5
        assert dict(two["t"].aliases) == {"twice": "2*number"}
    assert baler_root.verify(tmp_path / "a.baler", against=source).ok


def test_raw_branches_are_read_as_bytes(source: Path, tmp_path: Path) -> None:
    baler_root.compress(source, tmp_path / "a.baler")
    with baler_root.open(tmp_path / "a.baler") as file:
        tree = file["t"]
        assert tree.keys() == ["number", "odd"]
        assert tree["odd"].interpretation == "raw bytes"
        assert tree["odd"].array().to_list() == [pair.tobytes() for pair in PAIRS]
        assert tree["odd"].array(3, 5, library="np").tolist() == [pair.tobytes() for pair in PAIRS[3:5]]
        assert tree.arrays().fields == ["number"]
        assert tree.arrays(["odd"])["odd"][1] == PAIRS[1].tobytes()


def test_raw_branches_are_shown(source: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    out = cli("compress", source, tmp_path / "a.baler").out
    assert "raw" in out
    assert "odd" in out
    assert "left out" not in out
    document = baler_root.inspect(tmp_path / "a.baler")["trees"][0]
    assert [branch["path"] for branch in document["branches"] if "raw" in branch] == ["odd"]
    assert document["weight"] == 2.5
    shown = cli("inspect", tmp_path / "a.baler").out
    assert "raw, as the bytes that ROOT stored: 1" in shown
    assert "weight 2.5" in shown


def test_a_bound_of_a_raw_branch_is_refused_by_name(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'odd'.*is raw.*no error to bound"):
        baler_root.compress(source, tmp_path / "a.baler", bounds={"odd": "rel=1e-3"})
    baler_root.compress(source, tmp_path / "a.baler", bounds={"odd": "lossless"})
    assert baler_root.inspect(tmp_path / "a.baler")["trees"][0]["branches"][1]["bound"] == "lossless"


def test_merged_raw_branches_keep_their_baskets(source: Path, tmp_path: Path) -> None:
    baler_root.compress(source, tmp_path / "a.baler", cluster_size=16)
    baler_root.merge([tmp_path / "a.baler"] * 2, tmp_path / "m.baler")
    baler_root.decompress(tmp_path / "m.baler", tmp_path / "m.root")
    with uproot.open(source) as one, uproot.open(tmp_path / "m.root") as two:
        twice = baskets(two["t"]["odd"])
        assert [basket[1:] for basket in twice] == [basket[1:] for basket in baskets(one["t"]["odd"])] * 2
        assert [basket[0] for basket in twice] == [(0, 7), (7, 20), (20, 50), (50, 57), (57, 70), (70, 100)]


def test_an_rntuple_says_that_it_has_no_raw_branches(source: Path, tmp_path: Path) -> None:
    baler_root.compress(source, tmp_path / "a.baler")
    notes = " ".join(
        baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root", kind="rntuple").trees[0].notes
    )
    assert "raw branches are not written" in notes
    assert "weight 2.5" in notes


def user_info(origin: int) -> bytes:
    """The last members of a TTree with an index of numbers and two named objects as user info."""
    buffer = TBuffer(origin)
    buffer.refer()  # aliases
    buffer.pack("idd", 2, 1.0, 2.0)
    buffer.pack("iii", 2, 0, 1)
    buffer.refer()  # index
    buffer.refer()  # friends
    with buffer.pointed_to("TList"), buffer.versioned(5):
        buffer.tobject()
        buffer.string("")
        buffer.pack("i", 2)
        place = buffer.origin + len(buffer.data) + 4 + 2
        with buffer.pointed_to("TNamed"):
            buffer.named("first", "hello")
        buffer.string("")
        start = len(buffer.data)
        buffer.pack("II", 0, 0x80000000 | place)
        buffer.named("second", "world")
        struct.pack_into(">I", buffer.data, start, (len(buffer.data) - start - 4) | 0x40000000)
        buffer.string("")
    return bytes(buffer.data)


def test_user_info_and_index_are_carried(tmp_path: Path) -> None:
    """References to classes count from the start of the tree's key, wherever that lies."""
    relative = user_info(0)
    place = relative.index(b"TNamed\0") - 4 + 2
    reference = relative.index(struct.pack(">I", 0x80000000 | place))
    tail = TreeTail(relative, (reference,))
    assert tail.names == ["index values", "index numbers", "user info"]
    source = write_odd_leaves(tmp_path / "a.root", tail=tail)
    with uproot.open(source) as file:
        assert read_tail(file["t"])[0] == tail
    baler_root.compress(source, tmp_path / "a.baler")
    assert "user info" in baler_root.inspect(tmp_path / "a.baler")["trees"][0]["members"]
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    with uproot.open(tmp_path / "b.root") as file:
        assert read_tail(file["t"])[0] == tail
    assert tail.at(500)[: len(relative)] == user_info(500)
    baler_root.merge([tmp_path / "a.baler"] * 2, tmp_path / "m.baler")
    merged = baler_root.inspect(tmp_path / "m.baler")["trees"][0]
    assert merged["members"] == ["user info"]


ENCODED = [
    ({"number": ">f4"}, ak.Array(np.array([1.5, -2], "f4")), [b"\x3f\xc0\0\0", b"\xc0\0\0\0"]),
    ({"string": 1}, ak.Array(["ab", ""]), [b"\2ab", b"\0"]),
    ({"string": 1}, ak.Array(["x" * 300]), [b"\xff\0\0\1\x2c" + b"x" * 300]),
    (
        {"versioned": {"counted": {"number": ">i2"}}, "version": "0009"},
        ak.Array(ak.values_astype(ak.Array([[1, 2], []]), "int16")),
        [b"\x40\0\0\x0a\0\x09\0\0\0\2\0\1\0\2", b"\x40\0\0\6\0\x09\0\0\0\0"],
    ),
    (
        {"counted": {"counted": {"string": 1}}},
        ak.Array([[["a"], []], []]),
        [b"\0\0\0\2\0\0\0\1\1a\0\0\0\0", b"\0\0\0\0"],
    ),
    (
        {"template": "0102000003", "at": [["p/x", ">i2", 2]]},
        ak.Array([{"p": {"x": 258}}]),
        [b"\1\2\1\2\3"],
    ),
]


@pytest.mark.parametrize(("encoding", "array", "expected"), ENCODED)
def test_values_become_bytes_as_root_streams_them(encoding: Any, array: Any, expected: list[bytes]) -> None:
    data, offsets = encode_array(encoding, array)
    assert [data[a:b].tobytes() for a, b in pairwise(offsets)] == expected


NO_ENCODINGS: list[Any] = [
    *(5, {}, {"number": "O"}, {"template": "zz", "at": []}, {"template": "00", "at": [1]}),
    {"template": "00", "at": [["x", ">f8", 0]]},
    {"versioned": {"string": 1}, "version": 5},
]
NO_TAILS: list[Any] = [
    *({}, {"data": "?", "references": []}, {"data": "AAAA", "references": [0]}),
    {"data": "QP8AAAA=", "references": []},
]


@pytest.mark.parametrize(
    ("check", "document"),
    [
        *((check_encoding, document) for document in NO_ENCODINGS),
        *((TreeTail.from_json, document) for document in NO_TAILS),
    ],
)
def test_what_is_not_valid_is_refused(check: Callable[[Any], Any], document: Any) -> None:
    with pytest.raises(CorruptFileError):
        check(document)


FILES = [
    ("real", "delphes_z91_100.root"),
    ("coverage", "uproot-issue-1229.root"),
    ("coverage", "uproot-issue-275-split1.root"),
    ("coverage", "uproot-issue-400.root"),
    ("coverage", "uproot-issue485.root"),
    ("coverage", "uproot-small-dy-nooffsets.root"),
    ("coverage", "uproot-issue-tbranch-of-th2.root"),
]


@pytest.mark.parametrize(("folder", "name"), FILES, ids=[name for _, name in FILES])
def test_raw_branches_of_real_files(
    folder: str, name: str, data_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Without a flag: no branch is left out, and every raw branch has the baskets of the source."""
    source = data_file(folder, name)
    summary = baler_root.compress(source, tmp_path / "a.baler", codec="classic", bound="lossless")
    assert summary.skipped == ()
    baler_root.decompress(tmp_path / "a.baler", tmp_path / "b.root")
    compared = 0
    with uproot.open(source) as one, uproot.open(tmp_path / "b.root") as two:
        for tree in summary.trees:
            key = f"{tree.path};{tree.cycle}"
            for branch in tree.branches:
                if branch.raw:
                    assert baskets(two[key][branch.path]) == baskets(one[key][branch.path]), branch.path
                    compared += 1
    assert compared
