"""Files with latents: events of every kind, compressed with each kind of residual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from baler_root.training import latent
from tests.helpers.root_files import write_root

Maker = Callable[..., Path]
Arrays = dict[str, Any]
EVENTS, CLUSTER = 4200, 1500
RESIDUALS = ("bounded", "lossless", "none")
EXACT = ("event", "n", "constant", "jet_tracks", "jet_tagged")


def events(n: int = EVENTS, seed: int = 1) -> Arrays:
    """Events with jets, columns of every kind: related, alike, constant, exact, not finite.

    Columns that are computed from others lie before these and behind them, in other pages.
    """
    rng = np.random.default_rng(seed)
    pt = (rng.exponential(30, n) + 20).astype("f4")
    eta = rng.normal(0, 1.5, n).astype("f4")
    mass = (pt * rng.normal(0.1, 0.002, n)).astype("f4")
    odd = rng.normal(pt, 1).astype("f4")
    odd[[3, 1700, 1701, 2000]] = [np.nan, np.inf, -np.inf, -999]
    counts = rng.poisson(1.2, n)
    total = int(counts.sum())
    jet_pt = rng.exponential(30, total) + 20
    jets = {
        "pt": jet_pt.astype("f4"),
        "mass": (jet_pt * rng.normal(0.1, 0.01, total)).astype("f8"),
        "tracks": rng.poisson(jet_pt / 4).astype("i4"),
        "tagged": jet_pt > 40,
        "pt_copy": jet_pt.astype("f4"),
    }
    return {
        "energy": (pt.astype("f8") * np.cosh(eta.astype("f8"))).astype("f4"),
        "event": np.arange(n) + 10**12,
        "pt": pt,
        "eta": eta,
        "mass": mass,
        "single": rng.normal(mass, 0.1).astype("f4").astype("f8"),
        "odd": odd,
        "n": rng.poisson(pt / 8).astype("i4"),
        "constant": np.full(n, 3.5),
        "jet": ak.zip({name: ak.unflatten(values, counts) for name, values in jets.items()}),
        "energy_too": (pt.astype("f8") * np.cosh(eta.astype("f8"))).astype("f8"),
    }


def write(path: Path, arrays: Arrays) -> Path:
    """A ROOT file with these columns."""
    return write_root(path, Events=arrays)


@contextmanager
def short_training(steps: int = 100) -> Iterator[None]:
    """Train shortly and in one thread; a network is used whether it pays or not."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latent, "STEPS", {"default": steps})
        patch.setattr(latent, "WIDTHS", {"default": ((np.inf, 16),)})
        patch.setattr(latent, "pays_for_itself", lambda *_: True)
        yield


def check_exact(outliers: Any, wanted: Any) -> None:
    """Every branch of the outlier rows is what it was, to the bit."""
    for name in set(outliers.fields) & set(wanted.fields):
        rows = wanted[name][outliers.entry]
        if "item" in outliers.fields:
            rows = rows[np.arange(len(rows)), outliers.item]
        assert bits(outliers[name]) == bits(rows), name


def original(source: Path) -> Any:
    """All arrays of a ROOT file."""
    with uproot.open(source) as file:
        return file["Events"].arrays()


def bits(array: Any) -> bytes:
    """The bytes of all values of an array."""
    return np.asarray(ak.flatten(array, axis=None)).tobytes()
