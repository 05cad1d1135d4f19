"""Time that an action takes, on the clock or of the processor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def processor_time(action: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time [s] of one call, all threads together, and its result."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def median_seconds(action: Callable[[], Any], runs: int) -> float:
    """Median time [s] on the clock of `runs` calls."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
