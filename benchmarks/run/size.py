"""Whole-file sizes of `.baler` files, ROOT files and other compressors for the same trees at the same bound.

Rivals store the branches that uproot reads, within the bound where `.baler` may change values and exactly
elsewhere. ROOT files (`rivals/uproot_files`) store floats rounded to mantissa bits that meet the bound;
`rivals/columnwise_compressors` describes the others. The original file is a rival at every bound. `.baler`
sizes include metadata, checksums and objects that are not trees (column `other objects`), ROOT files their
metadata; other rivals have no metadata.

`python -m benchmarks run size [NAME…] [--bound BOUND]… [--only COLUMN…]` measures files whose name contains
one of the words, at these bounds, and replaces their rows; with `--only`, the other columns of stored rows
are kept. All rivals of `columnwise_compressors` are measured together.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import baler_root
from benchmarks.data import sources
from benchmarks.data.columns import columns
from benchmarks.record import command_line, results, variants
from benchmarks.rivals import columnwise_compressors, native_root_files, uproot_files

BOUNDS = ("lossless", "rel=1e-2", "rel=1e-3", "rel=1e-4", "bits=10")
RIVALS = ("original", *uproot_files.NAMES, *native_root_files.NAMES, *columnwise_compressors.NAMES)
ROWS, COLUMNS = 20_000, 10
"""Rows and learned columns that the largest table must have for a file to count in the gain of learning."""

BoundOf = Callable[[str, str], str]


def measure(path: Path, trees: list[sources.Tree], bound: str, requested: Iterable[str]) -> dict[str, Any]:
    """Sizes [bytes] of the wanted columns of results, and further columns measured with them."""
    requested = set(requested)
    sizes: dict[str, Any] = {}
    bound_of: BoundOf | None = None
    for name, keywords in variants.VARIANTS:
        if name in requested:
            measured, bound_of = compress(path, bound, name, keywords)
            sizes |= measured
    if "original" in requested:
        sizes["original"] = path.stat().st_size
    if requested.isdisjoint(RIVALS[1:]):
        return sizes
    if bound_of is None:
        measured, bound_of = compress(path, bound, "classic", {"codec": "classic"})
        sizes["other objects"] = measured["other objects"]
    within = bounded(trees, bound_of)
    sizes |= {name: uproot_files.size(within, name) for name in uproot_files.NAMES if name in requested}
    if not requested.isdisjoint(native_root_files.NAMES):
        sizes[native_root_files.NAME] = native_root_files.size(trees, bound_of)
    if not requested.isdisjoint(columnwise_compressors.NAMES):
        sizes |= columnwise_compressors.sizes(columns(trees, bound_of))
    return sizes


def compress(path: Path, bound: str, name: str, keywords: dict[str, Any]) -> tuple[dict[str, Any], BoundOf]:
    """Columns of the results for one variant (size, seconds, models), and the bound of each branch."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.baler"
        summary = baler_root.compress(path, target, bound=bound, skip_unsupported=True, **keywords)
        described = baler_root.inspect(target)
    bounds = {
        (tree.path, branch.path): loosest(branch.bound) for tree in summary.trees for branch in tree.branches
    }
    row: dict[str, Any] = {name: summary.size, f"{name} seconds": round(summary.seconds, 1)}
    row["other objects"] = described["parts"].get("objects", 0)
    if described["models"]:
        row["rows"] = max(model.get("rows", 0) for model in described["models"])
        row["learned columns"] = sum(m["networks"] + m["histograms"] for m in described["models"])
        row["models"] = described["parts"].get("model", 0)
    return row, lambda tree, branch: bounds.get((tree, branch), "lossless")


def loosest(bound: str) -> str:
    """The bound other than lossless among those of a record's fields (`lossless + rel=0.01`)."""
    return next((part for part in bound.split(" + ") if part != "lossless"), "lossless")


def bounded(trees: list[sources.Tree], bound_of: BoundOf) -> list[sources.Tree]:
    """The trees with floats rounded to mantissa bits that meet their bounds."""
    return [
        sources.Tree(
            tree.name,
            [
                (name, uproot_files.rounded_to(array, bound_of(tree.name, name)))
                for name, array in tree.branches
            ],
            tree.unreadable,
        )
        for tree in trees
    ]


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its columns in order, the smallest rival, and the ratios to it."""
    sizes = {name: row[name] for name in RIVALS if row.get(name)}
    best = min(sizes, key=lambda name: sizes[name])
    result = {name: row.get(name) for name in ("file", "bound", *RIVALS, *variants.NAMES)}
    result["best rival"] = best
    for name in variants.NAMES:
        result[f"{name} / best"] = results.ratio(row.get(name), sizes[best])
    for name in variants.NAMES:
        result[f"{name} seconds"] = row.get(f"{name} seconds")
    return result | {name: row.get(name) for name in ("rows", "learned columns", "models", "other objects")}


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Comparison of each variant with the rivals, and of learned variants with `classic`."""
    summary: dict[str, Any] = {"files": len({row["file"] for row in rows}), "rows": len(rows)}
    summary["rows with ROOT files alone as rivals"] = sum(
        row[columnwise_compressors.NAMES[0]] is None for row in rows
    )
    at_one_permille = [row for row in rows if row["bound"] == "rel=1e-3"]
    first = variants.NAMES[0]
    for name in variants.NAMES:
        ratios = [(row, row[f"{name} / best"]) for row in rows if row[f"{name} / best"]]
        summary[f"{name}: rows"] = len(ratios)
        summary[f"{name}: rows where a rival is smaller"] = {
            f"{row['file']} {row['bound']}": f"{ratio} of {row['best rival']}"
            for row, ratio in ratios
            if ratio > 1
        }
        for rival in ("ttree-lzma9", "best rival"):
            ratios_to_rival = [
                results.ratio(row[name], row[row[rival] if rival == "best rival" else rival])
                for row in at_one_permille
            ]
            if present := [ratio for ratio in ratios_to_rival if ratio]:
                summary[f"{name}: median over {rival} at rel=1e-3"] = round(statistics.median(present), 3)
        if name == first:
            continue
        pairs = [(row, results.ratio(row[name], row[first])) for row in at_one_permille]
        large = [
            ratio for row, ratio in pairs
            if ratio and (row["rows"] or 0) >= ROWS and (row["learned columns"] or 0) >= COLUMNS
        ]  # fmt: skip
        summary[f"{name}: files larger than {first} at rel=1e-3"] = [
            f"{row['file']} ({ratio})" for row, ratio in pairs if ratio and ratio > 1
        ]
        if large:
            summary[f"{name}: geometric mean over {first} at rel=1e-3"] = {
                "ratio": round(statistics.geometric_mean(large), 3),
                "files": len(large),
                "of at least": f"{ROWS} rows and {COLUMNS} learned columns",
            }
    return summary


def arguments() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="files whose name contains one of these words"
    )
    parser.add_argument("--bound", action="append", help="error bound; may be repeated")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=(*RIVALS, *variants.NAMES),
        metavar="COLUMN",
        help="rivals and variants to measure",
    )
    return parser.parse_args()


def main() -> None:
    """Compare, print and store file by file."""
    warnings.simplefilter("ignore")
    options = arguments()
    requested = options.only or (*RIVALS, *variants.NAMES)
    if why := native_root_files.missing():
        print(f"{', '.join(native_root_files.NAMES)}: skipped, {why}", file=sys.stderr)
    rows: list[dict[str, Any]] = []
    for path in sources.chosen(options.names):
        stored = {row["bound"]: row for row in results.rows("size") if row["file"] == path.stem}
        trees = [tree for tree in sources.read(path) if tree.branches]
        new = []
        for bound in options.bound or BOUNDS:
            before = stored.get(bound, {}) if options.only else {}
            measured = measure(path, trees, bound, requested)
            new.append(judged({**before, "file": path.stem, "bound": bound, **measured}))
            ratios = [f"{name} {new[-1][f'{name} / best']}" for name in variants.NAMES]
            print(f"{path.stem} {bound}: {', '.join(ratios)} of {new[-1]['best rival']}", file=sys.stderr)
        table = ordered(results.merged("size", new, "file", "bound"))
        results.update("size", table, summarise(table))
        rows += new
        show(path.stem, new)
    results.show("", [], summarise(rows))


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print one file: a line per way to store it, a column per bound."""
    names = (*RIVALS, *variants.NAMES, "best rival", *(f"{name} / best" for name in variants.NAMES))
    table = [{"bytes": name, **{row["bound"]: row[name] for row in rows}} for name in names]
    results.show(title, table, {})


def ordered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows sorted by size of the original, then by bound."""
    place = {bound: number for number, bound in enumerate(BOUNDS)}
    return sorted(rows, key=lambda row: (row["original"] or 0, row["file"], place.get(row["bound"], 99)))
