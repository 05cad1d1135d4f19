"""A model made by hand, a ROOT file with its columns, and both ends of a wire."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.container.model_references import KnownColumn
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.networks.program import Program
from baler_root.fpga.link import Link
from tests.helpers.models import following, known_column

BOUNDS = {"pt": "rel=0.01", "mass": "rel=0.01", "n": "lossless", "tagged": "lossless"}
LEADERS = (0, 0, 1, 2)
"""Latent that each column follows: `mass` follows that of `pt`."""

Columns = dict[str, NDArray[np.generic]]


def columns(rows: int, seed: int = 3) -> Columns:
    """Four columns.

    The first two have few distinct values, so that codes and values correspond one to one.
    """
    rng = np.random.default_rng(seed)
    pt = rng.choice(np.geomspace(10, 20, 40), rows)
    return {
        "pt": pt.astype("f4"),
        "mass": (pt * rng.choice([1.0, 1.1], rows)).astype("f4"),
        "n": rng.integers(0, 30, rows).astype("i4"),
        "tagged": rng.random(rows) < 0.3,
    }


def stored_model(residual: str = "none", seed: int = 3, limit: int = 256) -> StoredModel:
    """A model of `columns` with latents below `limit`; each seed gives a different model."""
    model_columns, known = [], []
    for name, values in columns(4000, seed).items():
        bound = BOUNDS[name]
        quantised = quantise(values, ErrorBound.parse(bound))
        model_columns.append(known_column(name, quantised.quantiser.to_bytes(), quantised.symbols))
        known.append(KnownColumn(name, "", "data", str(values.dtype), bound, bound))
    model = following(LEADERS, residual, model_columns)
    (dense,) = model.encoder.operations
    dense = replace(dense, low=-limit, high=limit - 1)
    encoder = Program([dense], len(model_columns), -CODE_LIMIT, CODE_LIMIT - 1)
    return StoredModel.of("Events", known, replace(model, encoder=encoder).to_bytes())


def write_model(path: Path, *models: StoredModel) -> Path:
    """A `.balermodel` file."""
    write_model_file(path, models, {}, overwrite=True)
    return path


def link() -> Link:
    """Both ends of a wire."""
    return Link.of(stored_model())


def write_root(path: Path, rows: Columns) -> Path:
    """A ROOT file with these columns."""
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: values.dtype for name, values in rows.items()})
        file["Events"].extend(rows)
    return path


def decoded_arrays(path: Path, tree: str = "Events") -> dict[str, Any]:
    """All branches of a tree in a `.baler` file."""
    with baler_root.open(path) as file:
        arrays = file[tree].arrays()
        return {name: np.asarray(arrays[name]) for name in arrays.fields}
