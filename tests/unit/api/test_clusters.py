"""Sizes of clusters: in entries or in memory, cut where baskets end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import (
    ConfigError,
)
from tests.helpers.root_files import Make

# Clusters


@pytest.mark.parametrize(
    ("size", "clusters"),
    [
        (500, [500]),
        (200, [200, 200, 100]),
        ("200", [200, 200, 100]),
        (10**9, [500]),
        ("1 GiB", None),
        (450, [500]),
    ],
)
def test_cluster_sizes_in_entries(
    size: int | str, clusters: list[int] | None, make_root: Make, tmp_path: Path
) -> None:
    root = make_root("a.root", Events={"x": np.arange(500)})
    if clusters is None:
        with pytest.raises(ConfigError, match="256 MiB"):
            baler_root.compress(root, tmp_path / "a.baler", cluster_size=size)
        return
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=size)
    with open_file(tmp_path / "a.baler") as file:
        assert list(file.trees[0].stored.clusters) == clusters


def test_cluster_sizes_in_memory(make_root: Make, tmp_path: Path) -> None:
    root = make_root("a.root", Events={"x": np.arange(40_000)})
    lengths = {}
    for size in ("64 kB", "0.064MB", "64000B", ".064 MB", "32 kB", "1 MiB"):
        baler_root.compress(root, tmp_path / "a.baler", cluster_size=size, overwrite=True)
        with open_file(tmp_path / "a.baler") as file:
            lengths[size] = file.trees[0].stored.clusters[0]
    assert len({lengths[size] for size in ("64 kB", "0.064MB", "64000B", ".064 MB")}) == 1
    assert lengths["64 kB"] == pytest.approx(64_000 / 8, rel=0.01)
    assert lengths["32 kB"] == pytest.approx(32_000 / 8, rel=0.01)
    assert lengths["1 MiB"] == 40_000


def test_clusters_are_cut_where_baskets_end(tmp_path: Path) -> None:
    root = tmp_path / "a.root"
    with uproot.recreate(root) as file:
        file.mktree("t", {"x": "i8"})
        for _ in range(10):
            file["t"].extend({"x": np.arange(90)})
    baler_root.compress(root, tmp_path / "a.baler", cluster_size=200)
    with open_file(tmp_path / "a.baler") as opened:
        offsets = opened.trees[0].cluster_offsets
    assert all(offset % 90 == 0 for offset in offsets)
    assert len(offsets) > 3


@pytest.mark.parametrize("size", ["", "big", "-5", "1.2.3 MB", "64 XB", "0 B", "1 GB", "1e3 kB", 0, -3])
def test_cluster_sizes_that_make_no_sense(size: int | str, flat_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cluster size"):
        baler_root.compress(flat_root, tmp_path / "a.baler", cluster_size=size)
    assert not list(tmp_path.glob("*a.baler*"))
