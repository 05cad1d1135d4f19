"""Energies with a mass that is no column: the same in all rows, such as that of the muon, and found from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from baler_root.discovery.sample import UNITS, Doubles, Sample
from baler_root.relations import Formula

LIGHT = 16
"""Rows of least energy, in which a mass shows best."""

ROUNDING = 8.0
"""Largest error of an energy's square, in units of the last place of what it comes from."""

MAX_ETA = 20.0


def constant_masses(
    sample: Sample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> Iterator[Formula]:
    """`√(p² + m²)` of up to three components of a momentum, and `√((pt cosh η)² + m²)`."""
    numbers = [n for n in near if sample.columns[n].dtype.kind == "f"]
    if not numbers or target.min() < 0:
        return
    light = np.argsort(target[: len(target) // 2 + 1], kind="stable")[:LIGHT]
    columns = np.stack([sample.columns[n][rows].astype(np.float64) for n in numbers])
    error = ROUNDING * max(_precision(target), *map(_precision, columns))

    def found(function: str, places: NDArray[np.int64], momenta: Doubles) -> Iterator[Formula]:
        for unit in UNITS:
            for hit, square in _same(np.square(target[light] / unit), momenta, error):
                chosen = columns[places[hit]]
                squares = chosen**2 if function == "norm_const" else (chosen[:1] * np.cosh(chosen[1:])) ** 2
                mass = _mass(np.square(target / unit), squares.sum(axis=0), error, square)
                sources = tuple(numbers[place] for place in places[hit].tolist())
                yield Formula(function, sources, unit, constant=mass)

    with np.errstate(all="ignore"):
        squares = columns[:, light] ** 2
        for count in range(1, min(3, len(numbers)) + 1):
            places = np.array(list(combinations(range(len(numbers)), count)))
            yield from found("norm_const", places, squares[places].sum(axis=1))
        places = np.argwhere(~np.eye(len(numbers), dtype=bool))
        growth = np.cosh(np.where(np.abs(columns) <= MAX_ETA, columns, np.nan))[:, light] ** 2
        yield from found("energy_const", places, squares[places[:, 0]] * growth[places[:, 1]])


def _precision(values: Doubles) -> float:
    """The distance from 1 to the next number of the type that the values have, doubles of single precision or not."""
    known = values[np.isfinite(values)]
    return float(np.finfo(np.float32 if np.array_equal(known, known.astype(np.float32)) else np.float64).eps)


def _same(energies: Doubles, momenta: Doubles, error: float) -> Iterator[tuple[int, float]]:
    """Which rows of `momenta` all squares of energies exceed by the same, and by what: more than nothing."""
    left, room = energies - momenta, error * energies
    low, high = (left - room).max(axis=1), (left + room).min(axis=1)
    for hit in np.flatnonzero((low > 0) & (low <= high)).tolist():
        yield hit, float(low[hit] + high[hit]) / 2


def _mass(energies: Doubles, momenta: Doubles, error: float, square: float) -> float:
    """The mass of about this square by which energies exceed momenta, in no more digits than they tell."""
    left, room = energies - momenta, error * energies
    fits = np.abs(left - square) <= 2 * room
    left, weight = left[fits], 1 / room[fits] ** 2
    mean = float(np.average(left, weights=weight))
    doubt = float(np.sqrt(np.sum((weight * (left - mean)) ** 2)) / np.sum(weight))
    shorter = (float(f"{math.sqrt(mean):.{digits}g}") for digits in range(1, 17))
    return next((mass for mass in shorter if abs(mass * mass - mean) <= 2 * doubt), math.sqrt(mean))
