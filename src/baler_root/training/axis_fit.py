"""Fits the axis of a column: as many knots as pay for themselves."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import SHARE_BITS, QuantileAxis

KNOT_BITS = 28.0
"""Bits of a knot in a model (measured on NanoAOD and jets)."""


def fit_axis(symbols: NDArray[np.generic], weight: float = 1.0) -> QuantileAxis:
    """Axis of these symbols (integers, at least one), each of which stands for `weight` values of the whole
    file.
    """
    low = int(symbols.min())
    counts = np.bincount(symbols.astype(np.int64) - low).astype(np.float64)
    positions = _knots(counts, KNOT_BITS / weight)
    below = np.concatenate([[0.0], np.cumsum(counts)])[positions]
    # Between any two knots there may be values that the sample lacks.
    shares = below + 0.3 * np.arange(len(positions))
    shares = np.round(shares / shares[-1] * (1 << SHARE_BITS)).astype(np.int64)
    return QuantileAxis(low, positions, shares)


def _knots(counts: NDArray[np.float64], cost: float) -> NDArray[np.int64]:
    """Symbols at which the knots stand: the best cuts come first, and each must save more than `cost`
    bits.
    """
    below = np.concatenate([[0.0], np.cumsum(counts)])
    knots = {0, len(counts)}
    queue: list[tuple[float, int, int, int]] = []

    def consider(start: int, stop: int) -> None:
        gain, cut = _best_cut(below, start, stop)
        if gain > cost:
            heapq.heappush(queue, (-gain, cut, start, stop))

    consider(0, len(counts))
    while queue:
        _, cut, start, stop = heapq.heappop(queue)
        knots.add(cut)
        consider(start, cut)
        consider(cut, stop)
    return np.array(sorted(knots), dtype=np.int64)


def _best_cut(below: NDArray[np.float64], start: int, stop: int) -> tuple[float, int]:
    """Bits saved by the best cut between `start` and `stop`, and its position."""
    total = below[stop] - below[start]
    if stop - start < 2 or total == 0:
        return 0.0, start
    left = below[start + 1 : stop] - below[start]
    right = total - left
    length = np.arange(1, stop - start)
    bits = (
        _saved(left, length) + _saved(right, stop - start - length) - _saved(np.array([total]), stop - start)
    )
    index = int(np.argmax(bits))
    return float(bits[index]), start + 1 + index


def _saved(count: NDArray[np.float64], length: NDArray[np.int64] | int) -> NDArray[np.float64]:
    """count × log2(count / length), 0 for a count of 0."""
    return count * np.log2(np.maximum(count, 1e-300) / length)


def previous_item_axis(axis: QuantileAxis) -> QuantileAxis:
    """Axis of a column in the previous item: one more place, at the beginning, means that there is no
    previous item.
    """
    return QuantileAxis(axis.low - 1, np.append(0, axis.positions + 1), np.append(0, axis.shares))
