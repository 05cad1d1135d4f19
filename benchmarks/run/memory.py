"""Peak memory of compressing, decompressing and reading in steps, at 1, 4 and 16 times the amount of data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import uproot

from benchmarks.data import sources
from benchmarks.record import command_line, measured_job, results
from benchmarks.rivals import uproot_files

TIMES = (1, 4, 16)


def main() -> None:
    """Measure, print and store the results."""
    command_line.nothing(__doc__)
    path = sources.DATA / "generated" / "pythia_jets_365k.root"
    rows: list[dict[str, Any]] = []
    peaks: dict[str, dict[int, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for times in TIMES:
            source, packed, back = (Path(folder) / name for name in ("in.root", "out.baler", "back.root"))
            repeat(path, source, times)
            for job, arguments in (
                ("compress classic", (source, packed, "rel=1e-3")),
                ("compress", (source, packed, "rel=1e-3", 1, "conditional")),
                ("decompress", (packed, back)),
                ("iterate", (packed,)),
            ):
                measured = measured_job.run(job.partition(" ")[0], *arguments)
                rows.append(
                    {
                        "job": job,
                        "times": times,
                        "source_mib": round(source.stat().st_size / 2**20, 1),
                        "peak_mib": round(measured["peak_mib"]),
                        "seconds": round(measured["seconds"], 1),
                    }
                )
                print(rows[-1], flush=True)
                peaks.setdefault(job, {})[times] = measured["peak_mib"]
    summary = {f"{job}: peak at 16x over 1x": round(peak[16] / peak[1], 2) for job, peak in peaks.items()}
    results.show("Peak memory", rows, summary)
    results.store("memory", rows, summary)


def repeat(path: Path, target: Path, times: int) -> None:
    """Write a ROOT file with the trees of `path`, their entries repeated `times` times."""
    with uproot.recreate(target, compression=uproot.ZLIB(1)) as file:
        for tree in sources.read(path):
            types, data = uproot_files.ttree_of(uproot_files.sort_branches(tree))
            file.mktree(tree.name, types, field_name=uproot_files.inner_name)
            for _ in range(times):
                file[tree.name].extend(data)
