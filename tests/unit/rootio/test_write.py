"""Writing ROOT files: values come back bit for bit, and what has no place is refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st
from uproot.models import TBranch, TLeaf

from baler_root.errors import ConfigError, OutputError, SourceError
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.objects import key_at
from baler_root.rootio.raw import object_bytes
from baler_root.rootio.write import compression_of, write_root
from tests.conftest import data_path
from tests.helpers.rootio_write import NUMBERS, assert_same, read, tree_of, with_branch, written


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_flat_fixed_and_jagged(kind: str, dtype: str) -> None:
    values = (np.arange(60) * 7 % 5).astype(dtype)
    columns = {
        "flat": values[:5],
        "fixed": values[:30].reshape(5, 2, 3),
        "jagged": ak.unflatten(values[:9], [3, 0, 5, 1, 0]),
        "jagged_fixed": ak.unflatten(values[:54].reshape(9, 2, 3), [3, 0, 5, 1, 0]),
    }
    trees, file = written(tree_of(columns, kind=kind))
    assert trees[0].kind == kind
    for name, array in columns.items():
        assert_same(read(file["t"], name), ak.Array(array))


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (["a", "", "x" * 254, "x" * 255, "x" * 300 + "µ\0"], "TTree"),
        ([{"x": 1.5, "n": 3}] * 5, "TTree"),
        ([[[1]], [], [[], [2, 3]], [[]], [[4]]], "TTree"),
        ([[[[1.5]], []], [], [[[]]], [], [[[2.5, 3.5]]]], "TTree"),
        ([["a", ""], [], ["b" * 300], [], ["µ\0"]], "TTree"),
        ([[["a", ""], []], [], [["b"]], [], []], "TTree"),
        ([[{"x": 1, "y": None}, {"x": 1, "y": 2.5}], [], [], [], []], "RNTuple"),
        ([1.5, None, 2.5, None, None], "RNTuple"),
        ([[1.5], None, [], [2.5], None], "RNTuple"),
        ([[1.5, None], [], [None], [], []], "RNTuple"),
    ],
)
def test_what_fits_a_ttree_and_what_needs_an_rntuple(array: list[Any], kind: str) -> None:
    trees, file = written(tree_of({"x": ak.Array(array)}))
    assert trees[0].kind == kind
    assert_same(read(file["t"], "x"), ak.Array(array))


@pytest.mark.parametrize(
    ("array", "members"),
    [
        ([{"x": 1.5, "n": [3]}] * 5, ["x", "n"]),
        ([{"x": {"y": 1.5}, "n": 3}] * 5, ["x.y", "n"]),
        ([{"x": 1.5}] * 5, ["x"]),
        ([{"x": "a", "n": ["b", ""]}] * 5, ["x", "n"]),
        ([(1, 2.5)] * 5, ["0", "1"]),
        ([[{"x": 1, "y": "s"}], [], [{"x": 2, "y": ""}] * 2, [], []], ["x", "y"]),
        ([[[{"x": [1], "y": {"z": 2.5}}]], [], [[], []], [], []], ["x", "y.z"]),
    ],
)
@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_records_become_branches_of_their_members(array: list[Any], members: list[str], kind: str) -> None:
    records = ak.Array(array)
    trees, file = written(tree_of({"r": records, "r.y": np.arange(5)}, kind=kind), kind="ttree")
    names = [f"r.{member}_" if member == "y" else f"r.{member}" for member in members]
    assert [branch.name for branch in file["t"].branches] == [*names, "r.y"]
    for name, member in zip(names, members, strict=True):
        wanted = records
        for part in member.split("."):
            wanted = wanted[part]
        assert_same(read(file["t"], name), wanted)
    assert any(f"branches of its members: {names[0]}" in note for note in trees[0].notes)


@pytest.mark.parametrize(
    "array", [np.arange(4), ["a", "", "b", "c"], [[1], [], [2, 3], []], [[[1]], [], [], []]]
)
@pytest.mark.parametrize(
    "name", ["a[3]", "a[2].b[3]", "dir:colon", "#1", "why?", "µ/ü", "v<X>.y", "n" * 255, "x[n]/F", "."]
)
def test_names_survive(name: str, array: Any) -> None:
    columns = {name: ak.Array(array), "nested.x": ak.Array([[["a"]], [], [[]], []])}
    trees, file = written(tree_of(columns, path=f"{name.replace('/', '')}/tree of {name.replace('/', '')}"))
    assert trees[0].kind == "TTree"
    tree = key_at(file, trees[0].path, 1).get()
    assert [b.name for b in tree.branches if b.name != f"n{name}"][-2:] == list(columns)
    assert_same(read(tree, name), columns[name])


def test_vectors_and_strings_keep_their_types() -> None:
    types = {
        "std::vector<float>": ak.values_astype(ak.Array([[1.5], []]), np.float32),
        "std::vector<bool>": ak.Array([[True], []]),
        "std::string": ak.Array(["a", ""]),
        "TString": ak.Array(["a", "b" * 300]),
        "std::vector<std::string>": ak.Array([["a"], []]),
        "std::vector<std::vector<int64_t>>": ak.Array([[[1]], []]),
        "std::vector<TString>": ak.Array([["a", ""], []]),
    }
    tree, clusters = tree_of(types)
    for name in types:
        tree = with_branch(tree, name, typename=name, title=f"{name} of a class")
    trees, file = written((tree, clusters))
    assert {b.name: (b.typename, b.title) for b in file["t"].branches} == {
        name: (name, f"{name} of a class") for name in types
    }
    assert trees[0].notes == ()
    for name, array in types.items():
        assert_same(read(file["t"], name), array)


def test_values_are_encoded_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the cluster, and the pieces are one basket."""
    array = ak.Array([[["a", "bc"]], [], [[], ["d" * 300]], [["e"]] * 3, [[""]]])
    sizes = []

    def watched(encoding: object_bytes.Encoding, layout: Any) -> object_bytes.Encoded:
        sizes.append(len(layout))
        return encode(encoding, layout)

    encode = object_bytes.encode
    monkeypatch.setattr(object_bytes, "_PIECE", 1)
    encoding = {"versioned": {"counted": {"counted": {"string": 1}}}, "version": "0009"}
    whole, edges = encode(encoding, object_bytes.packed(array))
    monkeypatch.setattr(object_bytes, "encode", watched)
    pieces, offsets = object_bytes.encode_array(encoding, array)
    assert pieces.tobytes() == whole.tobytes()
    assert offsets.tolist() == edges.tolist()
    assert sizes.count(1) >= len(array)
    _, file = written(tree_of({"x": array}, step=5))
    assert file["t"]["x"].num_baskets == 1
    assert_same(read(file["t"], "x"), array)


def test_classes_of_streamed_branches_are_described() -> None:
    """Readers that know classes only from the file need them; those here are uproot's own."""
    _, file = written(tree_of({"x": ak.Array([[[1]], []]), "y": np.zeros(2)}))
    for name, version, base, model in (
        ("TBranchElement", 10, ("TBranch", 13), TBranch.Model_TBranchElement_v10),
        ("TLeafElement", 1, ("TLeaf", 2), TLeaf.Model_TLeafElement_v1),
    ):
        described = file.file.streamer_named(name, version)
        members = [element.name for element in described.elements]
        assert members[1:] == model.member_names
        assert (members[0], described.elements[0].base_version) == base
    assert file.file.streamer_named("TTree") is not None


def test_sets_and_maps_become_vectors() -> None:
    numbers, pairs = ak.Array([[1, 2], []]), ak.Array([[(1, "a"), (2, "")], []])
    lists = pairs.layout
    entries = lists.content.copy(parameters={"__array__": "sorted_map"})
    columns = {
        "s": ak.with_parameter(numbers, "__array__", "set"),
        "m": ak.Array(lists.copy(content=entries)),
    }
    trees, file = written(tree_of(columns))
    assert {b.name: b.typename for b in file["t"].branches} == {
        "s": "std::vector<int64_t>",
        "m.first": "std::vector<int64_t>",
        "m.second": "std::vector<std::string>",
    }
    assert_same(read(file["t"], "s"), numbers)
    assert_same(read(file["t"], "m.second"), pairs["1"])
    assert len(trees[0].notes) == 2


def test_special_values_keep_their_bits() -> None:
    bits = np.array([0x7FF8000000000001, 0xFFF0000000000000, 1 << 63, 1, 0x7FF0000000000000], "u8")
    for kind in ("TTree", "RNTuple"):
        _, file = written(tree_of({"x": bits.view("f8")}, kind=kind))
        assert np.array_equal(read(file["t"], "x").to_numpy().view("u8"), bits)


@pytest.mark.parametrize("dtype", ["c8", "c16", "M8[s]"])
def test_numbers_without_a_root_type_are_refused_by_name(dtype: str) -> None:
    with pytest.raises(SourceError) as error:
        written(tree_of({"x": np.zeros(3).astype(dtype), "y": np.zeros(3)}))
    assert f"tree 't' does not fit an RNTuple: x (): {np.dtype(dtype)} has no field type" in str(error.value)
    assert "y (" not in str(error.value)


def test_unusual_layouts_come_back_by_value() -> None:
    category = ak.contents.IndexedArray(
        ak.index.Index64(np.array([1, 0, 1])),
        ak.Array(["a", "b"]).layout,
        parameters={"__array__": "categorical"},
    )
    columns = {
        "bytes": ak.Array([b"a", b"", b"\xff\0"]),
        "category": ak.Array(category),
        "union": ak.Array([1, "a", [2.5]]),
        "empty": ak.Array([[], [], []]),
        "nothing": np.zeros((3, 0)),
        "fieldless": ak.Array([{}] * 3),
    }
    trees, file = written(tree_of(columns))
    back = {name: read(file["t"], name).to_list() for name in columns}
    assert back["bytes"] == [[97], [], [255, 0]]
    assert back["category"] == ["b", "a", "b"]
    assert back["union"] == [1, "a", [2.5]]
    assert back["empty"] == back["nothing"] == [[], [], []]
    assert back["fieldless"] == [()] * 3
    assert any(note.startswith("empty:") and "unknown type" in note for note in trees[0].notes)
    assert any(note.startswith("bytes:") for note in trees[0].notes)


def test_the_anchor_is_described_as_root_does_it() -> None:
    _, file = written(tree_of({"x": np.arange(3)}, kind="RNTuple"))
    info = file.file.streamers["ROOT::RNTuple"][2]
    with uproot.open(data_path("coverage", "ntpl001_staff_rntuple_v1-0-0-0.root")) as by_root:
        expected = by_root.file.streamers["ROOT::RNTuple"][2]
        assert info.member("fCheckSum") == expected.member("fCheckSum")
        for one, other in zip(info.elements, expected.elements, strict=True):
            for member in ("fName", "fType", "fSize", "fTypeName", "fArrayLength"):
                assert one.member(member) == other.member(member)


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_trees_without_entries(kind: Any) -> None:
    columns = {"x": ak.Array([[1.5]])[:0], "s": ak.Array(["a"])[:0], "n": np.zeros(0, "i2")}
    _, file = written(tree_of(columns), kind=kind)
    assert file["t"].num_entries == 0
    for name, array in columns.items():
        assert_same(read(file["t"], name), ak.Array(array))


def test_directories_cycles_and_file_objects() -> None:
    one, two = tree_of({"x": np.arange(3.0)}, path="a/b/t"), tree_of({"x": np.arange(5.0)}, path="a/b/t")
    trees, file = written(one, two, tree_of({"x": np.arange(2.0)}))
    assert [tree.path for tree in trees] == ["a/b/t", "a/b/t", "t"]
    assert [file[f"a/b/t;{cycle}"].num_entries for cycle in (1, 2)] == [3, 5]
    # ROOT takes the first of the list when no cycle is given.
    assert file["a/b"].keys() == ["t;2", "t;1"]


@pytest.mark.parametrize("compression", ["none", "zlib-1", "lzma-9", "lz4-1", "zstd-5"])
def test_compression_of_the_output(compression: str, tmp_path: Path) -> None:
    column = np.zeros(50000)
    write_root(tmp_path / "x.root", [tree_of({"x": column}, step=50000)], compression=compression)
    size = (tmp_path / "x.root").stat().st_size
    assert size > column.nbytes if compression == "none" else size < column.nbytes / 4
    with uproot.open(tmp_path / "x.root") as file:
        assert np.array_equal(file["t"]["x"].array(library="np"), column)


@pytest.mark.parametrize("setting", ["zstd", "zstd-0", "zlib-10", "lzma-", "brotli-5", "ZSTD-5", ""])
def test_unknown_compression_is_refused(setting: str) -> None:
    with pytest.raises(ConfigError, match="choose none, zlib-1 to zlib-9"):
        compression_of(setting)


def test_a_refusal_names_every_branch_and_cause() -> None:
    columns = {"good": np.zeros(2), "nested": ak.Array([[[1, None]], []]), "maybe": ak.Array([1, None])}
    with pytest.raises(SourceError) as error:
        written(tree_of(columns), kind="ttree")
    assert "nested" in str(error.value)
    assert "maybe" in str(error.value)
    assert "good" not in str(error.value)


def test_clusters_that_disagree_are_refused() -> None:
    tree, _ = tree_of({"x": np.zeros(4), "y": np.zeros(4)})
    short = {0: ak.Array(np.zeros(2)), 1: ak.Array(np.zeros(2))}
    with pytest.raises(OutputError, match="2 entries instead of 4"):
        written((tree, lambda: iter([short])))
    with pytest.raises(OutputError, match="differ in length"):
        written((tree, lambda: iter([{**short, 1: ak.Array(np.zeros(3))}])))


def test_branches_that_were_not_carried_are_named() -> None:
    tree, clusters = tree_of({"x": np.zeros(2)})
    tree = replace(tree, branches=(*tree.branches, Branch("y", None, "TH1D", missing="no interpretation")))
    trees, file = written((tree, clusters))
    assert trees[0].notes[-1] == "y: not carried (no interpretation)"
    assert file["t"].keys() == ["x"]


@pytest.mark.parametrize("kind", ["TTree", "RNTuple"])
def test_a_tree_none_of_whose_branches_was_carried(kind: Any) -> None:
    tree = Tree("t", 1, kind, "", 3, (Branch("y", None, "TH1D", missing="no interpretation"),))
    trees, file = written((tree, lambda: iter([{}])))
    assert file["t"].keys() == []
    assert file["t"].num_entries == (3 if kind == "TTree" else 0)
    assert trees[0].kind == kind


def test_no_cluster_is_held_longer_than_needed() -> None:
    alive: list[int] = []

    class Watched(dict[int, ak.Array]):
        def __init__(self, number: int) -> None:
            super().__init__({0: ak.Array(np.full(2000, float(number)))})
            alive.append(number)

        def __del__(self) -> None:
            alive.remove(id(self) and int(self[0][0]))

    most = 0

    def clusters() -> Iterator[dict[int, ak.Array]]:
        nonlocal most
        for number in range(6):
            most = max(most, len(alive))
            yield Watched(number)

    tree, _ = tree_of({"x": np.zeros(12000)})
    written((tree, clusters))
    assert most <= 2


arrays = st.lists(
    st.lists(st.tuples(st.floats(width=32), st.integers(-(2**31), 2**31 - 1)), max_size=4),
    min_size=1,
    max_size=12,
)


@given(rows=arrays, step=st.integers(1, 12), words=st.lists(st.text(max_size=3), min_size=1, max_size=12))
def test_any_lists_and_strings_in_any_clusters(rows: list[Any], step: int, words: list[str]) -> None:
    lengths = [len(row) for row in rows]
    flat = [pair for row in rows for pair in row]
    columns = {
        "x": ak.unflatten(np.array([p[0] for p in flat], "f4"), lengths),
        "i": ak.unflatten(np.array([p[1] for p in flat], "i4"), lengths),
        "w": ak.Array([words[i % len(words)] for i in range(len(rows))]),
    }
    for kind in ("ttree", "rntuple"):
        _, file = written(tree_of(columns, step), kind=kind)
        for name, array in columns.items():
            assert_same(read(file["t"], name), array)
