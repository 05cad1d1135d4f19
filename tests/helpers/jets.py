"""Events with jets whose columns depend on each other: something to learn from."""

from __future__ import annotations

import awkward as ak
import numpy as np


def jets(events: int = 6000, seed: int = 5) -> dict[str, ak.Array]:
    """Events with jets whose columns depend on each other, and some that depend on nothing."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, events)
    total = int(counts.sum())
    pt = rng.exponential(30, total) + 20
    mass = pt * np.exp(rng.normal(-2, 0.05, total))
    tracks = rng.poisson(pt / 4)
    mass[::400], pt[11] = -999.0, np.nan
    flat = {"pt": pt, "mass": mass, "noise": rng.normal(size=total)}
    out = {f"jet_{name}": ak.unflatten(values.astype("f4"), counts) for name, values in flat.items()}
    out["jet_tracks"] = ak.unflatten(tracks.astype("i4"), counts)
    out["jet_tagged"] = ak.unflatten(tracks > 9, counts)
    met = rng.exponential(20, events)
    return {
        **out,
        "met": met.astype("f4"),
        "sumet": (met * 3 + rng.normal(size=events)).astype("f8"),
        "run": np.full(events, 7),
    }
