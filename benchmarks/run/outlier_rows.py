"""Storing outlier rows exactly: cost, and use for data that a model was not trained on.

A model is trained on two simulated processes of the CMS H→ττ files and applied to these and three more,
without the event weight, which is constant in each process and would identify it. Four tables:

- `outlier_rows`: size of each file for several shares of training rows above the threshold.
- `outlier_row_bits`: bits per row above and below the threshold, in separate files, with and without the
  model.
- `outlier_row_scores`: quantiles of the scores of each file's rows.
- `outlier_row_retrieval`: share of VBF signal among the rows with the highest scores of mixtures of
  processes.

`python -m benchmarks run outlier_rows [--codec CODEC] [--bound BOUND] [--train-seconds S]`
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

import baler_root
from baler_root import ModelReuse, TrainingOptions
from benchmarks.record import command_line, latent_files, results
from benchmarks.run import transfer

BOUND = "rel=1e-2"
SHARES = (0.001, 0.01, 0.05)
"""Shares of training rows above the threshold; bits per row are compared at the last one."""
CLUSTERS = (1, 4)

LEFT_OUT = "weight"
SIGNAL = "VBF"
MIXTURES = {"seen": ("DY", "TT"), "unseen": ("W1J", "W2J"), "all": ("DY", "TT", "W1J", "W2J")}
"""Background processes of each mixture."""
TOPS = (0.001, 0.01, 0.05)

Arrays = Mapping[str, NDArray[Any]]
Files = Mapping[str, tuple[Path, Arrays]]
Scores = Mapping[str, NDArray[np.float32]]


def short(path: Path) -> str:
    """Name of the process of a file."""
    return path.stem.split("_")[2]


def prepared(folder: Path) -> Files:
    """File and arrays of each process; processes of the training come first."""
    group = transfer.processes(folder)
    files: dict[str, tuple[Path, Arrays]] = {}
    for path in (*group.seen, *group.unseen):
        with uproot.open(path) as file:
            arrays = file["Events"].arrays(library="np")
        arrays = {name: values for name, values in arrays.items() if name != LEFT_OUT}
        files[short(path)] = latent_files.write_root(folder / f"{short(path)}.root", arrays), arrays
    return files


def sizes(files: Files, models: Mapping[tuple[int, float], Path], bound: str) -> Iterator[dict[str, Any]]:
    """One row per file, number of clusters and share: the cost of storing these rows exactly."""
    nothing: dict[str, int] = {}
    for (clusters, share), model in models.items():
        for name, (path, arrays) in files.items():
            measured = compressed(path, model, bound)
            size = measured["size"]
            plain = nothing.setdefault(name, size)
            flagged = measured["flagged"]
            yield {
                "file": name, "learned from": name in MIXTURES["seen"], "clusters": clusters, "share": share,
                "size": size, "/ none": round(size / plain, 4), "flagged %": round(100 * flagged / len_of(arrays), 3),
                "bits for each flagged": round(8 * (size - plain) / flagged, 1) if flagged else None,
            }  # fmt: skip


def compressed(source: Path, model: Path | None, bound: str) -> dict[str, Any]:
    """Bytes of the file and of its pages, and the number of outlier rows.

    A model is always used, even if the file gets larger, and its own bytes are not counted.
    """
    ways: dict[str, Any] = (
        {"codec": "classic"} if model is None else {"model": ModelReuse(model, detach=True, always=True)}
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        summary = baler_root.compress(source, target, bound=bound, **ways)
        described = baler_root.inspect(target, models=model)
    tables = [table["latents"] for table in described["trees"][0]["tables"] if "latents" in table]
    return {
        "size": summary.size,
        "pages": described["parts"]["pages"],
        "flagged": sum(table["outlier_rows"] for table in tables),
    }


def len_of(arrays: Arrays) -> int:
    """Number of rows."""
    return len(next(iter(arrays.values())))


def bits(
    files: Files,
    scores: Scores,
    clusters: int,
    threshold: float,
    plain: Path,
    bound: str,
    folder: Path,
) -> Iterator[dict[str, Any]]:
    """Bits per row above and below the threshold, for files of the training and for other files."""
    for label, names in (
        ("learned from", MIXTURES["seen"]),
        ("unseen", tuple(set(files) - {*MIXTURES["seen"]})),
    ):
        for what, above in (("flagged", True), ("others", False)):
            masks = {name: (scores[name] > threshold) == above for name in sorted(names)}
            columns = {
                column: np.concatenate([files[name][1][column][mask] for name, mask in masks.items()])
                for column in files[names[0]][1]
            }
            path = latent_files.write_root(folder / "rows.root", columns)
            rows = len_of(columns)
            ways = {
                "with the model": compressed(path, plain, bound),
                "classic": compressed(path, None, bound),
            }
            yield {
                "clusters": clusters, "files": label, "rows": what, "number": rows,
                **{f"bits/row {way}": round(8 * measured["pages"] / rows, 1) for way, measured in ways.items()},
            }  # fmt: skip


def distribution(scores: Scores, clusters: int) -> Iterator[dict[str, Any]]:
    """Scores above which given shares of each file's rows lie."""
    shares = np.logspace(0, -3, 31)
    for name, values in scores.items():
        for share, score in zip(shares, np.quantile(values, 1 - shares), strict=True):
            yield {
                "file": name,
                "clusters": clusters,
                "share above": float(f"{share:.4g}"),
                "score": round(float(score), 3),
            }


def retrieval(scores: Scores, clusters: int) -> Iterator[dict[str, Any]]:
    """Share of signal among the highest scores of each mixture, and the area under the ROC curve."""
    for mixture, names in MIXTURES.items():
        signal, background = scores[SIGNAL], np.concatenate([scores[name] for name in names])
        values = np.concatenate([signal, background])
        is_signal = np.arange(len(values)) < len(signal)
        order = np.argsort(-values, kind="stable")
        below = np.searchsorted(np.sort(background), signal)
        for top in TOPS:
            rows = order[: max(1, round(top * len(values)))]
            share, usual = is_signal[rows].mean(), is_signal.mean()
            yield {
                "clusters": clusters, "background": mixture, "top %": 100 * top, "rows": len(rows),
                "signal among them %": round(100 * share, 1), "signal in all %": round(100 * usual, 1),
                "times as much": round(share / usual, 2), "AUC": round(below.mean() / len(background), 3),
            }  # fmt: skip


def main() -> None:
    """Measure, print and store the results."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument("--codec", default="autoencoder", help="codec")
    parser.add_argument("--bound", default=BOUND, help="error bound")
    latent_files.add_time_limit(parser)
    options = parser.parse_args()
    tables: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in ("outlier_rows", "outlier_row_bits", "outlier_row_scores", "outlier_row_retrieval")
    }
    with tempfile.TemporaryDirectory() as temporary, latent_files.timed_training():
        folder = Path(temporary)
        files = prepared(folder)
        plain = folder / "plain.balermodel"
        baler_root.train([files[name][0] for name in MIXTURES["seen"]], plain, bound=options.bound, codec=options.codec, training=TrainingOptions(seconds=options.train_seconds))  # fmt: skip
        latents = {
            name: latent_files.latents_of(path, plain, options.bound) for name, (path, _) in files.items()
        }
        learned = np.concatenate([latents[name] for name in MIXTURES["seen"]])
        models = {(0, 0.0): plain}
        for clusters in CLUSTERS:
            for share in SHARES:
                target = folder / f"{clusters}-{share}.balermodel"
                models[clusters, share], detector = latent_files.with_outlier_rows(
                    plain, learned, share, clusters, target
                )
            scores = {name: detector.scores(row_latents) for name, row_latents in latents.items()}
            tables["outlier_row_scores"] += distribution(scores, clusters)
            tables["outlier_row_retrieval"] += retrieval(scores, clusters)
            tables["outlier_row_bits"] += bits(
                files, scores, clusters, detector.threshold, plain, options.bound, folder
            )
            print(*tables["outlier_row_bits"][-4:], sep="\n", file=sys.stderr, flush=True)
        tables["outlier_rows"] += sizes(files, models, options.bound)
    about = {
        "bound": options.bound, "codec": options.codec, "share at which bits are compared": SHARES[-1],
        "training seconds": options.train_seconds,
    }  # fmt: skip
    for name, rows in tables.items():
        results.store(name, rows, about)
        if name != "outlier_row_scores":
            results.show(name, rows, about)
