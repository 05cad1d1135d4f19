"""Bounded memory: four times the entries take no more memory, since work is done cluster by cluster."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.dataset.reader import context

BASKET, CLUSTER = 50_000, 25_000
BASKETS = (3, 12)
"""Baskets of each branch. The smaller file is larger than buffers of fixed size, as for checksums."""
BYTES_PER_ENTRY = 56


def write(path: Path, baskets: int) -> Path:
    """A tree of random numbers and lists of them, with `BYTES_PER_ENTRY` bytes in each entry."""
    rng = np.random.default_rng(1)
    with uproot.recreate(path) as file:
        file.mktree("Events", {**{f"x{i}": "f8" for i in range(5)}, "jet": "var * float32"})
        for _ in range(baskets):
            jets = rng.normal(size=2 * BASKET).astype("f4")
            flat = {f"x{i}": rng.normal(size=BASKET) for i in range(5)}
            file["Events"].extend({**flat, "jet": ak.unflatten(jets, np.full(BASKET, 2))})
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """(source, `.baler` file) with few entries, and with four times as many."""
    folder = tmp_path_factory.mktemp("memory")
    pairs = [(write(folder / f"{n}.root", n), folder / f"{n}.baler") for n in BASKETS]
    for source, target in pairs:
        compress(source, target)
    return pairs


def compress(source: Path, target: Path) -> None:
    baler_root.compress(
        source, target, codec="classic", bound="lossless", cluster_size=CLUSTER, overwrite=True
    )


def decompress(_: Path, target: Path) -> None:
    baler_root.decompress(target, target.with_name("back.root"), overwrite=True)


def iterate(_: Path, target: Path) -> None:
    with baler_root.open(target, cache_size=0) as file:
        for arrays in file["Events"].iterate(step_size=CLUSTER):
            assert len(arrays) == CLUSTER


def verify(source: Path, target: Path) -> None:
    assert baler_root.verify(target, source).ok


@pytest.mark.parametrize("work", [compress, decompress, iterate, verify])
def test_peak_does_not_grow_with_the_file(
    work: Callable[[Path, Path], None], files: list[tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "PAGE_CACHE_SIZE", 0)  # a cache of fixed size, larger than these files
    work(*files[0])  # imports and compiled functions
    peaks = []
    for source, target in files:
        tracemalloc.start()
        try:
            work(source, target)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    growth = BYTES_PER_ENTRY * BASKET * (BASKETS[1] - BASKETS[0])
    assert peaks[1] - peaks[0] < growth / 4, peaks
