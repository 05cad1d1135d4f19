"""Trees written to ROOT come back through uproot as they were, as TTree where one fits and as RNTuple otherwise."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import ConfigError, OutputError, SourceError
from baler_root.format.columns import plain_form
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.rntuple import plan_rntuple
from baler_root.rootio.source import RootSource
from baler_root.rootio.ttree_layout import plan_ttree
from baler_root.rootio.write import TreeWritten, compression_of, same_values, write_root
from tests.conftest import data_path

Clusters = Callable[[], Iterator[dict[int, ak.Array]]]

NUMBERS = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def tree_of(columns: dict[str, Any], step: int = 2, **schema: Any) -> tuple[Tree, Clusters]:
    """A tree of these columns at top level, in clusters of `step` entries; `schema` are fields of `Tree`."""
    arrays = [a if isinstance(a, ak.Array) else ak.Array(ak.contents.NumpyArray(a)) for a in columns.values()]
    branches = tuple(Branch(n, None, "", form=plain_form(a)) for n, a in zip(columns, arrays, strict=True))
    length = len(arrays[0])

    def clusters() -> Iterator[dict[int, ak.Array]]:
        for start in range(0, length, step):
            yield {i: a[start : start + step] for i, a in enumerate(arrays)}

    defaults = {
        "path": "t",
        "cycle": 1,
        "kind": "TTree",
        "title": "",
        "num_entries": length,
        "branches": branches,
    }
    return Tree(**{**defaults, **schema}), clusters


def with_branch(tree: Tree, name: str, **changes: Any) -> Tree:
    """The tree with fields of one branch changed."""
    return replace(
        tree, branches=tuple(replace(b, **changes) if b.name == name else b for b in tree.branches)
    )


def written(
    *trees: tuple[Tree, Clusters], **options: Any
) -> tuple[list[TreeWritten], uproot.ReadOnlyDirectory]:
    """What `write_root` says, and the file opened again."""
    file = io.BytesIO()
    return write_root(file, trees, **options), uproot.open(io.BytesIO(file.getvalue()))


def read(tree: Any, name: str) -> ak.Array:
    """One branch or field, by its own name."""
    items = tree.branches if hasattr(tree, "branches") else tree.fields
    return next(item for item in items if item.name == name).array()


def assert_same(one: ak.Array, other: ak.Array) -> None:
    assert one.type.content.is_equal_to(other.type.content, all_parameters=False)
    assert ak.array_equal(one, other, equal_nan=True, dtype_exact=True, check_parameters=False)


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
        ([{"x": 1.5, "n": [3]}] * 5, "RNTuple"),
        ([{"x": {"y": 1.5}, "n": 3}] * 5, "RNTuple"),
        ([{"x": 1.5}] * 5, "RNTuple"),
        ([(1, 2.5)] * 5, "RNTuple"),
        ([[[1]], [], [[], [2, 3]], [[]], [[4]]], "RNTuple"),
        ([["a", ""], [], ["b"], [], ["c"]], "RNTuple"),
        ([[{"x": 1, "y": "s"}], [], [], [], []], "RNTuple"),
        ([1.5, None, 2.5, None, None], "RNTuple"),
        ([[1.5], None, [], [2.5], None], "RNTuple"),
        ([[1.5, None], [], [None], [], []], "RNTuple"),
    ],
)
def test_what_fits_a_ttree_and_what_needs_an_rntuple(array: list[Any], kind: str) -> None:
    trees, file = written(tree_of({"x": ak.Array(array)}))
    assert trees[0].kind == kind
    assert_same(read(file["t"], "x"), ak.Array(array))


def test_special_values_keep_their_bits() -> None:
    bits = np.array([0x7FF8000000000001, 0xFFF0000000000000, 1 << 63, 1, 0x7FF0000000000000], "u8")
    for kind in ("TTree", "RNTuple"):
        _, file = written(tree_of({"x": bits.view("f8")}, kind=kind))
        assert np.array_equal(read(file["t"], "x").to_numpy().view("u8"), bits)


@pytest.mark.parametrize("dtype", ["f2", "c8", "c16", "M8[s]"])
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
    assert [f.name for f in file["t"].fields] == ["a_b", "a_b_2", "a_b_3", "a_b_4", "c_d", "e"]
    assert file["t"]["a_b_2"].description == "[a/b]"
    assert len(trees[0].notes) == 5


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
    columns = {"good": np.zeros(2), "nested": ak.Array([[[1]], []]), "maybe": ak.Array([1, None])}
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


FILES = [
    ("real", "cms_nano_2015_ttbar_200.root"),
    ("real", "delphes_z91_100.root"),
    ("real", "atlas_4lep_data_A.root"),
    ("real", "double32_demo_40k.root"),
    ("real", "cms_scouting_nano_40.root"),
    ("coverage", "uproot-HZZ-lz4.root"),
    ("coverage", "uproot-Zmumu.root"),
    ("coverage", "uproot-leaflist.root"),
    ("coverage", "uproot-vectorVectorDouble.root"),
    ("coverage", "uproot-issue-60.root"),
    ("coverage", "uproot-issue-172.root"),
    ("coverage", "uproot-issue243-new.root"),
    ("coverage", "uproot-small-evnt-tree-nosplit.root"),
    ("coverage", "uproot-sample-6.20.04-uncompressed.root"),
    ("coverage", "test_emptystruct_invalidvar_rntuple_v1-0-0-0.root"),
    ("coverage", "test_class_inheritance_rntuple_v1-0-0-1.root"),
    ("coverage", "ntpl001_staff_rntuple_v1-0-0-0.root"),
    ("coverage", "test_float_types_rntuple_v1-0-0-0.root"),
]


@pytest.mark.parametrize(("folder", "name"), FILES, ids=[name for _, name in FILES])
def test_real_files_come_back(folder: str, name: str) -> None:
    with RootSource(data_path(folder, name)) as source:
        trees = [source.open_tree(key) for key in source.tree_keys()]
        data = [tree.read(tree.schema.stored(), 0, tree.schema.num_entries) for tree in trees]
    file = io.BytesIO()
    schemas = [tree.schema for tree in trees]

    def parts(position: int) -> Clusters:
        step = max(1, -(-schemas[position].num_entries // 2))
        starts = range(0, schemas[position].num_entries, step)
        return lambda: ({i: a[s : s + step] for i, a in data[position].items()} for s in starts)

    results = write_root(file, [(schema, parts(i)) for i, schema in enumerate(schemas)])
    with uproot.open(file) as back:
        for result, schema, arrays in zip(results, schemas, data, strict=True):
            cycle = [s.path for s in schemas[: schemas.index(schema) + 1]].count(schema.path)
            tree = back[f"{schema.path};{cycle}"]
            assert tree.num_entries == schema.num_entries
            if result.kind == "TTree":
                plan = plan_ttree(schema, arrays)
                items = dict(zip([b.source for b in plan.branches], tree.branches, strict=False))
                if not any("with counter" in note for note in result.notes):
                    assert [b.source for b in plan.branches] == schema.stored()
            else:
                items = dict(zip(plan_rntuple(schema).fields, tree.fields, strict=True))
            for position, array in arrays.items():
                assert same_values(items[position].array(), array), schema.path_of(position)
