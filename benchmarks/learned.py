"""What learning gains: whole files of `classic` and `conditional` at one bound, their sum of bare columns, times.

`python -m benchmarks.learned [NAME…]` takes only files whose name holds one of the words, and stores nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import baler_root
from baler_root.summary import Summary
from benchmarks import results, sources

BOUND = "rel=1e-3"
ROWS, COLUMNS = 20_000, 10
"""A file counts towards the mean from these sizes of its largest table."""


def compare(path: Path) -> dict[str, Any]:
    """The row of one file; sizes in bytes, times in seconds, rates in MB of arrays per second."""
    with tempfile.TemporaryDirectory() as where:
        made: dict[str, Summary] = {}
        reading: dict[str, float] = {}
        for codec in ("classic", "conditional"):
            target = Path(where) / f"{codec}.baler"
            made[codec] = baler_root.compress(path, target, bound=BOUND, codec=codec, skip_unsupported=True)
            read_all(target)
            reading[codec] = read_all(target)
        described = baler_root.inspect(Path(where) / "conditional.baler")
    raw = made["classic"].raw_size
    return {
        "file": path.stem,
        "rows": max((model["rows"] for model in described["models"]), default=0),
        "learned columns": sum(model["networks"] + model["histograms"] for model in described["models"]),
        "classic": made["classic"].size,
        "conditional": made["conditional"].size,
        "models": described["parts"].get("model", 0),
        "ratio": round(made["conditional"].size / made["classic"].size, 3),
        "seconds": round(made["conditional"].seconds, 1),
        "classic read": round(raw / 1e6 / reading["classic"], 1),
        "conditional read": round(raw / 1e6 / reading["conditional"], 1),
    }


def read_all(path: Path) -> float:
    """Seconds to read every branch of every tree, in a file just opened."""
    started = time.perf_counter()
    with baler_root.open(path) as file:
        for key in file.keys(filter_classname=["TTree", "ROOT::RNTuple"]):
            file[key].arrays()
    return time.perf_counter() - started


def summarise(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over files worth learning from, and files that got larger."""
    large = [row["ratio"] for row in rows if row["rows"] >= ROWS and row["learned columns"] >= COLUMNS]
    return {
        "files": len(rows),
        "larger than classic": [f"{row['file']} ({row['ratio']})" for row in rows if row["ratio"] > 1],
        f"geometric mean of {len(large)} files with {ROWS} rows and {COLUMNS} learned columns": round(
            statistics.geometric_mean(large), 3
        )
        if large
        else None,
    }


def main() -> None:
    """Compare all files, print and store."""
    warnings.simplefilter("ignore")
    words = sys.argv[1:]
    rows: list[dict[str, Any]] = []
    for path in sorted(sources.files("real", "generated"), key=lambda path: path.stat().st_size):
        if words and not any(word in path.stem for word in words):
            continue
        rows.append(compare(path))
        print(f"{path.stem}: {rows[-1]['ratio']} of classic", file=sys.stderr)
        if not words:
            results.store("learned", rows, summarise(rows))
    results.show(f"Learned against classic at {BOUND}", rows, summarise(rows))


if __name__ == "__main__":
    main()
