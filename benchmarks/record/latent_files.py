"""Measurements of files whose codec stores latents: content, errors, and time.

Time limits of training are in processor time here, so that a busy machine trains as much as an idle one.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import awkward as ak
import numpy as np
import torch
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root import ModelReuse
from baler_root.compression.summary import Summary
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.codecs.registry import codec_ids, get_codec
from baler_root.format.model_file import StoredModel, read_model_file, write_model_file
from baler_root.training import latent
from baler_root.training.torch import fit_autoencoder, loop
from baler_root.training.torch import fit_conditional as fit
from benchmarks.data import sources
from benchmarks.record import results
from benchmarks.record.timing import processor_time

SECONDS = 60.0
"""Default time limit [s of processor time] of training a network that makes latents."""

PARTS = ("latents", "residual", "missed", "low_bits")
"""Parts of a page with latents: latents, residual streams, missed rows, and low bits of exact floats."""


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """Add the option `--train-seconds`."""
    parser.add_argument(
        "--train-seconds", type=float, default=SECONDS, help="time limit of training [s of processor time]"
    )


def latent_codecs() -> list[str]:
    """Names of the installed codecs that store latents of tables."""
    codecs = {name: get_codec(name) for name in codec_ids()}
    return [name for name, codec in codecs.items() if not getattr(codec, "grids", True)]


@dataclass(slots=True)
class TrainingTime:
    """Clock of the time that training takes."""

    seconds: float = 0.0
    """Processor time [s] of training since `start`."""

    def start(self) -> None:
        """Reset the time to 0."""
        self.seconds = 0.0

    def counted(self, train: Callable[..., Any]) -> Callable[..., Any]:
        """The function `train`, whose time is added to `seconds`."""

        def run(*arguments: Any, **keywords: Any) -> Any:
            seconds, trained = processor_time(partial(train, *arguments, **keywords))
            self.seconds += seconds
            return trained

        return run


@contextmanager
def timed_training() -> Iterator[TrainingTime]:
    """Context in which training runs on one thread, limited and measured in processor time."""
    training = TrainingTime()
    torch.set_num_threads(1)
    timer = SimpleNamespace(monotonic=time.process_time)
    with (
        mock.patch.object(loop, "time", timer),
        mock.patch.object(
            fit_autoencoder, "fit_autoencoder", training.counted(fit_autoencoder.fit_autoencoder)
        ),
        mock.patch.object(fit, "fit_networks", training.counted(fit.fit_networks)),
    ):
        yield training


@contextmanager
def networks_always_kept() -> Iterator[None]:
    """Context in which training keeps networks that make latents even if they make a file larger."""
    with mock.patch.object(latent, "pays_for_itself", return_value=True):
        yield


def latents_of(path: Path, model: Path, bound: str) -> NDArray[np.int16]:
    """Latents (rows, latents) of all rows of a file, even if they make it larger."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        baler_root.compress(path, target, bound=bound, model=ModelReuse(model, detach=True, always=True))
        with baler_root.open(target, models=model) as file:
            (tree,) = (file[name] for name in file.keys(cycle=False))
            tree_latents = tree.latents()
    rows_latents: NDArray[np.int16] = ak.to_numpy(
        ak.flatten(tree_latents) if tree_latents.ndim > 2 else tree_latents
    )
    return rows_latents


def with_outlier_rows(
    model: Path, latents: NDArray[np.int16], share: float, clusters: int, target: Path
) -> tuple[Path, OutlierDetector]:
    """Write the model to `target` with a detector of outlier rows, as `train --outliers` does.

    The detector is fitted to `latents` so that it flags a share of these rows. Returns the path and the
    detector.
    """
    file = read_model_file(model)
    (stored,) = file.models
    if not isinstance(stored.model, AutoencoderModel):
        raise TypeError(f"{model}: no autoencoder")
    detector = OutlierDetector.fit(latents, share, clusters, seed=0)
    data = replace(stored.model, outlier_detector=detector).to_bytes()
    write_model_file(
        target, [StoredModel.of(stored.trained.tree, stored.trained.columns, data)], file.provenance
    )
    return target, detector


def measure(
    source: Path, counted: TrainingTime, models: Sequence[Path] = (), **keywords: Any
) -> dict[str, Any]:
    """Compress one file and check every value again; returns sizes, parts, errors and rates."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        counted.start()
        compressing, summary = processor_time(partial(baler_root.compress, source, target, **keywords))
        training = counted.seconds
        verification = baler_root.verify(target, source, models=models)
        if verification.problems:
            raise AssertionError(f"{source.stem} {keywords}: {verification.problems}")
        opener = partial(baler_root.open, models=models)
        sources.read_all(opener, target)  # the first call imports and compiles libraries
        decoding, _ = processor_time(partial(sources.read_all, opener, target))
        return {
            **contents(baler_root.inspect(target, models=models), summary),
            **largest_errors(summary),
            "training s": round(training, 1),
            "compress s": round(compressing, 1),
            "decode MB/s": round(summary.raw_size / 1e6 / decoding, 1),
            "notes": "; ".join(note for note in summary.notes if "not used" in note) or None,
        }


def write_root(path: Path, columns: Mapping[str, Any]) -> Path:
    """Write a ROOT file with these arrays in a tree `Events`; returns its path."""
    types = {name: getattr(array, "dtype", None) or array.type.content for name, array in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types).extend(columns)
    return path


def contents(described: dict[str, Any], summary: Summary) -> dict[str, Any]:
    """Sizes [bytes] of the file and its models, and bits per row of the largest table with latents."""
    models = described["parts"].get("model", 0)
    tables = [t["latents"] for tree in described["trees"] for t in tree["tables"] if "latents" in t]
    result = {
        "size": summary.size,
        "model bytes": models,
        "model %": round(100 * models / summary.size, 2),
        "rows": None,
        "latents": None,
        **{f"{part} bits/row": None for part in PARTS},
        "missed %": None,
        "flagged %": None,
    }
    if tables:
        table = max(tables, key=lambda table: table["rows"])
        rows = table["rows"]
        result |= {f"{part} bits/row": round(8 * table["parts"][part] / rows, 2) for part in PARTS}
        result |= {
            "rows": rows,
            "latents": next(m["latents"] for m in described["models"] if m["sha256"] in table["models"]),
            "missed %": round(100 * table["missed"] / rows, 2),
            "flagged %": round(100 * table["outlier_rows"] / rows, 3),
        }
    return result


def largest_errors(summary: Summary) -> dict[str, float]:
    """Largest and RMS error of all bounded branches, in units of their bounds."""
    largest, squares = 0.0, []
    for tree in summary.trees:
        for branch in tree.branches:
            limit = max(ErrorBound.parse(text).largest_error for text in branch.bound.split(" + "))
            if limit:
                largest = max(largest, branch.max_error / limit)
                squares.append((branch.rms_error / limit) ** 2)
    rms = math.sqrt(sum(squares) / len(squares)) if squares else 0.0
    return {"largest error / bound": round(largest, 4), "rms error / bound": round(rms, 4)}


def add_ratios(
    rows: list[dict[str, Any]], *keys: str, column: str = "codec", reference: str = "conditional"
) -> None:
    """Add the ratio of each row's size to that of the row with equal `keys` and `reference` in `column`."""
    sizes = {tuple(row[key] for key in keys): row["size"] for row in rows if row[column] == reference}
    for row in rows:
        row[f"/ {reference}"] = results.ratio(row["size"], sizes.get(tuple(row[key] for key in keys)))
