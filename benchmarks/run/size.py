"""Whole-file sizes of `.baler` against ROOT files and other compressors of the same trees at the same bound.

Rivals hold the branches that uproot reads, within the bound wherever `.baler` may change them, exact where it is
exact: ROOT files (`root_files`) hold floats rounded to the mantissa bits that meet the bound, `columnwise` says what the
others do. The original file counts as a rival at every bound. `.baler` pays for metadata, checksums and what is no
tree (histograms; the column `other objects` says how much), ROOT files for their own metadata, the others for none.

`python -m benchmarks run size [NAME…] [--bound BOUND]… [--only COLUMN…]` measures files whose name holds one of
the words, at these bounds, and replaces their rows in the results; `--only` keeps all other columns of a row that
is stored already, so that new variants need not wait for old rivals (all of `columnwise` are measured together).
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
from benchmarks.rivals import columnwise, real_root, root_files, rounding

BOUNDS = ("lossless", "rel=1e-2", "rel=1e-3", "rel=1e-4", "bits=10")
RIVALS = ("original", *root_files.NAMES, *real_root.NAMES, *columnwise.NAMES)
ROWS, COLUMNS = 20_000, 10
"""A file counts towards what learning gains from these sizes of its largest learned table."""

BoundOf = Callable[[str, str], str]


def measure(path: Path, trees: list[sources.Tree], bound: str, wanted: Iterable[str]) -> dict[str, Any]:
    """Sizes in bytes of the wanted columns, and what comes with them."""
    wanted = set(wanted)
    out: dict[str, Any] = {}
    bound_of: BoundOf | None = None
    for name, keywords in variants.VARIANTS:
        if name in wanted:
            measured, bound_of = compress(path, bound, name, keywords)
            out |= measured
    if "original" in wanted:
        out["original"] = path.stat().st_size
    if wanted.isdisjoint(RIVALS[1:]):
        return out
    if bound_of is None:
        measured, bound_of = compress(path, bound, "classic", {"codec": "classic"})
        out["other objects"] = measured["other objects"]
    within = bounded(trees, bound_of)
    out |= {name: root_files.size(within, name) for name in root_files.NAMES if name in wanted}
    if not wanted.isdisjoint(real_root.NAMES):
        out[real_root.NAME] = real_root.size(trees, bound_of)
    if not wanted.isdisjoint(columnwise.NAMES):
        out |= columnwise.sizes(columns(trees, bound_of))
    return out


def compress(path: Path, bound: str, name: str, keywords: dict[str, Any]) -> tuple[dict[str, Any], BoundOf]:
    """Size and seconds of one variant, what it learned if it did, and the bound that each branch had."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        summary = baler_root.compress(path, target, bound=bound, skip_unsupported=True, **keywords)
        described = baler_root.inspect(target)
    asked = {
        (tree.path, branch.path): loosest(branch.bound) for tree in summary.trees for branch in tree.branches
    }
    out: dict[str, Any] = {name: summary.size, f"{name} seconds": round(summary.seconds, 1)}
    out["other objects"] = described["parts"].get("objects", 0)
    if described["models"]:
        out["rows"] = max(model.get("rows", 0) for model in described["models"])
        out["learned columns"] = sum(m["networks"] + m["histograms"] for m in described["models"])
        out["models"] = described["parts"].get("model", 0)
    return out, lambda tree, branch: asked.get((tree, branch), "lossless")


def loosest(bound: str) -> str:
    """Of the bounds of a record's fields (`lossless + rel=0.01`) the one that changes values: rivals get it for all."""
    return next((part for part in bound.split(" + ") if part != "lossless"), "lossless")


def bounded(trees: list[sources.Tree], bound_of: BoundOf) -> list[sources.Tree]:
    """The trees with floats rounded to the mantissa bits that meet their bounds."""
    return [
        sources.Tree(
            tree.name,
            [(name, rounding.rounded(array, bound_of(tree.name, name))) for name, array in tree.branches],
            tree.unreadable,
        )
        for tree in trees
    ]


def judged(row: dict[str, Any]) -> dict[str, Any]:
    """The row in its order of columns, with the smallest rival and the ratios to it."""
    sizes = {name: row[name] for name in RIVALS if row.get(name)}
    best = min(sizes, key=lambda name: sizes[name])
    out = {name: row.get(name) for name in ("file", "bound", *RIVALS, *variants.NAMES)}
    out["best rival"] = best
    for name in variants.NAMES:
        out[f"{name} / best"] = ratio(row.get(name), sizes[best])
    for name in variants.NAMES:
        out[f"{name} seconds"] = row.get(f"{name} seconds")
    return out | {name: row.get(name) for name in ("rows", "learned columns", "models", "other objects")}


def ratio(size: int | None, other: int | None) -> float | None:
    """Rounded; None where one is missing."""
    return round(size / other, 3) if size and other else None


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the project wants to reach, and where it stands, for each variant."""
    out: dict[str, Any] = {"files": len({row["file"] for row in rows}), "rows": len(rows)}
    out["rows with ROOT files alone as rivals"] = sum(row[columnwise.NAMES[0]] is None for row in rows)
    middle = [row for row in rows if row["bound"] == "rel=1e-3"]
    first = variants.NAMES[0]
    for name in variants.NAMES:
        ratios = [(row, row[f"{name} / best"]) for row in rows if row[f"{name} / best"]]
        out[f"{name}: rows"] = len(ratios)
        out[f"{name}: rows where a rival is smaller"] = {
            f"{row['file']} {row['bound']}": f"{over} of {row['best rival']}"
            for row, over in ratios
            if over > 1
        }
        for rival in ("ttree-lzma9", "best rival"):
            found = [ratio(row[name], row[row[rival] if rival == "best rival" else rival]) for row in middle]
            if some := [over for over in found if over]:
                out[f"{name}: median over {rival} at rel=1e-3"] = round(statistics.median(some), 3)
        if name == first:
            continue
        pairs = [(row, ratio(row[name], row[first])) for row in middle]
        large = [
            over for row, over in pairs
            if over and (row["rows"] or 0) >= ROWS and (row["learned columns"] or 0) >= COLUMNS
        ]  # fmt: skip
        out[f"{name}: files larger than {first} at rel=1e-3"] = [
            f"{row['file']} ({over})" for row, over in pairs if over and over > 1
        ]
        if large:
            out[f"{name}: geometric mean over {first} at rel=1e-3"] = {
                "ratio": round(statistics.geometric_mean(large), 3),
                "files": len(large),
                "of at least": f"{ROWS} rows and {COLUMNS} learned columns",
            }
    return out


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line.parser(__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--bound", action="append")
    parser.add_argument("--only", nargs="+", choices=(*RIVALS, *variants.NAMES), metavar="COLUMN")
    return parser.parse_args()


def main() -> None:
    """Compare, print and store file by file."""
    warnings.simplefilter("ignore")
    asked = arguments()
    wanted = asked.only or (*RIVALS, *variants.NAMES)
    if why := real_root.missing():
        print(f"{', '.join(real_root.NAMES)}: skipped, {why}", file=sys.stderr)
    rows: list[dict[str, Any]] = []
    for path in sources.chosen(asked.names):
        stored = {row["bound"]: row for row in results.rows("scoreboard") if row["file"] == path.stem}
        trees = [tree for tree in sources.read(path) if tree.branches]
        new = []
        for bound in asked.bound or BOUNDS:
            before = stored.get(bound, {}) if asked.only else {}
            measured = measure(path, trees, bound, wanted)
            new.append(judged({**before, "file": path.stem, "bound": bound, **measured}))
            told = [f"{name} {new[-1][f'{name} / best']}" for name in variants.NAMES]
            print(f"{path.stem} {bound}: {', '.join(told)} of {new[-1]['best rival']}", file=sys.stderr)
        table = ordered(results.merged("scoreboard", new, "file", "bound"))
        results.update("scoreboard", table, summarise(table))
        rows += new
        show(path.stem, new)
    results.show("", [], summarise(rows))


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """One file: a line for each way to store it, a column for each bound."""
    names = (*RIVALS, *variants.NAMES, "best rival", *(f"{name} / best" for name in variants.NAMES))
    table = [{"bytes": name, **{row["bound"]: row[name] for row in rows}} for name in names]
    results.show(title, table, {})


def ordered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by size of the original, and by bound."""
    place = {bound: number for number, bound in enumerate(BOUNDS)}
    return sorted(rows, key=lambda row: (row["original"] or 0, row["file"], place.get(row["bound"], 99)))
