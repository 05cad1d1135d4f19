"""A template for your own analysis: copy this file, change it, and give its path to any command with
`--analysis`.

    baler-root report original.root compressed.baler --analysis path/to/mine.py -o report.html

The file needs one function, `select(events)`. It is called for each chunk of the tree, with the same code for
original and decompressed events. It returns one value of each of these for *every* entry of the chunk, so
that events can be paired:

- cuts: for each cut, whether the entry passes it, regardless of the other cuts; in the order of application;
- observables: a number, NaN if the entry has none;
- weights: 1 for data;
- process: 0 for data, else the number of the simulated process.

All other names are optional:

- TITLE: title for reports.
- TREES: names of trees, of which the first one in the file is read. Without it, the file's only tree is read.
- OBSERVABLES: axes of the observables.
- branches(keys): names of the branches to read from a tree with branches `keys`. Without it, all are read.
- infer(selection, observable): results from one of the observables in INFER. A bootstrap calls it hundreds of
  times on reweighted events, so use `selection.weights`.
- study(selection, observable, *, toys, seed, progress): the slow part of an analysis (see `hgamgam.py`).
- SIGNAL: numbers of the processes whose peak the report measures. Without it, all simulation, or all events.
- NOTE: a sentence for the end of the report.

Errors in the file are shown with their line.
"""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np

from baler_root.errors import SourceError
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Observable, Selection

TITLE = "Missing transverse energy of events with a hard photon"
TREES = ("mini",)
OBSERVABLES = {"met": Observable("missing transverse energy", "GeV", 0.0, 100.0, 50)}
INFER = ("met",)

BRANCHES = ["photon_pt", "met_et"]


def branches(keys: Sequence[str]) -> list[str]:
    """Branches to read from the 2020 release of ATLAS Open Data; energies are in MeV."""
    missing = [name for name in BRANCHES if name not in keys]
    if missing:
        raise SourceError(f"missing branches: {', '.join(missing)}")
    return BRANCHES


def select(events: ak.Array) -> Selection:
    """Events with a photon above 40 GeV."""
    hardest = ak.to_numpy(ak.fill_none(ak.max(events.photon_pt, axis=1), 0.0))
    entries = len(events)
    return Selection(
        cuts={"photon above 40 GeV": hardest > 40_000.0},
        observables={"met": ak.to_numpy(events.met_et).astype(np.float64) / 1e3},
        weights=np.ones(entries),
        process=np.zeros(entries, np.int64),
    )


def infer(selection: Selection, observable: str) -> dict[str, Quantity]:
    """The mean of the observable and its statistical error."""
    chosen = selection.passing()
    values, weights = selection.observables[observable][chosen], selection.weights[chosen]
    total = weights.sum()
    if total <= 0:
        return {"mean": Quantity.failed("no event", "GeV")}
    mean = float(np.sum(weights * values) / total)
    error = float(np.sqrt(np.sum((weights * (values - mean)) ** 2)) / total)
    return {"mean": Quantity(mean, error, "GeV")}
