"""Normalisation of the inputs of networks: by the frequency of values, or by minimum and maximum.

Symbols are logarithmic in the value for relative bounds and linear for absolute ones. Scaling symbols by
minimum and maximum is therefore log min-max scaling for a pT and min-max scaling for an angle with such
bounds. It fills the 12 bits of the inputs. Everything else is the same. Networks are used even if they make
the file larger.

`python -m benchmarks run normalisation [NAME…] [--train-seconds S]` replaces the rows that it measures.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from baler_root import TrainingOptions
from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT, QuantileAxis
from benchmarks.data import sources
from benchmarks.record import command_line, latent_files, results

MATRIX = {"pythia_jets_365k": "rel=1e-2", "cms_htt_DY_35k": "rel=1e-2"}
WAYS = ("frequencies", "min-max")

KEYS = ("file", "bound", "normalisation")
KEPT = ("size", "latents bits/row", "residual bits/row", "rows", "training s")

WIDEST = 4.0
"""Largest input, positive or negative; inputs normalised by frequency are logistic, mostly within it."""


def min_max(axis: QuantileAxis) -> NDArray[np.int16]:
    """Replacement of `QuantileAxis.codes`: input codes that are linear in the symbol."""
    share = np.arange(axis.length) / max(1, axis.length - 1)
    codes = np.round((2 * share - 1) * WIDEST * (1 << CODE_BITS))
    return np.clip(codes, -CODE_LIMIT, CODE_LIMIT - 1).astype(np.int16)


def normalised(normalisation: str) -> AbstractContextManager[Any]:
    """Context in which inputs of networks are normalised this way."""
    return (
        nullcontext()
        if normalisation == WAYS[0]
        else mock.patch.object(QuantileAxis, "codes", property(min_max))
    )


def main() -> None:
    """Measure, print and store the results row by row."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="files whose name contains one of these words"
    )
    latent_files.add_time_limit(parser)
    options = parser.parse_args()
    new = []
    with latent_files.timed_training() as counted, latent_files.networks_always_kept():
        for file, bound in MATRIX.items():
            if options.names and not any(name in file for name in options.names):
                continue
            (path,) = sources.chosen([file])
            for normalisation in WAYS:
                keywords: dict[str, Any] = {
                    "codec": "autoencoder",
                    "bound": bound,
                    "training": TrainingOptions(seconds=options.train_seconds),
                }
                with normalised(normalisation):
                    measured = latent_files.measure(path, counted, **keywords)
                new.append(
                    {"file": file, "bound": bound, "normalisation": normalisation}
                    | {name: measured[name] for name in KEPT}
                )
                print(new[-1], file=sys.stderr, flush=True)
                rows = results.merged("normalisation", new, *KEYS)
                results.update("normalisation", rows, {"training seconds": options.train_seconds})
    results.show("Normalisation", new, {})
