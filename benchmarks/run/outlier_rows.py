"""Whether it helps with unseen data to keep rows exactly that are unlike the others.

A model learns from two simulated processes of the CMS H→ττ files and is used for these and three more, without the
event weight: it is one number for each process, and would tell them apart. Four tables:

- `anomalies`: size of each file as a function of the share of the rows learned from that is above the threshold.
- `anomaly_bits`: bits that rows above and below the threshold take, in files of their own, with and without the model.
- `anomaly_scores`: the scores above which shares of each file's rows lie.
- `anomaly_retrieval`: how much VBF signal is among the rows with the highest scores of mixtures of processes.

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
from benchmarks.record import command_line, results
from benchmarks.run import autoencoders, transfer

BOUND = "rel=1e-2"
SHARES = (0.001, 0.01, 0.05)
"""Bits of rows are compared at the last: there are enough of them for the rest of a file not to matter."""
CLUSTERS = (1, 4)

LEFT_OUT = "weight"
SIGNAL = "VBF"
MIXTURES = {"seen": ("DY", "TT"), "unseen": ("W1J", "W2J"), "all": ("DY", "TT", "W1J", "W2J")}
"""Background of each mixture."""
TOPS = (0.001, 0.01, 0.05)

Arrays = Mapping[str, NDArray[Any]]
Files = Mapping[str, tuple[Path, Arrays]]
Scores = Mapping[str, NDArray[np.float32]]


def short(path: Path) -> str:
    """The process of a file."""
    return path.stem.split("_")[2]


def prepared(where: Path) -> Files:
    """File and arrays of each process, those learned from first."""
    group = transfer.processes(where)
    out: dict[str, tuple[Path, Arrays]] = {}
    for path in (*group.seen, *group.unseen):
        with uproot.open(path) as file:
            arrays = file["Events"].arrays(library="np")
        arrays = {name: values for name, values in arrays.items() if name != LEFT_OUT}
        out[short(path)] = autoencoders.write(where / f"{short(path)}.root", arrays), arrays
    return out


def sizes(files: Files, models: Mapping[tuple[int, float], Path], bound: str) -> Iterator[dict[str, Any]]:
    """A row for each file, number of clusters and share: what it takes to keep those rows exactly."""
    nothing: dict[str, int] = {}
    for (clusters, share), model in models.items():
        for name, (path, arrays) in files.items():
            found = compressed(path, model, bound)
            size = found["size"]
            plain = nothing.setdefault(name, size)
            kept = found["flagged"]
            yield {
                "file": name, "learned from": name in MIXTURES["seen"], "clusters": clusters, "share": share,
                "size": size, "/ none": round(size / plain, 4), "flagged %": round(100 * kept / len_of(arrays), 3),
                "bits for each flagged": round(8 * (size - plain) / kept, 1) if kept else None,
            }  # fmt: skip


def compressed(source: Path, model: Path | None, bound: str) -> dict[str, Any]:
    """Bytes of the file and of its pages, and how many of its rows are flagged; a model is used whatever it saves, and
    its own bytes do not count.
    """
    ways: dict[str, Any] = {"codec": "classic"} if model is None else {"model": model, "detach_model": True}
    with tempfile.TemporaryDirectory() as where, autoencoders.insisting():
        target = Path(where) / "out.baler"
        summary = baler_root.compress(source, target, bound=bound, **ways)
        described = baler_root.inspect(target, models=model)
    tables = [table["latents"] for table in described["trees"][0]["tables"] if "latents" in table]
    return {
        "size": summary.size,
        "pages": described["parts"]["pages"],
        "flagged": sum(table["anomalies"] for table in tables),
    }


def len_of(arrays: Arrays) -> int:
    """Rows."""
    return len(next(iter(arrays.values())))


def bits(
    files: Files,
    found: Scores,
    clusters: int,
    threshold: float,
    plain: Path,
    bound: str,
    where: Path,
) -> Iterator[dict[str, Any]]:
    """Bits of the rows above the threshold and of the others, of all files learned from and of all others."""
    for label, names in (
        ("learned from", MIXTURES["seen"]),
        ("unseen", tuple(set(files) - {*MIXTURES["seen"]})),
    ):
        for what, above in (("flagged", True), ("others", False)):
            masks = {name: (found[name] > threshold) == above for name in sorted(names)}
            columns = {
                column: np.concatenate([files[name][1][column][mask] for name, mask in masks.items()])
                for column in files[names[0]][1]
            }
            path = autoencoders.write(where / "rows.root", columns)
            rows = len_of(columns)
            ways = {
                "with the model": compressed(path, plain, bound),
                "classic": compressed(path, None, bound),
            }
            yield {
                "clusters": clusters, "files": label, "rows": what, "number": rows,
                **{f"bits/row {way}": round(8 * one["pages"] / rows, 1) for way, one in ways.items()},
            }  # fmt: skip


def distribution(found: Scores, clusters: int) -> Iterator[dict[str, Any]]:
    """The scores above which shares of each file's rows lie."""
    shares = np.logspace(0, -3, 31)
    for name, values in found.items():
        for share, score in zip(shares, np.quantile(values, 1 - shares), strict=True):
            yield {
                "file": name,
                "clusters": clusters,
                "share above": float(f"{share:.4g}"),
                "score": round(float(score), 3),
            }


def retrieval(found: Scores, clusters: int) -> Iterator[dict[str, Any]]:
    """How much signal is among the highest scores of a mixture, and how well scores order the two."""
    for mixture, names in MIXTURES.items():
        signal, background = found[SIGNAL], np.concatenate([found[name] for name in names])
        every = np.concatenate([signal, background])
        is_signal = np.arange(len(every)) < len(signal)
        order = np.argsort(-every, kind="stable")
        below = np.searchsorted(np.sort(background), signal)
        for top in TOPS:
            rows = order[: max(1, round(top * len(every)))]
            share, usual = is_signal[rows].mean(), is_signal.mean()
            yield {
                "clusters": clusters, "background": mixture, "top %": 100 * top, "rows": len(rows),
                "signal among them %": round(100 * share, 1), "signal in all %": round(100 * usual, 1),
                "times as much": round(share / usual, 2), "AUC": round(below.mean() / len(background), 3),
            }  # fmt: skip


def main() -> None:
    """Measure, print and store."""
    warnings.simplefilter("ignore")
    parser = command_line.parser(__doc__)
    parser.add_argument("--codec", default="autoencoder")
    parser.add_argument("--bound", default=BOUND)
    parser.add_argument("--train-seconds", type=float, default=autoencoders.SECONDS)
    asked = parser.parse_args()
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("anomalies", "anomaly_bits", "anomaly_scores", "anomaly_retrieval")
    }
    with tempfile.TemporaryDirectory() as folder, autoencoders.trainings():
        where = Path(folder)
        files = prepared(where)
        plain = where / "plain.balermodel"
        baler_root.train(
            [files[name][0] for name in MIXTURES["seen"]], plain,
            bound=asked.bound, codec=asked.codec, train_seconds=asked.train_seconds,
        )  # fmt: skip
        latents = {name: autoencoders.latents(path, plain, asked.bound) for name, (path, _) in files.items()}
        learned = np.concatenate([latents[name] for name in MIXTURES["seen"]])
        models = {(0, 0.0): plain}
        for clusters in CLUSTERS:
            for share in SHARES:
                target = where / f"{clusters}-{share}.balermodel"
                models[clusters, share], anomaly = autoencoders.flagging(
                    plain, learned, share, clusters, target
                )
            found = {name: anomaly.scores(own) for name, own in latents.items()}
            tables["anomaly_scores"] += distribution(found, clusters)
            tables["anomaly_retrieval"] += retrieval(found, clusters)
            tables["anomaly_bits"] += bits(
                files, found, clusters, anomaly.threshold, plain, asked.bound, where
            )
            print(*tables["anomaly_bits"][-4:], sep="\n", file=sys.stderr, flush=True)
        tables["anomalies"] += sizes(files, models, asked.bound)
    about = {
        "bound": asked.bound, "codec": asked.codec, "share at which bits are compared": SHARES[-1],
        "training seconds": asked.train_seconds,
    }  # fmt: skip
    for name, rows in tables.items():
        results.store(name, rows, about)
        if name != "anomaly_scores":
            results.show(name, rows, about)
