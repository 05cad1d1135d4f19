"""Files that the loops damage."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from tests.conftest import fixed_columns, flat_columns, jagged_columns, nested_columns
from tests.promises.damaged_files import CLUSTERS, ENTRIES, Original, columns, compressed


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with everything: trees of both kinds, a histogram, tables, a bound, two clusters."""
    folder = tmp_path_factory.mktemp("corruption")
    root, path = folder / "in.root", folder / "in.baler"
    n, kept = 16, ("event", "energy", "energy_copy", "special", "trigger", "i16")
    with uproot.recreate(root) as file:
        flat = {name: values for name, values in flat_columns(n).items() if name in kept} | fixed_columns(n)
        types = {name: np.dtype((values.dtype, values.shape[1:])) for name, values in flat.items()}
        jagged = jagged_columns(n)
        file.mktree("Events", {**types, "Muon": ak.type(jagged["Muon"]).content})
        file["Events"].extend({**flat, **jagged})
        file.mkrntuple(
            "dir/Nested", ak.Array({**nested_columns(n), "option": ak.Array([1.5, None] * (n // 2))})
        )
        file["h"] = np.histogram([1.0, 2.0])
    baler_root.compress(root, path, cluster_size=9, bounds={"grid": "abs=1e-3", "Muon_*": "bits=8"})
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest file with a page, a bound and a list."""
    folder = tmp_path_factory.mktemp("tiny")
    root, path = folder / "in.root", folder / "in.baler"
    with uproot.recreate(root) as file:
        file.mktree("t", {"x": "f4", "y": "var * int32"})
        file["t"].extend(
            {"x": np.linspace(1, 2, 50, dtype="f4"), "y": ak.Array([[1], [], [2, 3]] * 16 + [[], []])}
        )
    baler_root.compress(root, path)
    return path


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Original, Original]:
    """Two files of one kind with different values, two trees each."""
    folder = tmp_path_factory.mktemp("pages")
    files = []
    for seed in (1, 2):
        trees = {"Events": columns(seed), "Lumi": {"n": np.arange(seed, seed + 7), "block": np.full(7, seed)}}
        files.append(compressed(folder / str(seed), ENTRIES // CLUSTERS, **trees))
    first, second = files
    assert len({page.group for page in first.pages if page.tree == 0}) >= 4
    return first, second
