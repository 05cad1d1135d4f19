"""Models of random networks for firmware, and marks for tests that need other programs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.container.model_references import KnownColumn
from baler_root.format.model_file import StoredModel, write_model_file
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.program import Program
from tests.helpers.models import known_column, random_autoencoder

BRANCHES = ("pt", "mass", "energy", "count")
Make = Callable[..., Path]
INSTALLED = {name: shutil.which(name) is not None for name in ("g++", "verilator", "yosys", "iverilog")}

needs_verilator = pytest.mark.skipif(
    not (INSTALLED["verilator"] and INSTALLED["g++"]), reason="verilator or g++ is not installed"
)
needs_compiler = pytest.mark.skipif(not INSTALLED["g++"], reason="g++ is not installed")


def values_of(rows: int = 3000, seed: int = 5) -> dict[str, NDArray[np.generic]]:
    """Values of the four branches."""
    rng = np.random.default_rng(seed)
    floats = {name: rng.exponential(50.0, rows).astype(np.float32) for name in BRANCHES[:3]}
    return {**floats, "count": rng.integers(0, 40, rows).astype(np.int32)}


def write_values(path: Path, values: dict[str, NDArray[np.generic]]) -> Path:
    """A ROOT file with these branches in its tree `Events`."""
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: array.dtype for name, array in values.items()})
        file["Events"].extend(values)
    return path


def dense(rng: np.random.Generator, inputs: int, outputs: int, shift: int, low: int, high: int) -> Dense:
    """A layer of random weights, a fifth of them 0."""
    weights = rng.integers(-30, 31, (outputs, inputs)).astype(np.int8)
    weights[rng.random(weights.shape) < 0.2] = 0
    return Dense(weights, rng.integers(-9999, 9999, outputs).astype(np.int32), shift, low, high)


def small_encoder(rng: np.random.Generator) -> Program:
    """An encoder that saturates in both layers; one latent is always 0, one is narrow."""
    last = dense(rng, 6, 4, 5, -128, 127)
    last.weight[1], last.bias[1] = 0, 0
    last.weight[2] = [0, 0, 1, 0, 0, 0]
    last.bias[2] = 0
    return Program([dense(rng, 4, 6, 6, 0, 1023), last], 4, -CODE_LIMIT, CODE_LIMIT - 1)


def model_of(encoder: Program, latents: int = 4, decoder: Program | None = None) -> AutoencoderModel:
    """A model of the four branches with this encoder."""
    columns = []
    for name, values in values_of().items():
        bound = ErrorBound.parse("rel=0.001" if values.dtype.kind == "f" else "lossless")
        quantised = quantise(values, bound)
        columns.append(known_column(name, quantised.quantiser.to_bytes(), quantised.symbols))
    return random_autoencoder(columns, latents=latents, encoder=encoder, decoder=decoder)


def write_model(path: Path, model: AutoencoderModel, trees: tuple[str, ...] = ("Events",)) -> Path:
    """A `.balermodel` file with the model, once for each tree."""
    known = [
        KnownColumn(name, "", "data", str(values.dtype), bound, bound)
        for name, values in values_of().items()
        for bound in ["rel=0.001" if values.dtype.kind == "f" else "lossless"]
    ]
    write_model_file(path, [StoredModel.of(tree, known, model.to_bytes()) for tree in trees], {})
    return path


def changed(path: Path, old: str, new: str) -> None:
    """Replace the first `old` in a text file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
