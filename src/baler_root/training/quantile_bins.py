"""Cuts a column into quantile bins, of about equal content; a frequent value gets its own bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints


def quantile_cuts(counts: NDArray[np.generic], limit: int) -> Ints:
    """Values at which the second and later of at most `limit` bins begin, from the count of each value."""
    below = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    total = below[-1]
    cuts: list[int] = []
    start = int(np.searchsorted(below, 0.0, side="right")) - 1
    for remaining in range(limit, 1, -1):
        target = (total - below[start]) / remaining
        # The first value with which the bin is full; it is left out if the content is nearer to the target
        # without it, or if it fills a bin by itself.
        last = int(np.searchsorted(below, below[start] + target)) - 1
        if last > start and (
            below[last + 1] - below[last] >= target
            or below[last + 1] + below[last] > 2 * (below[start] + target)
        ):
            last -= 1
        # Values with a count of 0 belong to the bin before them.
        end = int(np.searchsorted(below, below[last + 1], side="right")) - 1
        if end >= len(counts) or below[end] >= total:
            break
        cuts.append(end)
        start = end
    return np.array(cuts, dtype=np.int64)
