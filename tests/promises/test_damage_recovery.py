"""Recovery of what is undamaged: any truncation or damage loses at most the pages that it touches."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import CorruptFileError, OutputError
from baler_root.format.container.layout import TRAILER, BlockKind
from baler_root.format.container.read import open_container
from tests.conftest import flat_columns, jagged_columns
from tests.helpers.forge import Forger


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four clusters in several pages each, a second tree, a histogram; too small to hold its schema twice."""
    folder = tmp_path_factory.mktemp("recovery")
    root, path = folder / "in.root", folder / "whole.baler"
    columns = {**flat_columns(200), "Muon": jagged_columns(200)["Muon"]}
    columns["noise"] = np.random.default_rng(0).random((200, 300))
    with uproot.recreate(root) as file:
        types = {
            k: np.dtype((v.dtype, v.shape[1:])) if isinstance(v, np.ndarray) else ak.type(v).content
            for k, v in columns.items()
        }
        file.mktree("Events", types)
        file["Events"].extend(columns)
        file["dir/h"] = np.histogram([1.0, 2.0])
    baler_root.compress(root, path, cluster_size=50, codec="classic")
    return path


def saved_entries(path: Path, whole: Path, entries: int) -> None:
    """The file is sound, and holds `entries` entries of the whole one, in order."""
    assert baler_root.verify(path).ok
    with open_file(path) as file, open_file(whole) as original:
        tree, first = file.trees[0], original.trees[0]
        assert tree.schema.num_entries == entries
        assert file.metadata["recovered"] is True
        branches = tree.schema.stored()
        found = tree.read(branches, 0, entries)
        expected = first.read(branches, 0, 200)
        starts = np.searchsorted(ak.to_numpy(expected[0]), ak.to_numpy(found[0]))
        for branch in branches:
            assert ak.array_equal(found[branch], expected[branch][starts], equal_nan=True)


def block_ends(path: Path) -> tuple[list[int], list[int]]:
    """Ends of all blocks, and of the last page of each cluster."""
    with open_container(path) as container:
        rows = [(page, container.pages[container.page_row(page)]) for page in container.page_ids()]
        pages = [(page.cluster, int(row["offset"]) + int(row["size"])) for page, row in rows]
        others = [offset + size for _, _, offset, size in container.manifest.blocks]
        clusters = [max(end for number, end in pages if number == cluster) for cluster in range(4)]
        return sorted([*(end for _, end in pages), *others, container.size - TRAILER.size]), clusters


def starts(path: Path) -> list[int]:
    """Ends of the first page of each cluster: with it, some branches of the cluster are whole."""
    with open_container(path) as container:
        rows = [container.pages[container.page_row(page)] for page in container.page_ids() if page.group == 0]
    return [int(row["offset"]) + int(row["size"]) - 1 for row in rows]


def test_truncated_anywhere(whole: Path, tmp_path: Path) -> None:
    """Pages before the cut come back: cut at the end of each block, one byte before, one after."""
    data = whole.read_bytes()
    ends, clusters = block_ends(whole)
    assert len(ends) >= 8
    broken, target = tmp_path / "broken.baler", tmp_path / "saved.baler"
    for size in sorted({end + shift for end in ends for shift in (-1, 0, 1)}):
        broken.write_bytes(data[:size])
        kept = sum(end <= size for end in clusters)
        partly = sum(start < size for start in starts(whole)) > kept
        if not (kept or partly):
            with pytest.raises(CorruptFileError, match="no cluster is whole"):
                baler_root.recover(broken, target, like=whole, overwrite=True)
            continue
        result = baler_root.recover(broken, target, like=whole, overwrite=True)
        assert sum(result.clusters.values()) == kept + partly
        assert sum(result.entries.values()) == 50 * (kept + partly)
        if kept:
            assert (result.clusters["Events"], result.entries["Events"]) == (kept, 50 * kept)
            saved_entries(target, whole, 50 * kept)


def test_a_flipped_byte_costs_one_page(whole: Path, tmp_path: Path) -> None:
    data = whole.read_bytes()
    with open_container(whole) as container:
        places = [
            (p.cluster, int(r["offset"]) + int(r["size"]) // 2)
            for p in container.page_ids()
            for r in [container.pages[container.page_row(p)]]
        ]
        assert container.read_block(BlockKind.SCHEMA) is None
    for cluster, place in places:
        broken, target = tmp_path / "broken.baler", tmp_path / "saved.baler"
        broken.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        result = baler_root.recover(broken, target, overwrite=True)
        assert result.clusters == {"Events": 3, "Events_part2": 1}, cluster
        assert [loss.entries for loss in result.lost] == [(50 * cluster, 50 * cluster + 50)]
        saved_entries(target, whole, 150)


def test_a_lost_trailer_costs_nothing(whole: Path, tmp_path: Path) -> None:
    """The footer is found by its own mark; histograms and directories come back with it."""
    broken = tmp_path / "broken.baler"
    broken.write_bytes(whole.read_bytes()[: -TRAILER.size])
    target = tmp_path / "saved.baler"
    assert baler_root.recover(broken, target).entries == {"Events": 200}
    saved_entries(target, whole, 200)
    with baler_root.open(target) as file:
        assert file["dir/h"].values().tolist() == np.histogram([1.0, 2.0])[0].tolist()
        assert "dir;1" in list(file.keys())


def test_bytes_in_front_cost_nothing(whole: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.baler"
    broken.write_bytes(b"junk" * 100 + whole.read_bytes())
    baler_root.recover(broken, tmp_path / "saved.baler")
    saved_entries(tmp_path / "saved.baler", whole, 200)


def test_a_large_file_holds_its_schema_twice(make_root: Callable[..., Path], tmp_path: Path) -> None:
    """Without footer and without `like`."""
    rng = np.random.default_rng(0)
    root = make_root("a.root", t={"x": rng.integers(0, 2**63, 60_000)})
    path, target = tmp_path / "a.baler", tmp_path / "b.baler"
    baler_root.compress(root, path, cluster_size=20_000)
    with open_container(path) as container:
        assert container.read_block(BlockKind.SCHEMA) is not None
        cut = container.trailer.footer_offset
    broken = tmp_path / "broken.baler"
    broken.write_bytes(path.read_bytes()[: cut - 10])
    assert baler_root.recover(broken, target).entries == {"t": 60_000}
    with baler_root.open(target) as file, uproot.open(root) as original:
        assert file["t"]["x"].array().to_list() == original["t"]["x"].array().to_list()


def test_without_any_schema_a_like_file_is_asked_for(whole: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.baler"
    broken.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(CorruptFileError, match="name a whole file of the same trees with --like"):
        baler_root.recover(broken, tmp_path / "saved.baler")
    assert not (tmp_path / "saved.baler").exists()
    other = tmp_path / "like.baler"
    other.write_bytes(whole.read_bytes())
    baler_root.recover(broken, tmp_path / "saved.baler", like=other)
    saved_entries(tmp_path / "saved.baler", whole, 200)


def test_nothing_to_save(whole: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.baler"
    for data in (b"", b"no such thing" * 100, whole.read_bytes()[:300]):
        broken.write_bytes(data)
        with pytest.raises(CorruptFileError, match="no cluster is whole"):
            baler_root.recover(broken, tmp_path / "saved.baler", like=whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.baler"]


def test_output_rules(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"kept")
    with pytest.raises(OutputError, match="exists already"):
        baler_root.recover(whole, tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"kept"


def test_errors_made_are_unknown_and_bounds_still_known(whole: Path, tmp_path: Path) -> None:
    baler_root.recover(whole, tmp_path / "saved.baler")
    before, after = (
        baler_root.inspect(path)["trees"][0]["branches"] for path in (whole, tmp_path / "saved.baler")
    )
    for one, other in zip(before, after, strict=True):
        assert one.get("bound") == other.get("bound")
        if "bound" in other:
            assert np.isnan(other["max_error"])
    json.dumps(after)


def test_cycles_that_share_pages(whole: Path, tmp_path: Path, make_root: Callable[..., Path]) -> None:
    """Two cycles of a tree with the same baskets: both come back, with as many entries as were saved."""
    root = make_root("a.root", t={"x": np.arange(300)})
    baler_root.compress(root, tmp_path / "one.baler", cluster_size=100)

    def twice(document: dict[str, list[dict[str, object]]]) -> None:
        tree = document["trees"][0]
        document["trees"].append(
            {
                **tree,
                "cycle": 2,
                "same_as": 0,
                "clusters": [],
                "layout": [],
                "layouts": [],
                "lists": [],
                "tables": [],
            }
        )

    both = Forger(tmp_path / "one.baler").write(tmp_path / "both.baler", manifest=twice)
    assert baler_root.verify(both).ok
    data = bytearray(both.read_bytes())
    with open_container(both) as container:
        data[int(container.pages[0]["offset"]) + 50] ^= 1
    (tmp_path / "broken.baler").write_bytes(data)
    result = baler_root.recover(tmp_path / "broken.baler", tmp_path / "saved.baler")
    assert (result.clusters, result.entries) == ({"t": 2}, {"t": 200})
    with baler_root.open(tmp_path / "saved.baler") as file:
        for key in ("t;1", "t;2"):
            assert file[key]["x"].array().to_list() == list(range(100, 300))
