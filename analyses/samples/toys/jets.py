"""A small table of jets whose columns depend on each other, for tests of training."""

from __future__ import annotations

import awkward as ak
import numpy as np

from .tree import Columns


def correlated_jets(entries: int = 6000, seed: int = 5) -> Columns:
    """Jets and event columns, some that follow from others and some that follow from nothing.

    `jet_mass`, `jet_tracks` and `jet_tagged` depend on `jet_pt`, and `sumet` on `met`; `jet_noise` is
    independent of all, and `run` is constant. Every 400th mass is −999, and one pt is NaN.
    """
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, entries)
    total = int(counts.sum())
    pt = rng.exponential(30, total) + 20
    mass = pt * np.exp(rng.normal(-2, 0.05, total))
    tracks = rng.poisson(pt / 4)
    mass[::400], pt[11] = -999.0, np.nan
    floats = {"pt": pt, "mass": mass, "noise": rng.normal(size=total)}
    columns: Columns = {
        f"jet_{name}": ak.unflatten(values.astype("f4"), counts) for name, values in floats.items()
    }
    columns["jet_tracks"] = ak.unflatten(tracks.astype("i4"), counts)
    columns["jet_tagged"] = ak.unflatten(tracks > 9, counts)
    met = rng.exponential(20, entries)
    return {
        **columns,
        "met": met.astype("f4"),
        "sumet": (met * 3 + rng.normal(size=entries)).astype("f8"),
        "run": np.full(entries, 7),
    }
