"""Weighted medians, and shortest intervals that hold 68.27 % of the values."""

from __future__ import annotations

import numpy as np

from baler_root.evaluation.analysis.selection import Floats

CORE = 0.6827
"""Share of a Gaussian within one standard deviation."""


def median(values: Floats, weights: Floats) -> float:
    """Weighted median: half of the weight lies below it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    middle = reached - 0.5 * weights[order]
    return float(np.interp(0.5 * reached[-1], middle, values[order]))


def shortest_interval(values: Floats, weights: Floats) -> tuple[float, float]:
    """Ends of the shortest interval between values that holds 68.27 % of the weights, which are positive."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    reached = np.concatenate([[0.0], np.cumsum(weights)])
    first = np.arange(values.size)
    last = np.searchsorted(reached, reached[:-1] + CORE * reached[-1] * (1 - 1e-12), side="left") - 1
    complete = last < values.size
    first, last = first[complete], last[complete]
    shortest = int(np.argmin(values[last] - values[first]))
    return float(values[first[shortest]]), float(values[last[shortest]])
