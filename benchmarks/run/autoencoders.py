"""Files of codecs that store latents, measured: what is in them, how far values are off, how long it takes.

Trainings may be limited in seconds. Those are counted as processor time here, so that a busy machine trains as much
as an idle one.
"""

from __future__ import annotations

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
from baler_root.compression.models import reuse
from baler_root.compression.summary import Summary
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.format.codecs.registry import codec_ids, get_codec
from baler_root.format.model_file import StoredModel, read_model_file, write_model_file
from baler_root.training.torch import fit_autoencoder as autoencode
from baler_root.training.torch import fit_conditional as fit
from baler_root.training.torch import loop
from benchmarks.run.size import ratio
from benchmarks.run.speed import read_all
from benchmarks.run.throughput import clock

SECONDS = 60.0
"""Of training at most, where a network makes latents."""

PARTS = ("latents", "residual", "missed", "low_bits")
"""What pages with latents hold of columns that these tell of: them, streams of what they miss, rows that they miss, and
the low bits of exact floats.
"""


def networks() -> list[str]:
    """The installed codecs that make latents of tables."""
    found = {name: get_codec(name) for name in codec_ids()}
    return [name for name, codec in found.items() if not getattr(codec, "grids", True)]


@dataclass(slots=True)
class Trainings:
    """What training took."""

    seconds: float = 0.0
    """Of processor time, since `start`."""

    def start(self) -> None:
        """Count from nothing."""
        self.seconds = 0.0

    def counted(self, train: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, whose seconds count."""

        def run(*arguments: Any, **keywords: Any) -> Any:
            seconds, trained = clock(partial(train, *arguments, **keywords))
            self.seconds += seconds
            return trained

        return run


@contextmanager
def trainings() -> Iterator[Trainings]:
    """Trainings within are counted, on one thread, in processor time."""
    out = Trainings()
    torch.set_num_threads(1)
    timer = SimpleNamespace(monotonic=time.process_time)
    with (
        mock.patch.object(loop, "time", timer),
        mock.patch.object(autoencode, "fit_autoencoder", out.counted(autoencode.fit_autoencoder)),
        mock.patch.object(fit, "fit_networks", out.counted(fit.fit_networks)),
    ):
        yield out


@contextmanager
def insisting() -> Iterator[None]:
    """Models are used within, whether they make a file smaller or not: `compress --model` leaves them out if not."""
    with (
        mock.patch.object(reuse, "WORTHWHILE", -math.inf),
        mock.patch.object(reuse, "_worth", lambda match, gains: match.numbers),  # noqa: ARG005
    ):
        yield


def latents(path: Path, model: Path, bound: str) -> NDArray[np.int16]:
    """The latents of all rows of a file, whether or not they make it smaller."""
    with tempfile.TemporaryDirectory() as where, insisting():
        target = Path(where) / "out.baler"
        baler_root.compress(path, target, bound=bound, model=model, detach_model=True)
        with baler_root.open(target, models=model) as file:
            (tree,) = (file[name] for name in file.keys(cycle=False))
            found = tree.latents()
    out: NDArray[np.int16] = ak.to_numpy(ak.flatten(found) if found.ndim > 2 else found)
    return out


def flagging(
    model: Path, found: NDArray[np.int16], share: float, clusters: int, target: Path
) -> tuple[Path, OutlierDetector]:
    """The same model, with a share of the rows that have these latents flagged, as `train --outliers` would."""
    file = read_model_file(model)
    (stored,) = file.models
    if not isinstance(stored.model, AutoencoderModel):
        raise TypeError(f"{model}: no autoencoder")
    anomaly = OutlierDetector.fit(found, share, clusters, seed=0)
    data = replace(stored.model, anomaly=anomaly).to_bytes()
    write_model_file(
        target, [StoredModel.of(stored.trained.tree, stored.trained.columns, data)], file.provenance
    )
    return target, anomaly


def measured(
    source: Path, counted: Trainings, models: Sequence[Path] = (), **keywords: Any
) -> dict[str, Any]:
    """One file compressed, every bound checked on every value again: sizes, parts, errors, rates."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        counted.start()
        compressing, summary = clock(partial(baler_root.compress, source, target, **keywords))
        training = counted.seconds
        found = baler_root.verify(target, source, models=models)
        if found.problems:
            raise AssertionError(f"{source.stem} {keywords}: {found.problems}")
        opener = partial(baler_root.open, models=models)
        read_all(opener, target)  # libraries are imported and compiled at the first time
        decoding, _ = clock(partial(read_all, opener, target))
        return {
            **held(baler_root.inspect(target, models=models), summary),
            **errors(summary),
            "training s": round(training, 1),
            "compress s": round(compressing, 1),
            "decode MB/s": round(summary.raw_size / 1e6 / decoding, 1),
            "notes": "; ".join(note for note in summary.notes if "not used" in note) or None,
        }


def write(path: Path, columns: Mapping[str, Any]) -> Path:
    """A ROOT file with these arrays in a tree `Events`; returns where it is."""
    types = {name: getattr(array, "dtype", None) or array.type.content for name, array in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree("Events", types).extend(columns)
    return path


def held(described: dict[str, Any], summary: Summary) -> dict[str, Any]:
    """Sizes in bytes, and bits a row of the table with latents; of the largest table where there are several."""
    models = described["parts"].get("model", 0)
    tables = [t["latents"] for tree in described["trees"] for t in tree["tables"] if "latents" in t]
    out = {
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
        out |= {f"{part} bits/row": round(8 * table["parts"][part] / rows, 2) for part in PARTS}
        out |= {
            "rows": rows,
            "latents": next(m["latents"] for m in described["models"] if m["sha256"] in table["models"]),
            "missed %": round(100 * table["missed"] / rows, 2),
            "flagged %": round(100 * table["anomalies"] / rows, 3),
        }
    return out


def errors(summary: Summary) -> dict[str, float]:
    """The largest and the RMS error of all bounded branches, as shares of their bounds."""
    largest, squares = 0.0, []
    for tree in summary.trees:
        for branch in tree.branches:
            bounds = [ErrorBound.parse(text) for text in branch.bound.split(" + ")]
            limit = max(bound.value for bound in bounds if bound.kind in ("lossless", "abs", "rel"))
            if limit:
                largest = max(largest, branch.max_error / limit)
                squares.append((branch.rms_error / limit) ** 2)
    rms = math.sqrt(sum(squares) / len(squares)) if squares else 0.0
    return {"largest error / bound": round(largest, 4), "rms error / bound": round(rms, 4)}


def against(rows: list[dict[str, Any]], *keys: str, what: str = "codec", one: str = "conditional") -> None:
    """Adds to each row its size over that of `one` where all `keys` are the same."""
    sizes = {tuple(row[key] for key in keys): row["size"] for row in rows if row[what] == one}
    for row in rows:
        row[f"/ {one}"] = ratio(row["size"], sizes.get(tuple(row[key] for key in keys)))
