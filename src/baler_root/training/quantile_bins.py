"""Cuts a column into buckets of about equal content; frequent values get one of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def quantile_cuts(counts: NDArray[np.generic], most: int) -> Ints:
    """Where the second and later of at most `most` buckets begin, given how often each value comes."""
    below = np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
    total = below[-1]
    cuts: list[int] = []
    start = int(np.searchsorted(below, 0.0, side="right")) - 1
    for left in range(most, 1, -1):
        target = (total - below[start]) / left
        # The first value with which the bucket is full; it is left out where that is nearer, or it fills one alone.
        last = int(np.searchsorted(below, below[start] + target)) - 1
        if last > start and (
            below[last + 1] - below[last] >= target
            or below[last + 1] + below[last] > 2 * (below[start] + target)
        ):
            last -= 1
        # Values that do not come belong to the bucket before them.
        end = int(np.searchsorted(below, below[last + 1], side="right")) - 1
        if end >= len(counts) or below[end] >= total:
            break
        cuts.append(end)
        start = end
    return np.array(cuts, dtype=np.int64)
