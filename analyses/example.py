"""An analysis of your own: copy this file, change it, and name its path wherever a command asks for an analysis.

    baler-root report original.root compressed.baler --analysis path/to/mine.py -o report.html

The file needs one function, `select(events)`. It is called for one chunk of the tree after the other, with the same
code for original and decompressed events, and gives for *every* entry of the chunk (so that events can be paired)

- cuts: for each, whether the entry passes it, whatever the others say; in the order they are applied;
- observables: a number, NaN where the entry has none;
- weights: 1 for data;
- process: 0 for data, else a number that tells simulated processes apart.

All else is optional. TITLE, TREES (names of trees, the first that is found is read), OBSERVABLES (how they are shown) and
`branches(keys)` (what to read of a tree with these branches; all without it) say more about it. `infer(selection,
observable)` measures something from the observables named in INFER; a bootstrap calls it hundreds of times on reweighted
events, so use `selection.weights`. For the report: SIGNAL (numbers of the processes whose peak is looked at; without it
all simulated ones, or all) and NOTE (a sentence that belongs under the results). What goes wrong in the file is shown with
the line it went wrong in.
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
    """What to read: of the 2020 release of ATLAS Open Data, energies in MeV."""
    missing = [name for name in BRANCHES if name not in keys]
    if missing:
        raise SourceError(f"missing branches: {', '.join(missing)}")
    return BRANCHES


def select(events: ak.Array) -> Selection:
    """Events with a photon beyond 40 GeV."""
    hardest = ak.to_numpy(ak.fill_none(ak.max(events.photon_pt, axis=1), 0.0))
    entries = len(events)
    return Selection(
        cuts={"photon beyond 40 GeV": hardest > 40_000.0},
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
