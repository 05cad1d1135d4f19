"""Whole-file sizes of `.baler` against ROOT files of the same trees at the same bound.

Rivals hold the branches that uproot reads, floats rounded to the mantissa bits that meet the bound wherever
`.baler` may change them, exact where it is exact; the original file counts as a rival at every bound.
`.baler` also carries histograms and other objects, which the rivals leave out.
`python -m benchmarks.scoreboard [NAME…]` takes only files whose name holds one of the words, and stores nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import baler_root
from benchmarks import bare, results, rivals, rounding, sources

BOUNDS = ("lossless", "rel=1e-2", "rel=1e-3", "rel=1e-4", "bits=10")


def compare(path: Path, trees: list[sources.Tree], bound: str) -> dict[str, Any]:
    """The row of one file at one bound; all sizes in bytes."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where) / "out.baler"
        summary = baler_root.compress(
            str(path), str(target), bound=bound, codec="classic", skip_unsupported=True
        )
    asked = {
        (tree.path, branch.path): loosest(branch.bound) for tree in summary.trees for branch in tree.branches
    }

    def bound_of(tree: str, branch: str) -> str:
        return asked.get((tree, branch), "lossless")

    rounded = [
        sources.Tree(
            tree.name,
            [
                (name, rounding.rounded(array, rounding.bits_for(bound_of(tree.name, name))))
                for name, array in tree.branches
            ],
            tree.unreadable,
        )
        for tree in trees
    ]
    sizes = {rival: rivals.size(rounded, rival) for rival in rivals.NAMES}
    best = min(sizes, key=lambda name: sizes[name])
    if path.stat().st_size < sizes[best]:
        best = "original"
    smallest = min(*sizes.values(), path.stat().st_size)
    bare_sum = bare.size(trees, bound_of)
    return {
        "file": path.stem,
        "bound": bound,
        "baler": summary.size,
        "original": path.stat().st_size,
        **sizes,
        "best rival": best,
        "over best": round(summary.size / smallest, 3),
        "over lzma9": round(summary.size / sizes["ttree-lzma9"], 3),
        "bare pcodec": bare_sum,
        "over bare": round(summary.size / max(1, bare_sum), 3),
        "seconds": round(summary.seconds, 2),
    }


def loosest(bound: str) -> str:
    """Of the bounds of a record's fields (`lossless + rel=0.01`) the one that changes values: rivals get it for all."""
    return next((part for part in bound.split(" + ") if part != "lossless"), "lossless")


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the project wants to reach, and where it stands."""
    larger = [f"{row['file']} ({row['bound']}, {row['over best']})" for row in rows if row["over best"] > 1]
    middle = [row for row in rows if row["bound"] == "rel=1e-3"]
    out: dict[str, Any] = {
        "files": len({row["file"] for row in rows}),
        "rows where .baler is not the smallest": len(larger),
        "which": larger,
    }
    if middle:
        worst = max(middle, key=lambda row: row["over bare"])
        out["median over LZMA-9 at rel=1e-3"] = round(
            statistics.median(row["over lzma9"] for row in middle), 3
        )
        out["largest over bare pcodec at rel=1e-3"] = f"{worst['over bare']} ({worst['file']})"
        out["files over 1.05 of bare pcodec at rel=1e-3"] = [
            f"{row['file']} ({row['over bare']})" for row in middle if row["over bare"] > 1.05
        ]
    return out


def main() -> None:
    """Compare all files at all bounds, print and store."""
    warnings.simplefilter("ignore")
    words = sys.argv[1:]
    rows: list[dict[str, Any]] = []
    for path in sorted(sources.files("real", "generated"), key=lambda path: path.stat().st_size):
        if words and not any(word in path.stem for word in words):
            continue
        trees = [tree for tree in sources.read(path) if tree.branches]
        for bound in BOUNDS:
            rows.append(compare(path, trees, bound))
            ratio, best = rows[-1]["over best"], rows[-1]["best rival"]
            print(f"{path.stem} {bound}: {ratio} of {best}", file=sys.stderr)
        if not words:
            results.store("scoreboard", rows, summarise(rows))
    summary = summarise(rows)
    shown = ("file", "bound", "baler", "best rival", "over best", "over lzma9", "over bare", "seconds")
    results.show("File sizes [bytes]", [{key: row[key] for key in shown} for row in rows], summary)


if __name__ == "__main__":
    main()
