"""Recovery of pages: damage loses the pages that it touches, and no page of another file replaces them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import CorruptFileError
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.read import PageId, open_container
from tests.helpers.forge import Forger
from tests.promises.damaged_files import (
    CLUSTERS,
    ENTRIES,
    Original,
    arrays,
    check_saved,
    clusters_of,
    columns,
    compressed,
    original,
    recover,
)


def test_a_page_lost_from_one_cluster_loses_its_branches(tmp_path: Path) -> None:
    whole = compressed(tmp_path / "a", ENTRIES, Events=columns(1))
    assert {page.cluster for page in whole.pages} == {0}
    branches = set(whole.clusters["Events"][0])
    lost_once: list[str] = []
    for page in whole.pages:
        result = recover(whole.spoil(page), tmp_path)
        assert (result.clusters, result.entries) == ({"Events": 1}, {"Events": ENTRIES})
        check_saved(result, whole)
        lost = {name for loss in result.lost for name in loss.branches}
        assert {loss.entries for loss in result.lost} == {(0, ENTRIES)}
        assert set(arrays(result.target)["Events"][0]) == branches - lost
        assert 0 < len(lost) < len(branches)
        lost_once += lost
        with open_file(result.target) as file:  # the names stay, with the reason
            missing = {b.name: b.missing for b in file.trees[0].schema.branches if b.missing}
        assert missing == dict.fromkeys(lost, "lost: page damaged or missing")
    assert set(lost_once) == branches


def test_clusters_that_lack_the_same_branches_make_a_tree(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    whole, _ = originals
    last = max(page.group for page in whole.pages if page.tree == 0)
    result = recover(whole.spoil(PageId(0, 0, last), PageId(0, 2, last), PageId(0, 1, 1)), tmp_path)
    check_saved(result, whole)
    assert sorted(result.clusters.items()) == [("Events", 2), ("Events_part2", 1), ("Lumi", 1)]
    size = ENTRIES // CLUSTERS
    assert [(loss.clusters, loss.entries, loss.saved_as) for loss in result.lost] == [
        ((0, 1), (0, size), "Events"),
        ((1, 2), (size, 2 * size), "Events_part2"),
        ((2, 3), (2 * size, 3 * size), "Events"),
    ]
    saved = baler_root.inspect(result.target)
    assert saved["provenance"]["recovery"]["lost"][0]["branches"] == list(result.lost[0].branches)


def test_columns_computed_from_lost_ones_are_lost(tmp_path: Path) -> None:
    """A sum whose terms are in a lost page has no values; a copy is kept under its new number."""
    rng = np.random.default_rng(0)
    data: dict[str, Any] = {f"n{i}": rng.integers(0, 1 << 40, 3000) for i in range(6)}
    data["s_late_sum"] = data["n0"] + data["n1"]
    data["t_late_copy"] = data["n4"]
    data["u"] = rng.integers(0, 1 << 40, 3000)
    whole = compressed(tmp_path / "a", 3000, t=data)
    assert baler_root.inspect(whole.path)["trees"][0]["relations"]
    for page in whole.pages:
        result = recover(whole.spoil(page), tmp_path)
        check_saved(result, whole)
        lost = {name for loss in result.lost for name in loss.branches}
        saved = set(arrays(result.target)["t"][0])
        assert lost | saved == set(data)
        assert ("t_late_copy" in lost) >= ("n4" in lost)
        assert ("s_late_sum" in lost) >= bool(lost & {"n0", "n1"})


def test_pages_of_another_file_are_not_taken(originals: tuple[Original, Original], tmp_path: Path) -> None:
    """The first pages of a file, written over those of another, whose footer is whole."""
    first, second = originals
    for page, (start, stop) in second.pages.items():
        if page.tree == 0:
            for cut in (stop, (start + stop) // 2):
                result = recover(second.data[:cut] + first.data[cut:], tmp_path)
                check_saved(result, first)


def test_concatenated_files(originals: tuple[Original, Original], tmp_path: Path) -> None:
    first, second = originals
    for data in (first.data + second.data, first.data + second.data[:-100], second.data[-3000:] + first.data):
        result = recover(data, tmp_path, like=first.path)
        check_saved(result, first, second)
        assert result.clusters["Events"] == CLUSTERS
    # without a footer, only one of the extents is taken
    result = recover(first.data[: first.footer] + second.data[: second.footer], tmp_path, like=first.path)
    check_saved(result, first, second)
    assert "nothing shows that they are of the same file" in " ".join(result.notes)


GOLDEN = sorted((Path(__file__).parents[2] / "formats" / "vectors").glob("*.baler"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


DAMAGES = st.lists(
    st.tuples(
        st.sampled_from(["flip", "zero", "delete", "insert", "cut", "other", "repeat"]),
        st.floats(0, 1),
        st.integers(1, 6000),
    ),
    min_size=1,
    max_size=4,
)


def damaged(data: bytes, other: bytes, damages: list[tuple[str, float, int]]) -> bytes:
    """The file with these damages, one after another."""
    for kind, share, size in damages:
        start = int(share * len(data))
        part = data[start : start + size]
        rest = data[start + size :]
        middle = {
            "flip": bytes([part[0] ^ 16]) + part[1:] if part else b"",
            "zero": bytes(len(part)),
            "delete": b"",
            "insert": bytes(size) + part,
            "cut": part[:0],
            "other": other[start : start + size],
            "repeat": part + part,
        }[kind]
        data = data[:start] + middle + (b"" if kind == "cut" else rest)
    return data


@pytest.mark.parametrize("footer", [True, False])
@given(damages=DAMAGES)
def test_whatever_is_saved_was_in_the_file(
    footer: bool,
    damages: list[tuple[str, float, int]],
    originals: tuple[Original, Original],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Every saved value is the original's, of the same entry in all branches, whatever the damage."""
    first, second = originals
    folder = tmp_path_factory.mktemp("random")
    data = damaged(first.data[: None if footer else first.footer], second.data, damages)
    try:
        result = recover(data, folder, like=first.path)
    except CorruptFileError:
        assert [path.name for path in folder.iterdir()] == ["broken.baler"]
    else:
        check_saved(result, first, second)


def test_without_a_footer_the_entries_of_lost_clusters_are_not_known(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    whole, _ = originals
    lost = [page for page in whole.pages if (page.tree, page.cluster) == (0, 1)]
    result = recover(whole.spoil(*lost, cut=whole.footer), tmp_path, like=whole.path)
    check_saved(result, whole)
    assert result.clusters["Events"] == CLUSTERS - 1
    assert [(loss.clusters, loss.entries, loss.branches) for loss in result.lost] == [((1, 2), None, ())]
    assert "the page table is lost" in result.notes[0]


def test_a_merged_file_that_lost_its_last_footer(
    originals: tuple[Original, Original], tmp_path: Path
) -> None:
    """Pages after the footer of the first generation are taken, too: they follow it without a gap."""
    first, second = originals
    merged = original(baler_root.merge([first.path, second.path], tmp_path / "merged.baler"))
    result = recover(merged.data[: merged.footer + 20], tmp_path)
    assert result.clusters == {"Events": 2 * CLUSTERS, "Lumi": 2}
    assert result.lost == ()
    assert arrays(result.target).keys() == merged.clusters.keys()
    for path, parts in arrays(result.target).items():
        for part, cluster in zip(parts, merged.clusters[path], strict=True):
            assert part == cluster


def test_page_that_a_digest_disowns(originals: tuple[Original, Original], tmp_path: Path) -> None:
    """The bytes of a page are whole, but decode to other values than the page table says."""
    whole, _ = originals
    forger = Forger(whole.path)
    forger.rows[2]["digest"] ^= 1
    result = recover(forger.build(), tmp_path)
    check_saved(result, whole)
    assert {loss.reason for loss in result.lost} == {"decodes to other values than those that were written"}


def test_objects_are_saved_without_a_footer(tmp_path: Path) -> None:
    import uproot

    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {"x": "i8"}).extend({"x": np.arange(100)})
        file["deep/er/h"] = np.histogram([1.0, 2.0])
    baler_root.compress(tmp_path / "a.root", tmp_path / "a.baler")
    whole = original(tmp_path / "a.baler")
    recover(whole.data[: whole.footer], tmp_path, like=whole.path)
    with baler_root.open(tmp_path / "saved.baler") as file:
        assert file["deep/er/h"].values().tolist() == np.histogram([1.0, 2.0])[0].tolist()
    # objects alone are worth a file, lost ones are named
    (page,) = whole.pages
    result = recover(whole.spoil(page), tmp_path)
    assert (result.clusters, result.entries) == ({"t": 0}, {"t": 0})
    with open_container(whole.path) as container:
        (block,) = (b for b in container.manifest.blocks if b.kind == BlockKind.OBJECTS)
    data = bytearray(whole.data)
    data[block.offset + block.size // 2] ^= 1
    result = recover(bytes(data), tmp_path)
    assert result.entries == {"t": 100}
    assert result.notes == ("lost: the objects deep/er/h",)
    assert baler_root.verify(result.target).ok


def test_any_block_lost_from_any_golden_file(golden: Path, tmp_path: Path) -> None:
    """Every saved value is the original's: for all encodings, codecs, models and contexts."""
    whole = original(golden)
    with open_container(golden) as container:
        models = [block for block in container.manifest.blocks if block.kind == BlockKind.MODEL]
    refused: list[str] = []
    places = [(start + stop) // 2 for start, stop in whole.pages.values()]
    for place in places + [block.offset + block.size // 2 for block in models]:
        data = bytearray(whole.data)
        data[place] ^= 4
        try:
            result = recover(bytes(data), tmp_path, models=golden.parent)
        except CorruptFileError as error:  # all other columns are computed from those of the page
            refused.append(str(error))
            continue
        assert baler_root.verify(result.target, models=golden.parent).ok
        saved = arrays(result.target, models=golden.parent)
        for path, parts in saved.items():
            assert all(clusters_of(part, path, whole) for part in parts), path
        assert result.lost
    assert all("nothing can be saved" in text for text in refused)
