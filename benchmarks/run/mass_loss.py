"""A mass as a term of the training loss (`[[physics]]` in a rules file): accuracy of latents, and size.

The mass is that of muon and tau in CMS H→ττ. Bounds hold with any training, so decoded masses are as accurate
with the term as without. It may change masses predicted from latents alone, before residuals and missed
rows, and the size. Networks are used here even if they make the file larger.

`python -m benchmarks run mass_loss [--bound BOUND]… [--seed N]… [--train-seconds S]` replaces rows that it
measures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root import LatentOptions, TrainingOptions
from baler_root.compression.quantisation.quantise import quantise_as
from baler_root.compression.rules.rules import Rules
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.latent.columns import latents_of, point_predictions
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.training.pair_masses import PairMass
from benchmarks.data import sources
from benchmarks.record import command_line, latent_files, results

FILE, TREE = "cms_htt_DY_35k", "Events"
PAIR = tuple(f"{leg}_{name}" for leg in ("muon", "tau") for name in ("pt", "eta", "phi", "m"))
BOUNDS, SEEDS = ("rel=1e-2", "rel=1e-1"), (0, 1)
RESIDUALS: tuple[str, ...] = ("bounded", "none")
TERM = "without", "with"

KEYS = ("bound", "residual", "term", "seed")
Arrays = dict[str, NDArray[Any]]


def mass(arrays: Arrays) -> NDArray[np.float64]:
    """Invariant mass of the pair, in double precision and the unit of the branches."""
    energy, momentum = np.zeros(len(arrays[PAIR[0]])), np.zeros((3, len(arrays[PAIR[0]])))
    for leg in (PAIR[:4], PAIR[4:]):
        pt, eta, phi, m = (arrays[name].astype(np.float64) for name in leg)
        momentum += pt * np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)])
        energy += np.sqrt((pt * np.cosh(eta)) ** 2 + m**2)
    return np.asarray(np.sqrt(np.maximum(energy**2 - (momentum**2).sum(0), 0.0)))


def predicted(model: AutoencoderModel, arrays: Arrays, bound: ErrorBound) -> Arrays:
    """Columns of the pair as predicted from the latents alone; columns without a model as they are."""
    places = {}
    quantisers = {}
    for n, column in enumerate(model.columns):
        quantisers[n], _ = Quantiser.from_bytes(column.quantiser)
        values = arrays[column.name]
        quantised = quantise_as(
            values, bound if values.dtype.kind == "f" else ErrorBound("lossless"), quantisers[n]
        )
        if quantised is None:
            raise AssertionError(f"the quantiser of {column.name} misses the bound")
        places[n] = column.axis.places(quantised.symbols)
    result = dict(arrays)
    pair = {n: n for n, column in enumerate(model.columns) if column.name in PAIR}
    for n in pair:
        result[model.columns[n].name] = np.empty(len(places[n]))
    for n, rows, predictions in point_predictions(model, latents_of(model, places), pair):
        symbols = (predictions + model.columns[n].axis.low).astype(np.uint64)
        result[model.columns[n].name][rows] = quantisers[n].values(symbols)
    return result


def resolution(masses: NDArray[np.float64], true: NDArray[np.float64]) -> tuple[float, float]:
    """RMS of the relative differences [%], and the limit within which 68 % of them are."""
    difference = 100 * np.abs(masses / true - 1)
    return float(np.sqrt(np.mean(difference**2))), float(np.quantile(difference, 0.683))


def measure(
    path: Path,
    arrays: Arrays,
    bound: str,
    residual: str,
    term: bool,
    seed: int,
    counted: latent_files.TrainingTime,
    seconds: float,
) -> dict[str, Any]:
    """One row of the results."""
    rules = Rules(default=ErrorBound.parse(bound), masses=(PairMass(PAIR),) if term else ())
    with tempfile.TemporaryDirectory() as folder, latent_files.networks_always_kept():
        target = Path(folder) / "out.baler"
        counted.start()
        summary = baler_root.compress(
            path,
            target,
            rules=rules,
            codec=LatentOptions("autoencoder", residual=residual),
            training=TrainingOptions(seconds=seconds, seed=seed),
        )
        with baler_root.open(target) as file:
            decoded = file[TREE].arrays(PAIR, library="np")
        with open_file(target) as opened:
            (model,) = (AutoencoderModel.from_bytes(opened.models[digest]) for digest in opened.models)
        contents = latent_files.contents(baler_root.inspect(target), summary)
    true = mass(arrays)
    file_resolution, latent_resolution = (
        resolution(mass(columns), true) for columns in (decoded, predicted(model, arrays, rules.default))
    )
    return {
        **dict(zip(KEYS, (bound, residual, TERM[term], seed), strict=True)),
        "size": summary.size,
        **{
            name: contents[name]
            for name in ("latents bits/row", "residual bits/row", "missed bits/row", "missed %")
        },
        "file: RMS of mass %": round(file_resolution[0], 4),
        "file: 68 % of masses %": round(file_resolution[1], 4),
        "latents: RMS of mass %": round(latent_resolution[0], 2),
        "latents: 68 % of masses %": round(latent_resolution[1], 2),
        "training s": round(counted.seconds, 1),
    }


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--bound", action="append", help="error bound; may be repeated")
    parser.add_argument(
        "--residual", action="append", choices=RESIDUALS, help="kind of residual; may be repeated"
    )
    parser.add_argument("--seed", action="append", type=int, help="random seed; may be repeated")
    latent_files.add_time_limit(parser)
    return parser.parse_args()


def main() -> None:
    """Measure, print and store the results row by row."""
    warnings.simplefilter("ignore")
    options = arguments()
    (path,) = sources.chosen([FILE])
    with uproot.open(path) as file:
        arrays: Arrays = file[TREE].arrays(library="np")
    new = []
    with latent_files.timed_training() as counted:
        for bound in options.bound or BOUNDS:
            for residual in options.residual or RESIDUALS:
                for seed in options.seed or SEEDS:
                    for term in (False, True):
                        new.append(
                            measure(path, arrays, bound, residual, term, seed, counted, options.train_seconds)
                        )
                        print(new[-1], file=sys.stderr, flush=True)
                        rows = sorted(results.merged("mass_loss", new, *KEYS), key=_order)
                        results.update("mass_loss", rows, {"training seconds": options.train_seconds})
    results.show("Masses in the loss", new, {})


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["bound"], row["residual"], row["seed"], TERM.index(row["term"])
