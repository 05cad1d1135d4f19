"""What it is worth to have a training of latents look after a mass: `[[physics]]` in a rules file.

The visible mass of muon and tau in CMS H→ττ. Bounds hold with any training, so that the file gives the mass back as
well with the term as without it. What may change is what latents alone tell, before a residual or the rows that they
miss come to it, and what a file takes for that. Networks are used here whether they make the file smaller or not.

`python -m benchmarks run mass_loss [--bound BOUND]… [--seed N]… [--train-seconds S]` replaces what it measures again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root.compression.quantisation.quantise import quantise_as
from baler_root.compression.rules.rules import Rules
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.latent.columns import latents_of, point_predictions
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.training import latent as autoencoding
from baler_root.training.pair_masses import PairMass
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.run import autoencoders

FILE, TREE = "cms_htt_DY_35k", "Events"
PAIR = tuple(f"{leg}_{name}" for leg in ("muon", "tau") for name in ("pt", "eta", "phi", "m"))
BOUNDS, SEEDS = ("rel=1e-2", "rel=1e-1"), (0, 1)
RESIDUALS = ("bounded", "none")
TERM = "without", "with"

KEYS = ("bound", "residual", "term", "seed")
Arrays = dict[str, NDArray[Any]]


def mass(arrays: Arrays) -> NDArray[np.float64]:
    """The mass of the pair, in double precision."""
    energy, momentum = np.zeros(len(arrays[PAIR[0]])), np.zeros((3, len(arrays[PAIR[0]])))
    for leg in (PAIR[:4], PAIR[4:]):
        pt, eta, phi, m = (arrays[name].astype(np.float64) for name in leg)
        momentum += pt * np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)])
        energy += np.sqrt((pt * np.cosh(eta)) ** 2 + m**2)
    return np.asarray(np.sqrt(np.maximum(energy**2 - (momentum**2).sum(0), 0.0)))


def told(model: AutoencoderModel, arrays: Arrays, bound: ErrorBound) -> Arrays:
    """What the latents alone tell of each column of the pair, and columns that they know nothing of as they are."""
    places = {}
    quantisers = {}
    for n, column in enumerate(model.columns):
        quantisers[n], _ = Quantiser.from_bytes(column.quantiser)
        values = arrays[column.name]
        quantised = quantise_as(
            values, bound if values.dtype.kind == "f" else ErrorBound("lossless"), quantisers[n]
        )
        if quantised is None:
            raise AssertionError(f"{column.name} does not fit its own recipe")
        places[n] = column.axis.places(quantised.symbols)
    out = dict(arrays)
    mine = {n: n for n, column in enumerate(model.columns) if column.name in PAIR}
    for n in mine:
        out[model.columns[n].name] = np.empty(len(places[n]))
    for n, rows, point_prediction in point_predictions(model, latents_of(model, places), mine):
        symbols = (point_prediction + model.columns[n].axis.low).astype(np.uint64)
        out[model.columns[n].name][rows] = quantisers[n].values(symbols)
    return out


def resolution(found: NDArray[np.float64], true: NDArray[np.float64]) -> tuple[float, float]:
    """RMS of the relative difference in %, and what 68 % of all are within."""
    off = 100 * np.abs(found / true - 1)
    return float(np.sqrt(np.mean(off**2))), float(np.quantile(off, 0.683))


def measure(
    path: Path,
    arrays: Arrays,
    bound: str,
    residual: str,
    term: bool,
    seed: int,
    counted: autoencoders.Trainings,
    seconds: float,
) -> dict[str, Any]:
    """One row."""
    rules = Rules(default=ErrorBound.parse(bound), masses=(PairMass(PAIR),) if term else ())
    with tempfile.TemporaryDirectory() as where, mock.patch.object(autoencoding, "MARGIN", -1e9):
        target = Path(where) / "out.baler"
        counted.start()
        summary = baler_root.compress(
            path,
            target,
            rules=rules,
            codec="autoencoder",
            residual=residual,
            train_seconds=seconds,
            seed=seed,
        )
        with baler_root.open(target) as file:
            decoded = file[TREE].arrays(PAIR, library="np")
        with open_file(target) as opened:
            (model,) = (AutoencoderModel.from_bytes(opened.models[digest]) for digest in opened.models)
        held = autoencoders.held(baler_root.inspect(target), summary)
    true = mass(arrays)
    whole, alone = (resolution(mass(some), true) for some in (decoded, told(model, arrays, rules.default)))
    return {
        **dict(zip(KEYS, (bound, residual, TERM[term], seed), strict=True)),
        "size": summary.size,
        **{
            name: held[name]
            for name in ("latents bits/row", "residual bits/row", "missed bits/row", "missed %")
        },
        "file: RMS of mass %": round(whole[0], 4),
        "file: 68 % of masses %": round(whole[1], 4),
        "latents: RMS of mass %": round(alone[0], 2),
        "latents: 68 % of masses %": round(alone[1], 2),
        "training s": round(counted.seconds, 1),
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--bound", action="append")
    parser.add_argument("--residual", action="append", choices=RESIDUALS)
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--train-seconds", type=float, default=autoencoders.SECONDS)
    return parser.parse_args()


def main() -> None:
    """Measure, print and store row by row."""
    warnings.simplefilter("ignore")
    asked = arguments()
    (path,) = sources.chosen([FILE])
    with uproot.open(path) as file:
        arrays: Arrays = file[TREE].arrays(library="np")
    new = []
    with autoencoders.trainings() as counted:
        for bound in asked.bound or BOUNDS:
            for residual in asked.residual or RESIDUALS:
                for seed in asked.seed or SEEDS:
                    for term in (False, True):
                        new.append(
                            measure(path, arrays, bound, residual, term, seed, counted, asked.train_seconds)
                        )
                        print(new[-1], file=sys.stderr, flush=True)
                        rows = sorted(results.merged("physics_terms", new, *KEYS), key=_order)
                        results.update("physics_terms", rows, {"training seconds": asked.train_seconds})
    results.show("Masses in training", new, {})


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["bound"], row["residual"], row["seed"], TERM.index(row["term"])
