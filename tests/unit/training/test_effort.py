"""Training levels: `fast` needs no torch and makes files smaller; without torch the default is `classic`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root import TrainingOptions
from baler_root.errors import ConfigError
from baler_root.training import effort
from tests.helpers.processes import run_python

Maker = Callable[..., Path]


def tracks(events: int = 8000, seed: int = 5) -> dict[str, ak.Array]:
    """Events with tracks whose columns depend on each other, and some that depend on nothing."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, events)
    total = int(counts.sum())
    pt = rng.exponential(30, total) + 20
    flat = {
        "pt": pt.astype("f4"),
        "mass": (pt * np.exp(rng.normal(-2, 0.05, total))).astype("f4"),
        "hits": rng.poisson(pt / 4).astype("i4"),
        "tagged": pt > 40,
        "noise": rng.normal(size=total).astype("f4"),
    }
    flat["mass"][::400], flat["pt"][11] = -999.0, np.nan
    out = {f"track_{name}": ak.unflatten(values, counts) for name, values in flat.items()}
    met = rng.exponential(20, events)
    return {**out, "met": met.astype("f4"), "sumet": (met * 3 + rng.normal(size=events)).astype("f8")}


def test_fast_is_smaller_and_needs_no_torch(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("tracks.root", Events=tracks())
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
source, folder = {str(source)!r}, {str(tmp_path)!r}
classic = baler_root.compress(source, folder + "/classic.baler", codec="classic")
for name in ("one", "two"):
    fast = baler_root.compress(source, f"{{folder}}/{{name}}.baler", codec="conditional", training="fast")
assert fast.size < 0.93 * classic.size, (fast.size, classic.size)
assert baler_root.verify(folder + "/one.baler", source).problems == []
"""
    run_python(code)
    assert (tmp_path / "one.baler").read_bytes() == (tmp_path / "two.baler").read_bytes()
    models = baler_root.inspect(tmp_path / "one.baler")["models"]
    assert sum(model["histograms"] for model in models) >= 3
    assert all(model["networks"] == 0 for model in models)


def test_an_unknown_level(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("tracks.root", Events=tracks(10))
    with pytest.raises(ConfigError, match="no level 'best'; there are fast, default, max"):
        baler_root.compress(source, tmp_path / "out.baler", training="best")
    assert not list(tmp_path.glob("*.baler*"))


def test_only_max_needs_torch_and_does_without(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort, "find_spec", lambda _: None)
    source = make_root("tracks.root", Events=tracks(3000))
    sizes = {}
    for level in ("fast", "default", "max"):
        for codec in (None, "conditional"):
            summary = baler_root.compress(
                source, tmp_path / f"{level}{codec}.baler", training=level, codec=codec
            )
            if level == "max":
                (note,) = summary.notes
                assert 'pip install "baler-root[train]"' in note
                assert "level default was used" in note
            else:
                assert summary.notes == ()
            sizes[level] = summary.size
    assert sizes["max"] == sizes["default"] < sizes["fast"]
    assert (tmp_path / "maxNone.baler").read_bytes() == (tmp_path / "defaultNone.baler").read_bytes()
    classic = baler_root.compress(source, tmp_path / "classic.baler", codec="classic", training="max")
    assert classic.notes == ()
    with pytest.raises(ConfigError, match="training needs torch"):
        baler_root.compress(source, tmp_path / "latents.baler", codec="autoencoder")


def test_training_time_must_be_some(make_root: Maker, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="training for 0 seconds: more than 0 are needed"):
        baler_root.compress(
            make_root("t.root", Events=tracks(10)),
            tmp_path / "out.baler",
            training=TrainingOptions(seconds=0),
        )
