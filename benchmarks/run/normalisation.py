"""What networks should see of a column: how frequent its values are, or min-max of it, or of its logarithm.

Columns with relative bounds have logarithmic axes, those with absolute bounds linear ones, so that min-max of the symbols
is log min-max of a pT and min-max of an angle that have such bounds. It is stretched over the 12 bits of the inputs.
Everything else is the same. Networks are used whether they make the file smaller or not.

`python -m benchmarks run normalisation [NAME…] [--train-seconds S]` replaces what it measures again.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import CODE_BITS, CODE_LIMIT, QuantileAxis
from baler_root.training import latent as autoencoding
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.run import autoencoders

MATRIX = {"pythia_jets_365k": "rel=1e-2", "cms_htt_DY_35k": "rel=1e-2"}
WAYS = ("frequencies", "min-max")

KEYS = ("file", "bound", "normalisation")
KEPT = ("size", "latents bits/row", "residual bits/row", "rows", "training s")

WIDEST = 4.0
"""Inputs are from minus this to this; frequencies give a standard logistic distribution, mostly within as much."""


def min_max(axis: QuantileAxis) -> NDArray[np.int16]:
    """Codes in place of `Axis.codes`."""
    share = np.arange(axis.length) / max(1, axis.length - 1)
    codes = np.round((2 * share - 1) * WIDEST * (1 << CODE_BITS))
    return np.clip(codes, -CODE_LIMIT, CODE_LIMIT - 1).astype(np.int16)


def normalised(way: str) -> AbstractContextManager[Any]:
    """Within, networks see columns that way."""
    return nullcontext() if way == WAYS[0] else mock.patch.object(QuantileAxis, "codes", property(min_max))


def main() -> None:
    """Measure, print and store row by row."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--train-seconds", type=float, default=autoencoders.SECONDS)
    asked = parser.parse_args()
    new = []
    with autoencoders.trainings() as counted, mock.patch.object(autoencoding, "MARGIN", -1e9):
        for file, bound in MATRIX.items():
            if asked.names and not any(name in file for name in asked.names):
                continue
            (path,) = sources.chosen([file])
            for way in WAYS:
                keywords = {"codec": "autoencoder", "bound": bound, "train_seconds": asked.train_seconds}
                with normalised(way):
                    found = autoencoders.measured(path, counted, **keywords)
                new.append(
                    {"file": file, "bound": bound, "normalisation": way}
                    | {name: found[name] for name in KEPT}
                )
                print(new[-1], file=sys.stderr, flush=True)
                rows = results.merged("normalisation", new, *KEYS)
                results.update("normalisation", rows, {"training seconds": asked.train_seconds})
    results.show("Normalisation", new, {})
