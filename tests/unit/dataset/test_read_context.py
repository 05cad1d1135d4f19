"""Columns that others are computed from are decoded once, within a limit of memory, and are never shared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root.dataset.reader.byte_cache import ByteCache
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import ConfigError
from baler_root.format.entropy import rans_histogram
from tests.helpers.root_files import write_root

N = 6000


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Columns of which each depends on the one before, in two clusters, compressed with histograms."""
    rng = np.random.default_rng(1)
    columns: dict[str, Any] = {"c0": rng.normal(size=N)}
    for number in range(1, 6):
        columns[f"c{number}"] = columns[f"c{number - 1}"] + rng.normal(0, 0.02, N)
    counts = rng.integers(0, 4, N)
    pt = np.repeat(columns["c0"], counts) + rng.normal(0, 0.02, counts.sum())
    columns["jet_pt"] = ak.unflatten(pt, counts)
    columns["jet_eta"] = ak.unflatten(pt + rng.normal(0, 0.02, len(pt)), counts)
    folder = tmp_path_factory.mktemp("context")
    root = write_root(folder / "chained.root", t=columns)
    baler_root.compress(root, folder / "chained.baler", training="fast", cluster_size=N // 2)
    assert baler_root.inspect(folder / "chained.baler")["codecs"] == ["conditional"]
    return folder / "chained.baler"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the streams of histograms that are decoded."""
    lengths: list[int] = []
    plain = rans_histogram.decode

    def watched(words: Any, contexts: Any, shares: Any) -> Any:
        lengths.append(len(contexts))
        return plain(words, contexts, shares)

    monkeypatch.setattr(rans_histogram, "decode", watched)
    return lengths


def branch_by_branch(path: Path, **options: Any) -> dict[str, ak.Array]:
    """All branches, each read by itself."""
    with baler_root.open(path, **options) as file:
        return {branch.name: branch.array() for branch in file["t"].branches}


def test_each_column_is_decoded_once(chained: Path, decoded: list[int]) -> None:
    """Branch by branch takes no more streams than all at once, and without a cache many more."""
    with baler_root.open(chained) as file:
        file["t"].arrays()
    at_once = len(decoded)
    assert at_once >= 10
    decoded.clear()
    branch_by_branch(chained)
    assert len(decoded) == at_once
    decoded.clear()
    branch_by_branch(chained, cache_size=0)
    assert len(decoded) > 2 * at_once


@pytest.mark.parametrize("cache_size", [0, 5000, "30 kB", "256 MB"])
@pytest.mark.parametrize("num_workers", [1, 4])
def test_values_do_not_depend_on_the_cache(cache_size: int | str, num_workers: int, chained: Path) -> None:
    with baler_root.open(chained) as file:
        expected = file["t"].arrays()
    found = branch_by_branch(chained, cache_size=cache_size, num_workers=num_workers)
    for name in reversed(expected.fields):
        assert ak.array_equal(found[name], expected[name], dtype_exact=True)


def test_memory_is_limited(chained: Path) -> None:
    """A read of everything leaves nothing behind, and single branches no more than the limit."""
    with open_file(chained, cache_size=20_000) as file:
        tree = file.trees[0]
        tree.read(tree.schema.stored(), 0, N)
        assert file.context.columns.size == 0
        sizes = set()
        for branch in tree.schema.stored():
            tree.read([branch], 0, N)
            sizes.add(file.context.columns.size)
        assert 0 < max(sizes) <= 20_000


@pytest.mark.parametrize("bound", ["rel=1e-3", "lossless"])
def test_arrays_belong_to_who_asked(bound: str, chained: Path, tmp_path: Path) -> None:
    """Writing into what was read changes nothing that is read later; exact columns are their own symbols."""
    path = tmp_path / "c.baler"
    baler_root.compress(chained.with_suffix(".root"), path, bound=bound, training="fast", cluster_size=N)
    with baler_root.open(path) as file:
        tree = file["t"]
        for _ in range(2):
            before = {
                name: tree[name].array(library="np") for name in ("c1", "c0", "njet", "c5") if name in tree
            }
            copies = {name: values.copy() for name, values in before.items()}
            for values in before.values():
                values[:] = 7
            for name, values in copies.items():
                assert tree[name].array(library="np").tobytes() == values.tobytes(), name


def test_sizes_as_text(chained: Path) -> None:
    for size in ("1 potato", "", -1):
        with pytest.raises(ConfigError, match="cache_size is a number of bytes"):
            baler_root.open(chained, cache_size=size)


def test_a_cache_drops_what_was_put_longest_ago() -> None:
    cache: ByteCache[str, int] = ByteCache(10)
    for key in "abc":
        cache.put(key, ord(key), 3)
    cache.put("a", 0, 3)
    cache.put("d", ord("d"), 3)
    assert cache.find("abcd") == {"a": ord("a"), "c": ord("c"), "d": ord("d")}
    cache.put("large", 1, 11)
    assert cache.find(["a", "c", "d", "large"]).keys() == {"a", "c", "d"}
    assert cache.size == 9
