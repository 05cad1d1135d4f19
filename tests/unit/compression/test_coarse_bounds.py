"""Notes on columns in which a bound merges values: times, identifiers, narrow masses; not measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.compression.rules.coarse_bounds import merged_values
from baler_root.format.bounds import ErrorBound
from tests.helpers.root_files import Make

N = 3000
RNG = np.random.default_rng(0)
MERGED = {
    "timestamp": 1.7e9 + np.arange(N),
    "mjd": 60_000 + np.arange(N) / 86_400,
    "trigger": RNG.integers(0, 1 << 30, N).astype(float),
    "z_mass": 91 + 1e-3 * RNG.normal(size=N),
}
KEPT = {
    "pt": RNG.exponential(30, N),
    "eta": RNG.normal(size=N),
    "jets": RNG.poisson(4, N).astype(float),
    "numbers": RNG.integers(0, 400, N).astype(float),
    "constant": np.ones(N),
    "nan": np.full(N, np.nan),
    "infinite": np.where(np.arange(N) % 2, np.inf, RNG.normal(size=N)),
}


@pytest.mark.parametrize(("name", "values"), MERGED.items())
def test_merged(name: str, values: NDArray[Any]) -> None:
    kept = merged_values(values, ErrorBound.parse("rel=1e-3"))
    assert kept is not None, name
    assert kept[0] < 0.9 * kept[1]
    assert merged_values(values, ErrorBound.parse("lossless")) is None


@pytest.mark.parametrize(("name", "values"), KEPT.items())
def test_not_merged(name: str, values: NDArray[Any]) -> None:
    assert merged_values(values, ErrorBound.parse("rel=1e-3")) is None, name


def test_the_summary_names_them(make_root: Make, tmp_path: Path) -> None:
    source = make_root("a.root", t={**MERGED, **KEPT})
    (note,) = baler_root.compress(source, tmp_path / "a.baler", codec="classic").notes
    assert note.startswith("t: the bound merges values of ")
    assert "timestamp (1 of 1000 remain)" in note
    assert all(name in note for name in MERGED)
    assert not any(f"{name} (" in note for name in KEPT)
    by_name = dict.fromkeys(MERGED, "rel=1e-3")
    asked = baler_root.compress(source, tmp_path / "a.baler", codec="classic", bounds=by_name, overwrite=True)
    assert asked.notes == ()
