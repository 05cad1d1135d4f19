"""Baler's default autoencoder beside `.baler` files and gzip, on the table of Baler's CMS study.

One run compresses 24 variables of jets, as one float64 table. `rivals/baler_autoencoder` describes "Baler
default". Its size is that of latents and scales of the columns, as a compressed npz, and of the model: once
with encoder and decoder, as Baler stores it, once with the decoder alone, which is enough to read. It has
no error bound; `baler_errors` lists the errors of each variable.

`.baler` files are whole files with the content of the ROOT file, including the assignment of jets to
events. Their bounds: pT and mass 0.2 %, η and φ 3e-5, the typical errors that Baler reports; other floats 1
%, for which Baler reports none; integers exact.

`seconds` is the time of training on the clock; for `.baler` files that of all of `compress`.

`python -m benchmarks run baler [--epochs N] [--seconds S] [--latents N] [--only LABEL]…`: with `--only`,
only these `.baler` codecs are measured, and all other rows are kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

import baler_root
from benchmarks.data import sources
from benchmarks.record import command_line, latent_files, results
from benchmarks.record.timing import processor_time
from benchmarks.rivals.baler_autoencoder import LATENTS, Dense, Table, train

FILE = sources.DATA / "generated" / "pythia_jets_365k.root"
TREE, VARIABLES = "Events", "jet_*"

CODECS: list[tuple[str, dict[str, Any]]] = [
    ("classic", {"codec": "classic"}),
    ("conditional", {"codec": "conditional"}),
    *((name, {"codec": name}) for name in latent_files.latent_codecs()),
]
"""(label, keywords of `compress`) of each `.baler` file."""

BOUND = "rel=1e-2"
BRANCH_BOUNDS = {"jet_pt": "rel=2e-3", "jet_mass": "rel=2e-3", "jet_eta": "abs=3e-5", "jet_phi": "abs=3e-5"}

EPOCHS, SECONDS = 100, 600.0


def table_of(file: Any) -> tuple[list[str], Table]:
    """Names of the variables, and their values as a float64 table with one row per jet."""
    arrays = file[TREE].arrays(filter_name=VARIABLES)
    columns = [ak.to_numpy(ak.flatten(arrays[name])).astype(np.float64) for name in arrays.fields]
    return arrays.fields, np.stack(columns, axis=1)


def errors(names: list[str], table: Table, decoded: Table, what: str) -> list[dict[str, Any]]:
    """One row per variable: differences, and relative differences [%] of values other than 0."""
    rows = []
    for name, before, after in zip(names, table.T, decoded.T, strict=True):
        difference = after - before
        ordinary = before != 0
        relative = 100 * np.abs(difference[ordinary] / before[ordinary])
        statistics = {
            "standard deviation": before.std(),
            "mean difference": difference.mean(),
            "RMS difference": np.sqrt(np.mean(difference**2)),
            "largest difference": np.abs(difference).max(),
            "median relative %": np.median(relative) if relative.size else 0.0,
            "RMS relative %": np.sqrt(np.mean(relative**2)) if relative.size else 0.0,
            "largest relative %": relative.max() if relative.size else 0.0,
        }
        rows.append(
            {"variable": name, "what": what}
            | {key: float(f"{value:.4g}") for key, value in statistics.items()}
        )
    return rows


def row(table: Table, what: str, size: int, **more: Any) -> dict[str, Any]:
    """One row of the result; rates are MB of float64 per second of processor time."""
    encoding, decoding = (more.pop(key, None) for key in ("encoding", "decoding"))
    empty = dict.fromkeys(("bound", "model bytes", "seconds"))
    return {
        "what": what,
        "size": size,
        "% of float64": round(100 * size / table.nbytes, 2),
        **empty,
        **more,
        "encode MB/s": None if encoding is None else round(table.nbytes / 1e6 / encoding, 1),
        "decode MB/s": None if decoding is None else round(table.nbytes / 1e6 / decoding, 1),
    }


def gzip(table: Table) -> list[dict[str, Any]]:
    """Rows of gzip without loss: row by row, as in Baler's arrays, and by column; the values are float32."""
    rows = []
    ways: list[tuple[str, NDArray[Any]]] = [
        ("gzip-9 of float64", table),
        ("gzip-9 of float32", table.astype(np.float32)),
        ("gzip-9 of float32, column by column", np.ascontiguousarray(table.astype(np.float32).T)),
    ]
    for what, values in ways:
        raw = values.tobytes()
        encoding, packed = processor_time(partial(zlib.compress, raw, 9, 31))
        decoding, _ = processor_time(partial(zlib.decompress, packed, 31))
        rows.append(row(table, what, len(packed), bound="lossless", encoding=encoding, decoding=decoding))
        print(rows[-1], file=sys.stderr)
    return rows


def default(
    names: list[str], table: Table, network: Dense
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sizes and errors of the autoencoder, with float64 latents as in Baler and with float32 latents."""
    sizes = network.weights()
    rows, error_rows = [], []
    for what, latent in (("Baler default", "f8"), ("Baler default, float32 latents", "f4")):
        encoding, data = processor_time(partial(network.encode, table, latent))
        decoding, decoded = processor_time(partial(network.decode, data))
        for part, size in sizes.items():
            rows.append(
                row(
                    table, what if part == "model" else f"{what}, decoder alone", len(data) + size,
                    bound="none", encoding=encoding, decoding=decoding,
                    **{"model bytes": size, "seconds": round(network.seconds, 1)},
                )
            )  # fmt: skip
            print(rows[-1], file=sys.stderr)
        if latent == "f8":
            error_rows = errors(names, table, decoded, what)
    return rows, error_rows


def baler(
    names: list[str], table: Table, label: str, keywords: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Row and errors of one `.baler` file."""
    compress = partial(baler_root.compress, bound=BOUND, bounds=BRANCH_BOUNDS, **keywords)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        started = time.perf_counter()
        encoding, summary = processor_time(partial(compress, FILE, target))
        seconds = time.perf_counter() - started

        def read() -> Table:
            with baler_root.open(target) as file:
                return table_of(file)[1]

        read()  # the first call imports and compiles libraries
        decoding, decoded = processor_time(read)
    result = row(
        table, label, summary.size, bound="guaranteed", encoding=encoding, decoding=decoding,
        **{"model bytes": summary.parts.get("model", 0), "seconds": round(seconds, 1)},
    )  # fmt: skip
    print(result, file=sys.stderr)
    return result, errors(names, table, decoded, label)


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="largest number of epochs")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="longest training [s]")
    parser.add_argument("--latents", type=int, default=LATENTS, help="number of latents")
    parser.add_argument(
        "--only",
        action="append",
        choices=[label for label, _ in CODECS],
        metavar="LABEL",
        help="codec to measure; may be repeated",
    )
    return parser.parse_args()


def main() -> None:
    """Compare, print and store."""
    warnings.simplefilter("ignore")
    options = arguments()
    with uproot.open(FILE) as file:
        names, table = table_of(file)
    about = results.about("baler").get("summary", {}) if options.only else {}
    rows: list[dict[str, Any]] = []
    error_rows: list[dict[str, Any]] = []
    if not options.only:
        rows += [row(table, "the ROOT file", FILE.stat().st_size, bound="lossless"), *gzip(table)]
        network = train(table, options.latents, options.epochs, options.seconds)
        network_rows, error_rows = default(names, table, network)
        rows += network_rows
        about = {
            "file": FILE.stem,
            "rows": len(table),
            "variables": len(names),
            "latents": options.latents,
            "epochs": network.epochs,
            "losses": {
                key: float(f"{v:.3g}")
                for key, v in zip(("training", "held out"), network.losses, strict=True)
            },
        }
    for label, keywords in CODECS:
        if not options.only or label in options.only:
            size_row, new_errors = baler(names, table, label, keywords)
            rows.append(size_row)
            error_rows += new_errors
    about["bounds"] = {
        "default": BOUND,
        "branches": [f"{name}={bound}" for name, bound in BRANCH_BOUNDS.items()],
        "integers": "exact",
    }
    rows = results.merged("baler", rows, "what") if options.only else rows
    error_rows = (
        results.merged("baler_errors", error_rows, "what", "variable") if options.only else error_rows
    )
    size = {size_row["what"]: size_row["size"] for size_row in rows}
    about["over Baler default"] = {
        label: round(size[label] / size["Baler default"], 3) for label, _ in CODECS if label in size
    }
    results.show(f"Baler and {FILE.stem}", rows, about)
    results.show("Errors", error_rows, {})
    results.update("baler", rows, about)
    results.update("baler_errors", error_rows, about)
