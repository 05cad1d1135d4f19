"""Finds the axis of a column: as many knots as pay for themselves."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import SHARE_BITS, QuantileAxis

KNOT_BITS = 28.0
"""What a knot costs in a model (measured on NanoAOD and jets)."""


def fit_axis(symbols: NDArray[np.generic], weight: float = 1.0) -> QuantileAxis:
    """The axis of these symbols (integers, at least one); each stands for `weight` values of the whole file."""
    low = int(symbols.min())
    counts = np.bincount(symbols.astype(np.int64) - low).astype(np.float64)
    positions = _knots(counts, KNOT_BITS / weight)
    below = np.concatenate([[0.0], np.cumsum(counts)])[positions]
    # Every stretch of the axis may hold values that the sample lacks.
    shares = below + 0.3 * np.arange(len(positions))
    shares = np.round(shares / shares[-1] * (1 << SHARE_BITS)).astype(np.int64)
    return QuantileAxis(low, positions, shares)


def _knots(counts: NDArray[np.float64], cost: float) -> NDArray[np.int64]:
    """Symbols at which to cut, so that each cut saves more than `cost` bits: best cuts first."""
    below = np.concatenate([[0.0], np.cumsum(counts)])
    found = {0, len(counts)}
    queue: list[tuple[float, int, int, int]] = []

    def consider(start: int, stop: int) -> None:
        gain, at = _best_cut(below, start, stop)
        if gain > cost:
            heapq.heappush(queue, (-gain, at, start, stop))

    consider(0, len(counts))
    while queue:
        _, at, start, stop = heapq.heappop(queue)
        found.add(at)
        consider(start, at)
        consider(at, stop)
    return np.array(sorted(found), dtype=np.int64)


def _best_cut(below: NDArray[np.float64], start: int, stop: int) -> tuple[float, int]:
    """Bits saved by the best cut between `start` and `stop`, and where it is."""
    total = below[stop] - below[start]
    if stop - start < 2 or total == 0:
        return 0.0, start
    left = below[start + 1 : stop] - below[start]
    right = total - left
    length = np.arange(1, stop - start)
    bits = (
        _saved(left, length) + _saved(right, stop - start - length) - _saved(np.array([total]), stop - start)
    )
    place = int(np.argmax(bits))
    return float(bits[place]), start + 1 + place


def _saved(count: NDArray[np.float64], length: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """count × log2(count / length), 0 where there is none."""
    return count * np.log2(np.maximum(count, 1e-300) / length)


def previous_item_axis(axis: QuantileAxis) -> QuantileAxis:
    """The axis of what an item before has: one place more at the beginning, for there being none."""
    return QuantileAxis(axis.low - 1, np.append(0, axis.positions + 1), np.append(0, axis.shares))
