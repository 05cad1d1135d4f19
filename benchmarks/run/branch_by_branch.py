"""CPU time [s] to read a file branch by branch, beside reading all branches at once.

Columns that others are predicted or computed from are remembered once they are decoded (`cache_size` of
`baler_root.open`), so one branch after another should cost little more than all of them together. For
comparison, the same without a cache. The files are compressed at level `fast`; the times are the least of
several runs in one process, in turns, and do not count waiting for the processor.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import baler_root
from benchmarks.data import sources
from benchmarks.record import command_line, results

FILES = (
    ("real", "cms_llp_jets_train"),
    ("real", "cms_htt_DY_35k"),
    ("generated", "pythia_jets_365k"),
)
RUNS = 5


def cpu_seconds(path: Path, *, one_by_one: bool, cache_size: int | str = "256 MB") -> float:
    """CPU time [s] to read all branches of all trees of a file that was just opened."""
    with baler_root.open(path, cache_size=cache_size) as file:
        start = time.process_time()
        for key in file.keys(filter_classname=["TTree", "ROOT::RNTuple"]):
            tree = file[key]
            if one_by_one:
                for branch in tree.branches:
                    branch.array()
            else:
                tree.arrays()
        return time.process_time() - start


def measure(path: Path) -> dict[str, float]:
    """Least CPU time [s] of each way of reading."""
    readings: dict[str, dict[str, Any]] = {
        "all at once": {"one_by_one": False},
        "branch by branch": {"one_by_one": True},
        "branch by branch, no cache": {"one_by_one": True, "cache_size": 0},
    }
    cpu_seconds(path, one_by_one=True)  # compiles and imports
    times: dict[str, list[float]] = {reading: [] for reading in readings}
    for _ in range(RUNS):
        for reading, options in readings.items():
            times[reading].append(cpu_seconds(path, **options))
    return {reading: min(seconds) for reading, seconds in times.items()}


def main() -> None:
    """Measure, print and store the results."""
    names = command_line.names(__doc__)
    rows: list[dict[str, Any]] = []
    ratios: dict[str, float] = {}
    for folder, name in FILES:
        source = sources.DATA / folder / f"{name}.root"
        if (names and not any(word in name for word in names)) or not source.exists():
            continue
        with tempfile.TemporaryDirectory() as temporary:
            packed = Path(temporary) / "out.baler"
            baler_root.compress(source, packed, training="fast")
            seconds = measure(packed)
        for reading, cpu in seconds.items():
            rows.append({"file": name, "reading": reading, "cpu seconds": round(cpu, 3)})
            print(rows[-1], flush=True)
        ratios[name] = round(seconds["branch by branch"] / seconds["all at once"], 2)
    summary = {"branch by branch over all at once": ratios}
    results.show("Reading branch by branch", rows, summary)
    if not names:
        results.store("branch_by_branch", rows, summary)
