"""Time [s] to compress and to read, beside uproot on the same data; medians of several runs.

All files are local and in the page cache. uproot writes trees that are in memory; `compress` also reads
the ROOT file and checks every value.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import uproot

import baler_root
from benchmarks.data import sources
from benchmarks.record import command_line, measured_job, results
from benchmarks.record.timing import median_seconds
from benchmarks.rivals import uproot_files
from benchmarks.run.memory import repeat

FILES = (
    ("generated", "pythia_jets_365k"),
    ("generated", "gamgam"),
    ("real", "agc_muons_100k"),
    ("real", "cms_aod2nano_10000"),
    ("real", "lhcb_upgrade_tracks_33k"),
)
RUNS = 3
BOUND = "rel=1e-3"


def read_one(opener: Callable[[Path], Any], path: Path) -> None:
    """Read the first floating-point branch of the largest tree into an awkward array."""
    with opener(path) as file:
        names = [n for n, kind in file.classnames(cycle=False).items() if "Tree" in kind or "NTuple" in kind]
        tree = max((file[name] for name in dict.fromkeys(names)), key=lambda tree: tree.num_entries)
        chosen = next(k for k, t in tree.typenames().items() if "float" in t or "double" in t)
        tree[chosen].array()


def compare(source: Path, folder: Path) -> list[dict[str, Any]]:
    """Rows (file, job, what, seconds) of one file."""
    rows: list[dict[str, Any]] = []

    def note(job: str, what: str, seconds: float) -> None:
        rows.append({"file": source.stem, "job": job, "what": what, "seconds": round(seconds, 3)})
        print(rows[-1], flush=True)

    packed = folder / "out.baler"
    for jobs in (1, 2):
        compress = partial(
            baler_root.compress, str(source), str(packed), bound=BOUND, jobs=jobs, overwrite=True
        )
        note("compress", f"baler jobs={jobs}", median_seconds(compress, RUNS))
    trees = [tree for tree in sources.read(source) if tree.branches]
    trees = [
        sources.Tree(
            t.name, [(path, uproot_files.rounded_to(array, BOUND)) for path, array in t.branches], []
        )
        for t in trees
    ]
    files = {rival: folder / f"{rival}.root" for rival in uproot_files.NAMES}
    for rival, path in files.items():
        runs = 1 if rival == "ttree-lzma9" else RUNS
        note(
            "compress",
            f"uproot {rival}",
            median_seconds(partial(uproot_files.write, trees, rival, path), runs),
        )
    for job, read in (("read all", sources.read_all), ("read one", read_one)):
        note(job, "baler", median_seconds(partial(read, baler_root.open, packed), RUNS))
        for rival, path in files.items():
            note(job, f"uproot {rival}", median_seconds(partial(read, uproot.open, path), RUNS))
    return rows


def scaling(source: Path, folder: Path, times: int = 8) -> list[dict[str, Any]]:
    """Rows of compressing data repeated `times` times, with one process and with two."""
    large, packed = folder / f"{source.stem}_x{times}.root", folder / "out.baler"
    repeat(source, large, times)
    rows: list[dict[str, Any]] = []
    for jobs in (1, 2):
        compress = partial(
            baler_root.compress, str(large), str(packed), bound=BOUND, jobs=jobs, overwrite=True
        )
        seconds = round(median_seconds(compress, RUNS), 3)
        rows.append({"file": large.stem, "job": "compress", "what": f"baler jobs={jobs}", "seconds": seconds})
        print(rows[-1], flush=True)
    return rows


def import_ratio() -> float:
    """Time of `import baler_root` over time of `import uproot`; medians of new processes."""
    compress_seconds, uproot_seconds = (
        statistics.median(measured_job.run("import", module)["seconds"] for _ in range(7))
        for module in ("baler_root", "uproot")
    )
    return compress_seconds / uproot_seconds


def main() -> None:
    """Measure, print and store the results."""
    command_line.nothing(__doc__)
    rows: list[dict[str, Any]] = []
    for place, name in FILES:
        path = sources.DATA / place / f"{name}.root"
        if path.exists():
            with tempfile.TemporaryDirectory() as folder:
                rows += compare(path, Path(folder))
                if name == FILES[0][1]:
                    rows += scaling(path, Path(folder))
    summary: dict[str, Any] = {"import baler_root over import uproot": round(import_ratio(), 3)}
    for job, compress_seconds, uproot_seconds in (
        ("compress", "baler jobs=1", "uproot ttree-lzma9"),
        ("compress", "baler jobs=1", "baler jobs=2"),
        ("read all", "baler", "uproot ttree-lzma9"),
        ("read all", "baler", "uproot ttree-zstd5"),
        ("read one", "baler", "uproot ttree-zstd5"),
    ):
        by_file: dict[str, dict[str, float]] = {}
        for row in rows:
            if row["job"] == job:
                by_file.setdefault(row["file"], {})[row["what"]] = row["seconds"]
        ratios = {
            file: round(times[compress_seconds] / times[uproot_seconds], 2)
            for file, times in by_file.items()
            if uproot_seconds in times
        }
        summary[f"{job}: {compress_seconds} over {uproot_seconds}"] = ratios
    results.show("Speed", rows, summary)
    results.store("speed", rows, summary)
