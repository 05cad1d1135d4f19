"""Significance Z of H → γγ with an autoencoder without bound and with `.baler`: Baler's result repeated.

Baler's authors report Z = 1.03 before compression and 0.91 after it, at 25 % smaller size. Here pseudo-data
of 10 fb⁻¹ are split into parts with Z ≈ 1 on average, so that the shift of Z has a statistical error. The
autoencoder (`rivals/baler_transformer`) encodes pt, energy, η and φ of the two leading photons as three
quarters as many float32 latents. These could keep everything, since energies follow from the rest; it has
no bound. Its size is that of latents and decoder over that of the columns, each as a compressed npz.
`.baler` files have the default bound, rel=1e-3, and only branches that the analysis reads. The simulated
signal that defines the shape of the peak is compressed in the same ways.

`python -m benchmarks run significance [--seconds S]`: training ends after this time on the clock.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_root.evaluation.analysis.analysis import Analysis, load
from baler_root.evaluation.analysis.selection import Selection
from baler_root.evaluation.tuning.trial_files import TrialFiles
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.rivals import baler_transformer

DATA = sources.DATA / "generated" / "gamgam.root"
SIMULATION = sources.DATA / "generated" / "mc_343981.ggH125_gamgam.root"

COLUMNS = ("pt", "E", "eta", "phi")
LOGARITHMIC = ("pt", "E")
SMALLER = 0.75
PARTS = 16
MASSES = ("m_gg", "m_gg_stored")


def leading(events: ak.Array) -> tuple[NDArray[np.bool_], baler_transformer.Table]:
    """Mask of events with two photons, and a table of the columns of their two leading photons."""
    two = ak.to_numpy(ak.num(events.photon_pt) >= 2)
    chosen = events[two]
    return two, np.stack(
        [ak.to_numpy(chosen[f"photon_{name}"][:, place]) for place in (0, 1) for name in COLUMNS], axis=1
    ).astype(np.float32)


def replaced(events: ak.Array, two: NDArray[np.bool_], table: baler_transformer.Table) -> ak.Array:
    """The events with the columns of their two leading photons replaced."""
    counts = ak.to_numpy(ak.num(events.photon_pt))
    first = np.cumsum(counts) - counts
    for index, name in enumerate(COLUMNS):
        flat = ak.to_numpy(ak.flatten(events[f"photon_{name}"])).copy()
        for place in (0, 1):
            flat[first[two] + place] = table[:, index + place * len(COLUMNS)]
        events = ak.with_field(events, ak.unflatten(flat, counts), f"photon_{name}")
    return events


def packed(values: NDArray[Any]) -> int:
    """Size [bytes] as a compressed npz."""
    file = io.BytesIO()
    np.savez_compressed(file, data=values)
    return file.tell()


def autoencoded(analysis: Analysis, seconds: float) -> tuple[dict[str, Any], Selection]:
    """Size and training of the autoencoder, and the selection of both files after it."""
    read = [uproot.open(path)["mini"].arrays() for path in (DATA, SIMULATION)]
    tables = [leading(events) for events in read]
    table = tables[0][1]
    logarithmic = np.array([name in LOGARITHMIC for name in COLUMNS] * 2)
    count = round(SMALLER * table.shape[1])
    network = baler_transformer.train(table, logarithmic, count, seconds)
    size = packed(network.encode(table)) + network.model_size
    about = {
        "latents": count,
        "columns": table.shape[1],
        "epochs": network.epochs,
        "seconds": round(network.seconds, 1),
        "loss": float(f"{network.loss:.3g}"),
        "share": round(size / packed(table), 3),
    }
    parts = []
    for events, (two, values) in zip(read, tables, strict=True):
        decoded = network.decode(network.encode(values))
        parts.append(analysis.module.select(replaced(events, two, decoded)))
    return about, Selection.concatenate(parts)


def default(analysis: Analysis) -> tuple[dict[str, Any], Selection, Selection]:
    """Size of `.baler` files at rel=1e-3 over ROOT files, and the selections before and after."""
    with tempfile.TemporaryDirectory() as folder:
        files = TrialFiles(analysis, [DATA, SIMULATION], Path(folder))
        before = sum(path.stat().st_size for path in Path(folder).glob("*.root"))
        size, decompressed = files.decompressed(dict.fromkeys(files.branches, 1e-3))
        return {"share": round(size / before, 3)}, files.original, decompressed


def measured(analysis: Analysis, selection: Selection, mass: str) -> Iterator[tuple[float, float]]:
    """(Z, fitted mass) of each part of the data, with all of the simulation."""
    data = selection.process == 0
    part = np.arange(len(selection)) % PARTS
    for number in range(PARTS):
        weights = np.where(data & (part != number), 0.0, 1.0)
        results = analysis.infer(selection.reweighted(weights), mass)
        yield results["Z"].value, results["mass"].value


def rows(
    what: str, share: float | None, analysis: Analysis, before: Selection, after: Selection
) -> Iterator[dict[str, Any]]:
    """One row per definition of the mass; errors are those of the mean over the parts."""
    for mass in MASSES:
        first, then = (np.array(list(measured(analysis, selection, mass))) for selection in (before, after))
        shift = then[:, 0] - first[:, 0]
        all_data = [analysis.infer(selection, mass) for selection in (before, after)]
        used = before.passing() & after.passing() & (before.process == 0)
        moved = (after.observables[mass] - before.observables[mass])[used]
        yield {
            "what": what,
            "mass from": mass,
            "share of size": share,
            "Z": round(float(np.nanmean(then[:, 0])), 3),
            "ΔZ": round(float(np.nanmean(shift)), 4),
            "± error": round(float(np.nanstd(shift, ddof=1) / np.sqrt(np.isfinite(shift).sum())), 4),
            "failed fits": int((~np.isfinite(shift)).sum()),
            "Z of all data": round(all_data[1]["Z"].value, 3),
            "RMS Δm GeV": round(float(np.sqrt(np.mean(moved**2))), 4),
            "migrated %": round(
                100 * float((before.passing() != after.passing()).sum() / before.passing().sum()), 3
            ),
        }


def main() -> None:
    """Compare, print and store."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="longest training [s]")
    options = parser.parse_args()
    analysis = load("hgamgam")
    share, before, after = default(analysis)
    trained, lossy = autoencoded(analysis, options.seconds)
    table: Sequence[dict[str, Any]] = [
        *rows("original", None, analysis, before, before),
        *rows("transformer autoencoder, no bound", trained["share"], analysis, before, lossy),
        *rows(".baler, rel=1e-3", share["share"], analysis, before, after),
    ]
    about = {"parts": PARTS, "Baler's figures": "Z 1.03 before, 0.91 at 25 % smaller", **trained}
    results.show("Significance of H → γγ", table, about)
    results.store("significance", table, about)
