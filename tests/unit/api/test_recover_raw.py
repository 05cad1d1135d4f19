"""Raw branches and indices after a recovery: each entry has its bytes, and no index numbers other entries."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.api.recovered_baskets import BYTES_LOST, RecoveredBaskets
from baler_root.api.recovered_cluster import RecoveredCluster
from baler_root.errors import OutputError
from baler_root.format.cluster_decoder import DecodedColumns
from baler_root.format.columns.form_columns import tree_columns
from baler_root.format.container.read import PageId
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.raw.basket_key import MAX_KEY_SIZE
from baler_root.rootio.raw.raw_branch import OTHER_OFFSETS
from tests.promises.damaged_files import Original, original, recover
from tests.unit.rootio.test_raw_branches import PAIRS, write_odd_leaves
from tests.unit.rootio.test_tree_tail import info_of, named, written_tree


def compressed(root: Path, cluster_size: int) -> Original:
    path = root.with_suffix(".baler")
    baler_root.compress(root, path, cluster_size=cluster_size, codec="classic")
    return original(path)


@pytest.fixture(scope="module", params=[5, 10, 16])
def odd_leaves(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A raw branch of three baskets, which begin in entries 0, 7 and 20."""
    folder = tmp_path_factory.mktemp("raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler_root.compression.page_groups.SOLO_SIZE", 30)
        patch.setattr("baler_root.compression.page_groups.GROUP_SIZE", 60)
        return compressed(write_odd_leaves(folder / "a.root"), request.param)


def check_entries(path: Path, folder: Path) -> int:
    """The entries of all trees have the bytes that they had; returns the number of those with bytes."""
    baler_root.decompress(path, folder / "saved.root", overwrite=True)
    checked = 0
    with uproot.open(folder / "saved.root") as file:
        for tree in file.values():
            if {"number", "odd"} <= set(tree.keys()):
                branch = tree["odd"]
                data = b"".join(branch.basket(n).data.tobytes() for n in range(branch.num_baskets))
                places = tree["number"].array(library="np")
                assert data == PAIRS[places].tobytes()
                assert branch.num_entries == len(places)
                checked += len(places)
    return checked


def test_entries_keep_their_bytes_behind_damaged_clusters(odd_leaves: Original, tmp_path: Path) -> None:
    """For each page, and each two pages, of any cluster."""
    pages = list(odd_leaves.pages)
    damages = [(page,) for page in pages] + list(combinations(pages, 2))[:: max(1, len(pages) // 4)]
    checked = 0
    for damage in damages:
        result = recover(odd_leaves.spoil(*damage), tmp_path)
        assert baler_root.verify(result.target).ok
        checked += check_entries(result.target, tmp_path)
    assert checked > len(PAIRS)


def raw_tree(**record: int) -> Tree:
    """A tree with one raw branch."""
    characters = {"class": "NumpyArray", "primitive": "uint8", "parameters": {"__array__": "byte"}}
    text = {
        "class": "ListOffsetArray",
        "offsets": "i64",
        "content": characters,
        "parameters": {"__array__": "bytestring"},
    }
    numbers = {"class": "NumpyArray", "primitive": "uint32"}
    form = {"class": "RecordArray", "fields": ["bytes", "basket"], "contents": [text, numbers]}
    branch = Branch("b", None, "X", form=form, raw="unknown", record={"class": "TBranch", **record})
    return Tree("t", 1, "TTree", "", 0, (branch,))


def baskets_of(tree: Tree) -> RecoveredBaskets:
    recovery: Any = SimpleNamespace(tree=SimpleNamespace(schema=tree), columns=tree_columns(tree))
    return RecoveredBaskets(recovery)


def cluster(tree: Tree, lengths: list[int], baskets: list[int], data: bytes = b"") -> RecoveredCluster:
    parts = {
        "counts": np.array(lengths, np.int64),
        "bytes": np.frombuffer(data or bytes(sum(lengths)), np.uint8),
        "basket": np.array(baskets, np.uint32),
    }
    names = ["counts" if column.role == "counts" else column.field for column in tree_columns(tree)]
    return RecoveredCluster(
        len(lengths), {}, decoded=DecodedColumns({}, {}, {n: parts[name] for n, name in enumerate(names)})
    )


def first_position(content: RecoveredCluster) -> int:
    assert content.decoded is not None
    (values,) = (values for values in content.decoded.values.values() if values.dtype == np.uint32)
    return int(values[0])


def test_a_position_is_exact_if_the_clusters_in_front_are_whole() -> None:
    tree = raw_tree(fEntryOffsetLen=100)
    baskets = baskets_of(tree)
    baskets.add(0, cluster(tree, [4, 5], [70, 0]))
    inside = cluster(tree, [6, 1, 2], [0, 0, 75])
    assert first_position(baskets.started(inside)) == 70 + 9
    baskets.add(1, inside)
    long = cluster(tree, [MAX_KEY_SIZE], [0])
    assert first_position(baskets.started(long)) == 75 + 2
    baskets.add(2, long)
    behind = cluster(tree, [4, 0], [0, 0], data=b"\xff\xff\xff\xff")
    assert first_position(baskets.started(behind)) == 75  # a key cannot be so large
    assert "t: b: the positions of some bytes in their basket are lost" in baskets.notes[0]
    baskets.add(9, behind)
    assert first_position(baskets.started(cluster(tree, [1], [0]))) == 75
    assert len(baskets.notes) == 1


def test_a_position_is_possible_if_no_basket_is_left() -> None:
    tree = raw_tree(fEntryOffsetLen=100)
    baskets = baskets_of(tree)
    inside = cluster(tree, [1, 2], [0, 0])
    assert baskets.lost_behind_gap(inside) == {}
    assert first_position(baskets.started(inside)) > 60
    assert baskets.notes == []


@pytest.mark.parametrize("record", [{}, {"fEntryOffsetLen": 100, "fIOBits": 1}])
def test_bytes_in_the_first_entry_of_a_lost_basket_are_lost(record: dict[str, int]) -> None:
    """Baskets without offsets have all bytes in their first entry."""
    tree = raw_tree(**record)
    baskets = baskets_of(tree)
    baskets.add(0, cluster(tree, [10, 0], [70, 0]))
    assert baskets.lost_behind_gap(cluster(tree, [0, 0, 7, 0], [0, 0, 70, 0])) == {0: BYTES_LOST}
    assert baskets.lost_behind_gap(cluster(tree, [7, 0], [70, 0])) == {}
    assert baskets.lost_behind_gap(cluster(tree, [4, 4], [0, 0])) == {}


def test_baskets_unlike_their_branch_stay_so() -> None:
    """A basket without offsets may have all bytes in its first entry, also if its branch has offsets."""
    tree = raw_tree(fEntryOffsetLen=100)
    baskets = baskets_of(tree)
    empty = cluster(tree, [0, 0], [0, 0])
    baskets.add(0, cluster(tree, [10, 0], [70, 0]))
    assert baskets.lost_behind_gap(empty) == {}
    assert baskets.lost_behind_gap(cluster(tree, [0, 7], [0, 70 + OTHER_OFFSETS])) == {0: BYTES_LOST}
    baskets.add(1, cluster(tree, [10, 0], [70 + OTHER_OFFSETS, 0]))
    assert baskets.lost_behind_gap(empty) == {0: BYTES_LOST}
    inside = cluster(tree, [4, 5], [0, 0])
    assert first_position(baskets.started(inside)) == 80 + OTHER_OFFSETS
    baskets.add(9, inside)
    assert first_position(baskets.started(inside)) == 70


def test_offsets_of_a_branch_without_any_stay() -> None:
    tree = raw_tree()
    baskets = baskets_of(tree)
    inside = cluster(tree, [4, 5], [0, 0])
    baskets.add(0, cluster(tree, [1, 2], [70 + OTHER_OFFSETS, 0]))
    assert first_position(baskets.started(inside)) == 73 + OTHER_OFFSETS
    baskets.add(9, inside)
    assert first_position(baskets.started(inside)) == 70 + OTHER_OFFSETS


def test_a_branch_that_was_never_filled_stays_so() -> None:
    tree = raw_tree()
    baskets = baskets_of(tree)
    empty = cluster(tree, [0, 0], [0, 0])
    baskets.add(0, empty)
    assert baskets.lost_behind_gap(empty) == {}
    assert baskets.started(empty) is empty


def test_entries_without_a_basket_are_not_written(
    odd_leaves: Original, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that an earlier version recovered have them."""
    monkeypatch.setattr(RecoveredBaskets, "started", lambda _, content: content)
    result = recover(odd_leaves.spoil(*(page for page in odd_leaves.pages if page.cluster == 0)), tmp_path)
    with pytest.raises(OutputError, match=r"tree 't': the baskets of the raw branch 'odd' have \d+ of \d+"):
        baler_root.decompress(result.target, tmp_path / "b.root")
    assert not (tmp_path / "b.root").exists()


@pytest.mark.parametrize(
    ("name", "cluster_size"), [("uproot-issue-880.root", 50), ("uproot-small-dy-nooffsets.root", 100)]
)
def test_real_files_keep_the_bytes_of_their_entries(
    name: str, cluster_size: int, data_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Each raw branch of the saved file has the bytes of the clusters that are left, or is named as lost."""
    source = data_file("coverage", name)
    whole = compressed_copy(source, tmp_path, cluster_size)
    result = recover(whole.spoil(*(page for page in whole.pages if page.cluster == 0)), tmp_path)
    baler_root.decompress(result.target, tmp_path / "b.root")
    compared = 0
    with (
        baler_root.open(whole.path) as before,
        baler_root.open(result.target) as after,
        uproot.open(tmp_path / "b.root") as written,
    ):
        for path in result.entries:
            if "_part" in path or not result.entries[path]:
                continue
            first = before[path].num_entries - result.entries[path]
            for branch, saved in after[path].items():
                if saved.interpretation == "raw bytes":
                    assert saved.array().to_list() == before[path][branch].array(first).to_list()
                    assert written[path][branch].num_entries in (0, result.entries[path])
                    compared += 1
    assert compared


def compressed_copy(source: Path, folder: Path, cluster_size: int) -> Original:
    (folder / "a.root").write_bytes(source.read_bytes())
    return compressed(folder / "a.root", cluster_size)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Original:
    folder = tmp_path_factory.mktemp("indexed")
    return compressed(written_tree(folder / "a.root", info_of(named("TNamed")), named("TTreeIndex")), 10)


def members_of(path: Path) -> dict[str, list[str]]:
    return {tree["path"]: tree["members"] for tree in baler_root.inspect(path)["trees"]}


@pytest.mark.parametrize("number", range(5))
def test_an_index_is_left_out_if_a_cluster_is_lost(number: int, indexed: Original, tmp_path: Path) -> None:
    result = recover(indexed.spoil(PageId(0, number, 0)), tmp_path)
    assert members_of(result.target) == {"t": ["user info"]}
    assert "t: left out: index values, index numbers, index" in " ".join(result.notes)


def test_an_index_stays_if_all_clusters_are_left(indexed: Original, tmp_path: Path) -> None:
    result = recover(indexed.data[:-20], tmp_path)
    assert members_of(result.target) == members_of(indexed.path)
    assert result.notes == ()


def test_an_index_is_left_out_if_nobody_knows_the_clusters(indexed: Original, tmp_path: Path) -> None:
    """Without a page table, more clusters may be lost than those that are missing."""
    result = recover(indexed.data[: indexed.footer], tmp_path, like=indexed.path)
    assert members_of(result.target) == {"t": ["user info"]}
