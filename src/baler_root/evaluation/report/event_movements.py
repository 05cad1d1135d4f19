"""Movements of observables event by event, and position and width of the signal's peak."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Selection
from baler_root.evaluation.statistics.intervals import median, shortest_interval


@dataclass(frozen=True, slots=True)
class Movement:
    """Movement of an observable, in its unit, in events selected on both sides; NaN without events."""

    events: int
    moved: int
    """Events in which the observable changed at all."""
    mean: float
    mean_error: float
    """Statistical error of `mean`."""
    rms: float
    half_width: float
    """Half of the shortest interval that holds 68.27 % of the events."""
    largest: float
    """Largest movement, as a magnitude."""


def movement(before: Selection, after: Selection, observable: str, chosen: Flags) -> Movement:
    """Movement of an observable in the chosen entries."""
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
    """Median and effective width of the selected signal.

    The effective width is half of the shortest interval that holds 68.27 % of the signal. Weights count by
    their magnitude, since shapes, not yields, are compared. The bootstrap gives the errors.
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


def signal_of(selection: Selection, processes: Collection[int]) -> Flags:
    """Flags of signal: entries of these processes; if none are named, all simulation; else all entries."""
    if processes:
        return np.isin(selection.process, list(processes))
    simulated = selection.process != 0
    return simulated if simulated.any() else np.ones(len(selection), np.bool_)
