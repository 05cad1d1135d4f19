"""One measured job in a process of its own: `python -m benchmarks.record.measured_job JOB ARGUMENTS…` prints a JSON."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEP = 50_000
"""Entries at a time, where a job reads step by step."""


def compress(source: str, target: str, bound: str, jobs: str = "1", codec: str = "classic") -> None:
    """Compress a file."""
    import baler_root

    baler_root.compress(source, target, bound=bound, codec=codec, jobs=int(jobs), overwrite=True)


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
    """Run the job, and print seconds and the peak of memory [MiB]."""
    job, *arguments = sys.argv[1:]
    watch = Watch()
    watch.start()
    start = time.perf_counter()
    JOBS[job](*arguments)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mib": watch.stop() / 2**20}))


class Watch(threading.Thread):
    """Looks every few milliseconds how much memory this process has of its own.

    Pages of mapped files are left out: the system takes them back when it needs them. Off Linux the peak is
    that of all resident memory.
    """

    STATUS = Path("/proc/self/status")

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while self.STATUS.exists():
            line = next(row for row in self.STATUS.read_text().splitlines() if row.startswith("RssAnon"))
            self.peak = max(self.peak, int(line.split()[1]) * 1024)
            if self.done.wait(0.005):
                return

    def stop(self) -> int:
        """The peak in bytes."""
        self.done.set()
        self.join()
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return self.peak or (largest if sys.platform == "darwin" else largest * 1024)


def run(job: str, *arguments: Any, timeout: float = 3600.0) -> dict[str, float]:
    """What `main` printed, run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.record.measured_job", job, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    out: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return out


if __name__ == "__main__":
    main()
