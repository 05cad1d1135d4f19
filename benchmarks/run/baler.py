"""Baler's default autoencoder against `.baler` files and gzip, on the table of its CMS study.

All in one run: 24 variables of jets as one float64 table. `baler_autoencoder` says what "Baler default" is. Its size counts the
latents and the scale of the columns as a compressed npz, and the model: all of it, as Baler leaves it, and the
decoder alone, which is what reading needs. It has no bound: what it does to each variable is in `baler_errors`.

`.baler` files hold the ROOT file as it is, which also says which jets belong to one event, and are whole files:
every value of pT and mass within 0.2 %, η and φ within 3e-5, which Baler reports for its typical errors, other
floats within 1 %, for which no figure of Baler's is at hand; integers are exact.

`seconds` are those of training by the clock, of `.baler` those of all of `compress`.

`python -m benchmarks run baler [--epochs N] [--seconds S] [--latents N] [--only LABEL]…`: `--only` measures these
`.baler` codecs again (or for the first time) and keeps all other rows.
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
from benchmarks.record import command_line, results
from benchmarks.rivals.baler_autoencoder import LATENTS, Dense, Table, train
from benchmarks.run import autoencoders
from benchmarks.run.throughput import clock

FILE = sources.DATA / "generated" / "pythia_jets_365k.root"
TREE, VARIABLES = "Events", "jet_*"

CODECS: list[tuple[str, dict[str, Any]]] = [
    ("classic", {"codec": "classic"}),
    ("conditional", {"codec": "conditional"}),
    *((name, {"codec": name}) for name in autoencoders.networks()),
]
"""(label, keywords of `compress`) of the `.baler` files that are compared."""

BOUND = "rel=1e-2"
BRANCH_BOUNDS = ("jet_pt=rel=2e-3", "jet_mass=rel=2e-3", "jet_eta=abs=3e-5", "jet_phi=abs=3e-5")

EPOCHS, SECONDS = 100, 600.0


def table_of(file: Any) -> tuple[list[str], Table]:
    """Names and float64 table of the variables, a row for each jet."""
    arrays = file[TREE].arrays(filter_name=VARIABLES)
    columns = [ak.to_numpy(ak.flatten(arrays[name])).astype(np.float64) for name in arrays.fields]
    return arrays.fields, np.stack(columns, axis=1)


def errors(names: list[str], table: Table, decoded: Table, what: str) -> list[dict[str, Any]]:
    """A row for each variable: differences, and relative ones in % where the value is not 0."""
    rows = []
    for name, before, after in zip(names, table.T, decoded.T, strict=True):
        difference = after - before
        ordinary = before != 0
        relative = 100 * np.abs(difference[ordinary] / before[ordinary])
        found = {
            "standard deviation": before.std(),
            "mean difference": difference.mean(),
            "RMS difference": np.sqrt(np.mean(difference**2)),
            "largest difference": np.abs(difference).max(),
            "median relative %": np.median(relative) if relative.size else 0.0,
            "RMS relative %": np.sqrt(np.mean(relative**2)) if relative.size else 0.0,
            "largest relative %": relative.max() if relative.size else 0.0,
        }
        rows.append(
            {"variable": name, "what": what} | {key: float(f"{value:.4g}") for key, value in found.items()}
        )
    return rows


def row(table: Table, what: str, size: int, **more: Any) -> dict[str, Any]:
    """One line of the result; rates are MB of float64 a second of processor time."""
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
    """The table without loss, row by row as Baler's arrays lie; float32 is what its values are."""
    rows = []
    ways: list[tuple[str, NDArray[Any]]] = [
        ("gzip-9 of float64", table),
        ("gzip-9 of float32", table.astype(np.float32)),
        ("gzip-9 of float32, column by column", np.ascontiguousarray(table.astype(np.float32).T)),
    ]
    for what, values in ways:
        raw = values.tobytes()
        encoding, packed = clock(partial(zlib.compress, raw, 9, 31))
        decoding, _ = clock(partial(zlib.decompress, packed, 31))
        rows.append(row(table, what, len(packed), bound="lossless", encoding=encoding, decoding=decoding))
        print(rows[-1], file=sys.stderr)
    return rows


def default(
    names: list[str], table: Table, network: Dense
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sizes and errors of the autoencoder with its latents as Baler keeps them, and with half of their bits."""
    sizes = network.weights()
    rows, found = [], []
    for what, latent in (("Baler default", "f8"), ("Baler default, float32 latents", "f4")):
        encoding, data = clock(partial(network.encode, table, latent))
        decoding, decoded = clock(partial(network.decode, data))
        for kept, size in sizes.items():
            rows.append(
                row(
                    table, what if kept == "model" else f"{what}, decoder alone", len(data) + size,
                    bound="none", encoding=encoding, decoding=decoding,
                    **{"model bytes": size, "seconds": round(network.seconds, 1)},
                )
            )  # fmt: skip
            print(rows[-1], file=sys.stderr)
        if latent == "f8":
            found = errors(names, table, decoded, what)
    return rows, found


def baler(
    names: list[str], table: Table, label: str, keywords: dict[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Size and errors of one `.baler` file."""
    compress = partial(baler_root.compress, bound=BOUND, branch_bounds=BRANCH_BOUNDS, **keywords)
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        started = time.perf_counter()
        encoding, summary = clock(partial(compress, FILE, target))
        seconds = time.perf_counter() - started

        def read() -> Table:
            with baler_root.open(target) as file:
                return table_of(file)[1]

        read()  # libraries are imported and compiled at the first time
        decoding, decoded = clock(read)
    out = row(
        table, label, summary.size, bound="guaranteed", encoding=encoding, decoding=decoding,
        **{"model bytes": summary.parts.get("model", 0), "seconds": round(seconds, 1)},
    )  # fmt: skip
    print(out, file=sys.stderr)
    return out, errors(names, table, decoded, label)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--latents", type=int, default=LATENTS)
    parser.add_argument("--only", action="append", choices=[label for label, _ in CODECS], metavar="LABEL")
    return parser.parse_args()


def main() -> None:
    """Compare, print and store."""
    warnings.simplefilter("ignore")
    asked = arguments()
    with uproot.open(FILE) as file:
        names, table = table_of(file)
    about = results.about("baler").get("summary", {}) if asked.only else {}
    rows: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    if not asked.only:
        rows += [row(table, "the ROOT file", FILE.stat().st_size, bound="lossless"), *gzip(table)]
        network = train(table, asked.latents, asked.epochs, asked.seconds)
        more, found = default(names, table, network)
        rows += more
        about = {
            "file": FILE.stem,
            "rows": len(table),
            "variables": len(names),
            "latents": asked.latents,
            "epochs": network.epochs,
            "losses": {
                key: float(f"{v:.3g}")
                for key, v in zip(("training", "held out"), network.losses, strict=True)
            },
        }
    for label, keywords in CODECS:
        if not asked.only or label in asked.only:
            one, its = baler(names, table, label, keywords)
            rows.append(one)
            found += its
    about["bounds"] = {"default": BOUND, "branches": list(BRANCH_BOUNDS), "integers": "exact"}
    rows = results.merged("baler", rows, "what") if asked.only else rows
    found = results.merged("baler_errors", found, "what", "variable") if asked.only else found
    size = {one["what"]: one["size"] for one in rows}
    about["over Baler default"] = {
        label: round(size[label] / size["Baler default"], 3) for label, _ in CODECS if label in size
    }
    results.show(f"Baler and {FILE.stem}", rows, about)
    results.show("Errors", found, {})
    results.update("baler", rows, about)
    results.update("baler_errors", found, about)
