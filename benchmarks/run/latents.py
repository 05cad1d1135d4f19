"""Size against bound of the codecs that store latents, with every residual, beside `classic` and `conditional`.

Also how many latents are worth it: bits of latents against what they save. Whole files; bits are those of each row of
the largest table with latents. Trainings of latents end after `--train-seconds` of processor time at the latest.

`python -m benchmarks run latents [NAME…] [--bound BOUND]… [--codec CODEC]… [--residual KIND]… [--latents N]…
[--train-seconds S]` replaces what it measures again in the results; `--latents` says with how many latents
`autoencoder` is measured besides.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from baler_root.training.effort import RESIDUALS
from benchmarks.data import sources
from benchmarks.record import command_line, results
from benchmarks.run import autoencoders

MATRIX = {
    "pythia_jets_365k": ("lossless", "rel=1e-4", "rel=1e-3", "rel=1e-2"),
    "cms_htt_DY_35k": ("lossless", "rel=1e-3"),
}
WITHOUT = ("classic", "conditional")

SWEEP = (2, 4, 6, 12)
SWEPT = ("pythia_jets_365k", "rel=1e-2", "autoencoder", "bounded")
"""What is measured with other numbers of latents than the usual one."""

KEYS = ("file", "bound", "codec", "residual", "asked")


def wanted(asked: argparse.Namespace) -> Iterator[tuple[str, str, str, str | None, int | None]]:
    """(file, bound, codec, residual, latents asked for) of all that is to be measured."""
    for file, bounds in MATRIX.items():
        if asked.names and not any(name in file for name in asked.names):
            continue
        for bound in bounds:
            if asked.bound and bound not in asked.bound:
                continue
            for codec in (*WITHOUT, *autoencoders.networks()):
                kinds = (None,) if codec in WITHOUT else RESIDUALS
                for kind in kinds:
                    if (
                        (not asked.codec or codec in asked.codec)
                        and (not asked.residual or kind in asked.residual)
                        and (kind is None or (kind == "lossless") == (bound == "lossless"))
                    ):
                        yield file, bound, codec, kind, None
            if (file, bound) == SWEPT[:2] and (not asked.codec or SWEPT[2] in asked.codec):
                yield from ((*SWEPT, count) for count in asked.latents)


def measure(
    job: tuple[str, str, str, str | None, int | None], counted: autoencoders.Trainings, seconds: float
) -> dict[str, Any]:
    """One row."""
    file, bound, codec, residual, latents = job
    keywords: dict[str, Any] = {"codec": codec, "bound": bound}
    if residual is not None:
        keywords |= {"residual": residual, "latents": latents, "train_seconds": seconds}
        keywords["bound"] = None if residual == "lossless" else bound
    (path,) = sources.chosen([file])
    return {**dict(zip(KEYS, job, strict=True)), **autoencoders.measured(path, counted, **keywords)}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--bound", action="append")
    parser.add_argument("--codec", action="append")
    parser.add_argument("--residual", action="append", choices=RESIDUALS)
    parser.add_argument("--latents", action="extend", type=int, nargs="*")
    parser.add_argument("--train-seconds", type=float, default=autoencoders.SECONDS)
    asked = parser.parse_args()
    if asked.latents is None:
        asked.latents = [] if asked.residual else SWEEP
    return asked


def main() -> None:
    """Measure, print and store row by row."""
    warnings.simplefilter("ignore")
    asked = arguments()
    new = []
    with autoencoders.trainings() as counted:
        for job in wanted(asked):
            new.append(measure(job, counted, asked.train_seconds))
            print(new[-1], file=sys.stderr, flush=True)
            rows = results.merged("latents", new, *KEYS)
            autoencoders.against(rows, "file", "bound")
            results.update("latents", ordered(rows), {"training seconds of latents": asked.train_seconds})
    hidden = {"notes", "training s", "compress s", "flagged %", "asked"}
    results.show("Latents", [{k: v for k, v in row.items() if k not in hidden} for row in new], {})


def ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By file, bound, codec, residual and number of latents."""
    codecs = [*WITHOUT, *autoencoders.networks()]
    kinds = [None, *RESIDUALS]
    return sorted(
        rows,
        key=lambda row: (
            list(MATRIX).index(row["file"]),
            MATRIX[row["file"]].index(row["bound"]),
            codecs.index(row["codec"]) if row["codec"] in codecs else len(codecs),
            kinds.index(row["residual"]),
            row["asked"] or 0,
        ),
    )
