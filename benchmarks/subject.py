"""One measured job in a process of its own: `python -m benchmarks.subject JOB ARGUMENTS…` prints a JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEP = 50_000
"""Entries at a time, where a job reads step by step."""


def compress(source: str, target: str, bound: str, jobs: str = "1") -> None:
    """Compress a file with the classic codec."""
    import baler_root

    baler_root.compress(source, target, bound=bound, jobs=int(jobs), overwrite=True)


def decompress(source: str, target: str) -> None:
    """Write it back as ROOT."""
    import baler_root

    baler_root.decompress(source, target, overwrite=True)


def iterate(path: str) -> None:
    """Read everything, a step at a time."""
    import baler_root

    with baler_root.open(path) as file:
        for tree in file.keys(cycle=False):
            for _ in file[tree].iterate(step_size=STEP):
                pass


def importing(module: str) -> None:
    """Import a module."""
    __import__(module)


JOBS: dict[str, Callable[..., None]] = {
    "compress": compress,
    "decompress": decompress,
    "iterate": iterate,
    "import": importing,
}


def main() -> None:
    """Run the job, and print seconds and the peak of resident memory [MiB]."""
    job, *arguments = sys.argv[1:]
    start = time.perf_counter()
    JOBS[job](*arguments)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mib": peak_memory() / 2**20}))


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss on Linux starts from that of the process which started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run(job: str, *arguments: Any, timeout: float = 3600.0) -> dict[str, float]:
    """What `main` printed, run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.subject", job, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    out: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return out


if __name__ == "__main__":
    main()
