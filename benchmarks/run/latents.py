"""Codecs that store latents: size at several bounds, with every residual, beside `classic` and `conditional`.

Also measured: size as a function of the number of latents. Sizes are those of whole files; bits are per row
of the largest table with latents. Training ends after `--train-seconds` of processor time at the latest.

`python -m benchmarks run latents [NAME…] [--bound BOUND]… [--codec CODEC]… [--residual KIND]… [--latents
N]… [--train-seconds S]` replaces the rows that it measures; `--latents` adds numbers of latents for
`autoencoder`.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from baler_root import LatentOptions, TrainingOptions
from baler_root.format.codecs.latent.model import ResidualMode
from benchmarks.data import sources
from benchmarks.record import command_line, latent_files, results

RESIDUALS = tuple(residual.value for residual in ResidualMode)

MATRIX = {
    "pythia_jets_365k": ("lossless", "rel=1e-4", "rel=1e-3", "rel=1e-2"),
    "cms_htt_DY_35k": ("lossless", "rel=1e-3"),
}
WITHOUT = ("classic", "conditional")

SWEEP = (2, 4, 6, 12)
SWEPT = ("pythia_jets_365k", "rel=1e-2", "autoencoder", "bounded")
"""File, bound, codec and residual that are also measured with the numbers of latents in `SWEEP`."""

KEYS = ("file", "bound", "codec", "residual", "asked")


def jobs(options: argparse.Namespace) -> Iterator[tuple[str, str, str, str | None, int | None]]:
    """(file, bound, codec, residual, number of latents) of each row; None is the default number."""
    for file, bounds in MATRIX.items():
        if options.names and not any(name in file for name in options.names):
            continue
        for bound in bounds:
            if options.bound and bound not in options.bound:
                continue
            for codec in (*WITHOUT, *latent_files.latent_codecs()):
                kinds = (None,) if codec in WITHOUT else RESIDUALS
                for kind in kinds:
                    if (
                        (not options.codec or codec in options.codec)
                        and (not options.residual or kind in options.residual)
                        and (kind is None or (kind == "lossless") == (bound == "lossless"))
                    ):
                        yield file, bound, codec, kind, None
            if (file, bound) == SWEPT[:2] and (not options.codec or SWEPT[2] in options.codec):
                yield from ((*SWEPT, count) for count in options.latents)


def measure(
    job: tuple[str, str, str, str | None, int | None], counted: latent_files.TrainingTime, seconds: float
) -> dict[str, Any]:
    """One row of the results."""
    file, bound, codec, residual, latents = job
    keywords: dict[str, Any] = {"codec": codec, "bound": bound}
    if residual is not None:
        keywords["codec"] = LatentOptions(codec, latents, residual)
        keywords["training"] = TrainingOptions(seconds=seconds)
        keywords["bound"] = None if residual == "lossless" else bound
    (path,) = sources.chosen([file])
    return {**dict(zip(KEYS, job, strict=True)), **latent_files.measure(path, counted, **keywords)}


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="files whose name contains one of these words"
    )
    parser.add_argument("--bound", action="append", help="error bound; may be repeated")
    parser.add_argument("--codec", action="append", help="codec; may be repeated")
    parser.add_argument(
        "--residual", action="append", choices=RESIDUALS, help="kind of residual; may be repeated"
    )
    parser.add_argument(
        "--latents", action="extend", type=int, nargs="*", help="numbers of latents for `autoencoder`"
    )
    latent_files.add_time_limit(parser)
    options = parser.parse_args()
    if options.latents is None:
        options.latents = [] if options.residual else SWEEP
    return options


def main() -> None:
    """Measure, print and store the results row by row."""
    warnings.simplefilter("ignore")
    options = arguments()
    new = []
    with latent_files.timed_training() as counted:
        for job in jobs(options):
            new.append(measure(job, counted, options.train_seconds))
            print(new[-1], file=sys.stderr, flush=True)
            rows = results.merged("latents", new, *KEYS)
            latent_files.add_ratios(rows, "file", "bound")
            results.update("latents", ordered(rows), {"training seconds of latents": options.train_seconds})
    hidden = {"notes", "training s", "compress s", "flagged %", "asked"}
    results.show("Latents", [{k: v for k, v in row.items() if k not in hidden} for row in new], {})


def ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows sorted by file, bound, codec, residual and number of latents."""
    codecs = [*WITHOUT, *latent_files.latent_codecs()]
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
