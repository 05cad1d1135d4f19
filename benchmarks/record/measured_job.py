"""A job measured in a separate process.

`python -m benchmarks.record.measured_job JOB ARGUMENTS…` prints its time and peak memory as JSON.
"""

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
"""Entries per step of a job that reads in steps."""


def compress(source: str, target: str, bound: str, jobs: str = "1", codec: str = "classic") -> None:
    """Compress a file."""
    import baler_root

    baler_root.compress(source, target, bound=bound, codec=codec, jobs=int(jobs), overwrite=True)


def decompress(source: str, target: str) -> None:
    """Decompress a file to a ROOT file."""
    import baler_root

    baler_root.decompress(source, target, overwrite=True)


def iterate(path: str) -> None:
    """Read all trees of a file in steps."""
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
    """Run the job, and print its time [s] and peak memory [MiB]."""
    job, *arguments = sys.argv[1:]
    watch = Watch()
    watch.start()
    start = time.perf_counter()
    JOBS[job](*arguments)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mib": watch.stop() / 2**20}))


class Watch(threading.Thread):
    """Thread that samples the anonymous memory of this process every 5 ms.

    Pages of mapped files are not counted, since the system can drop them at any time. On systems other than
    Linux the peak is that of all resident memory.
    """

    STATUS = Path("/proc/self/status")

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Sample until `stop` is called."""
        while self.STATUS.exists():
            line = next(row for row in self.STATUS.read_text().splitlines() if row.startswith("RssAnon"))
            self.peak = max(self.peak, int(line.split()[1]) * 1024)
            if self.done.wait(0.005):
                return

    def stop(self) -> int:
        """End the thread; returns the peak [bytes]."""
        self.done.set()
        self.join()
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return self.peak or (largest if sys.platform == "darwin" else largest * 1024)


def run(job: str, *arguments: Any, timeout: float = 3600.0) -> dict[str, float]:
    """Run a job in a new process; returns `seconds` and `peak_mib`."""
    command = [sys.executable, "-m", "benchmarks.record.measured_job", job, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    result: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
