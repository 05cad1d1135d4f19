"""Size: no bound takes more bytes than lossless, since exact coding is always a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from tests.helpers.root_files import Make

N = 20_000
BOUNDS = ["rel=1e-3", "rel=1e-6", "bits=10", "abs=1e-3", "abs=1e-7"]


def columns(code: str) -> dict[str, NDArray[Any]]:
    """Columns that are easily coded without loss, and noise for comparison."""
    rng = np.random.default_rng(0)
    index = np.arange(N)
    made = {
        "ramp": index * 0.5 + 3,
        "falling": 1e4 - index * 0.25,
        "repeated_ramp": (index % 1000) / 8,
        "steps": np.repeat(np.arange(N // 100), 100) * 0.1,
        "constant": np.full(N, 0.1),
        "constant_but_one": np.where(index == N // 2, 0.2, 0.1),
        "few": rng.choice([0.1, 0.2, 0.7, 3.3], N),
        "integers": rng.integers(0, 40_000, N).astype(float),
        "powers": 2.0 ** (index % 30),
        "sorted_times": np.sort(rng.integers(0, 1 << 22, N)) / 64,
        "run_then_noise": np.where(index < N // 2, index, rng.normal(size=N)),
        "repeated_noise": np.tile(rng.normal(size=N // 10), 10),
        "grid_of_noise": np.round(rng.normal(size=N), 2),
        "tiny": np.linspace(0, 1, N) * 1e-40,
        "noise": rng.normal(size=N),
    }
    return {name: values.astype(code) for name, values in made.items()}


@pytest.mark.parametrize("name", list(columns("f4")))
@pytest.mark.parametrize("code", ["f4", "f8"])
def test_a_bound_takes_no_more_than_lossless(make_root: Make, tmp_path: Path, code: str, name: str) -> None:
    root = make_root("a.root", t={"x": columns(code)[name]})
    target = tmp_path / "a.baler"

    def size(bound: str) -> int:
        return (
            baler_root.compress(root, target, bound=bound, codec="classic", overwrite=True)
            .trees[0]
            .branches[0]
            .size
        )

    lossless = size("lossless")
    assert {bound: size(bound) for bound in BOUNDS if size(bound) > lossless} == {}


@pytest.mark.parametrize("bound", BOUNDS)
def test_so_does_a_file_of_many_columns(make_root: Make, tmp_path: Path, bound: str) -> None:
    easy = {name: values for name, values in columns("f8").items() if "noise" not in name}
    grids = {"grid": np.arange(N * 6, dtype=np.float32).reshape(N, 2, 3) / 16}
    root = make_root("a.root", t=easy | grids)
    sizes = {}
    for asked in ("lossless", bound):
        made = baler_root.compress(root, tmp_path / "a.baler", bound=asked, training="fast", overwrite=True)
        sizes[asked] = sum(branch.size for branch in made.trees[0].branches)
    assert sizes[bound] <= sizes["lossless"] + 64  # the entries of the directory share one frame


def test_a_long_column_is_compared_in_parts(make_root: Make, tmp_path: Path) -> None:
    """A column longer than what is compared as a whole."""
    rng = np.random.default_rng(1)
    ramp = np.arange(300_000) * 0.5
    root = make_root("a.root", t={"ramp": ramp, "noise": rng.normal(size=300_000)})
    sizes = {}
    for bound in ("lossless", "rel=1e-3"):
        made = baler_root.compress(root, tmp_path / "a.baler", bound=bound, codec="classic", overwrite=True)
        sizes[bound] = {branch.path: branch.size for branch in made.trees[0].branches}
    assert sizes["rel=1e-3"]["ramp"] <= sizes["lossless"]["ramp"]
    assert sizes["rel=1e-3"]["noise"] < sizes["lossless"]["noise"] / 2


def test_a_column_of_a_model_is_stored_exactly_where_that_is_smaller(make_root: Make, tmp_path: Path) -> None:
    """The model fits three clusters; in the fourth the column is a ramp that exact coding foresees."""
    rng = np.random.default_rng(2)
    parent = rng.normal(size=4 * N)
    values = parent + rng.normal(0, 0.02, 4 * N)
    ramp = np.arange(N) / 1024
    values[3 * N :] = ramp
    root = make_root("a.root", t={"parent": parent, "values": values})
    target = tmp_path / "a.baler"
    baler_root.compress(root, target, codec="conditional", training="fast", cluster_size=N)
    assert baler_root.inspect(target)["models"]
    with baler_root.open(target) as file:
        decoded = file["t"]["values"].array(library="np")
    assert not np.array_equal(decoded[:N], values[:N])  # within the bound, as the model expects them
    assert np.array_equal(decoded[3 * N :], ramp)
