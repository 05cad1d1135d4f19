"""Observables event by event: how far each moves, and where the peak of the signal is and how wide."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Floats, Selection

CORE = 0.6827
"""Part of the events within one standard deviation of a Gaussian."""


@dataclass(frozen=True, slots=True)
class Movement:
    """How far an observable moves in events that are selected before and after, in its unit; NaN of no event."""

    events: int
    moved: int
    """Events in which it is not the same number."""
    mean: float
    mean_error: float
    """Statistical, of `mean`."""
    rms: float
    half_width: float
    """Half of the shortest interval that holds 68.27 % of the events."""
    largest: float


def movement(before: Selection, after: Selection, observable: str, chosen: Flags) -> Movement:
    """Of the chosen entries."""
    both = before.passing() & after.passing() & chosen
    difference = after.observables[observable][both] - before.observables[observable][both]
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return Movement(0, 0, *(math.nan,) * 5)
    low, high = shortest_interval(difference, np.ones(difference.size))
    return Movement(
        difference.size,
        int(np.count_nonzero(difference)),
        float(difference.mean()),
        float(difference.std() / math.sqrt(difference.size)),
        float(np.sqrt(np.mean(np.square(difference)))),
        0.5 * (high - low),
        float(np.abs(difference).max()),
    )


def peak(selection: Selection, observable: str, unit: str, signal: Flags) -> Mapping[str, Quantity]:
    """Place and width of the peak: the median of selected signal, and its effective width.

    That is half of the shortest interval that holds 68.27 % of the signal. Negative weights count as positive ones:
    shapes, not yields, are compared. Errors are left to the bootstrap.
    """
    chosen = selection.passing() & signal
    values, weights = selection.observables[observable][chosen], np.abs(selection.weights[chosen])
    usable = np.isfinite(values) & (weights > 0)
    values, weights = values[usable], weights[usable]
    if values.size < 2:
        why = f"{values.size} selected events of signal"
        return {"median": Quantity.failed(why, unit), "effective width": Quantity.failed(why, unit)}
    low, high = shortest_interval(values, weights)
    return {
        "median": Quantity(median(values, weights), unit=unit),
        "effective width": Quantity(0.5 * (high - low), unit=unit),
    }


def median(values: Floats, weights: Floats) -> float:
    """The value below which half of the weight is."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    middle = reached - 0.5 * weights[order]
    return float(np.interp(0.5 * reached[-1], middle, values[order]))


def shortest_interval(values: Floats, weights: Floats) -> tuple[float, float]:
    """The ends of the shortest interval that holds 68.27 % of the weight, which is positive; both ends are values."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    reached = np.concatenate([[0.0], np.cumsum(weights)])
    first = np.arange(values.size)
    last = np.searchsorted(reached, reached[:-1] + CORE * reached[-1] * (1 - 1e-12), side="left") - 1
    inside = last < values.size
    first, last = first[inside], last[inside]
    at = int(np.argmin(values[last] - values[first]))
    return float(values[first[at]]), float(values[last[at]])


def signal_of(selection: Selection, processes: Collection[int]) -> Flags:
    """Entries of signal: of these processes, or, where none are named, all that are simulated, or else all."""
    if processes:
        return np.isin(selection.process, list(processes))
    simulated = selection.process != 0
    return simulated if simulated.any() else np.ones(len(selection), np.bool_)
