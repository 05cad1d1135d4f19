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
"""The largest number that can be a pseudorapidity."""


@np.errstate(all="ignore")
def constant_masses(
    sample: Sample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> list[Formula]:
    """`√(p² + m²)` of up to three components of a momentum, and `√((pt cosh η)² + m²)`."""
    numbers = [n for n in near if sample.columns[n].dtype.kind == "f"]
    if not numbers or target.min() < 0:
        return []
    light = np.argsort(target[: len(target) // 2 + 1], kind="stable")[:LIGHT]
    columns = np.stack([sample.columns[n][rows].astype(np.float64) for n in numbers])
    error = ROUNDING * max(_precision(target), *map(_precision, columns))
    squares, growth = columns**2, np.cosh(np.where(np.abs(columns) <= MAX_ETA, columns, np.nan)) ** 2
    out = []

    def find(function: str, places: NDArray[np.int64], momenta: Doubles) -> None:
        for unit in UNITS:
            for hit, square in _same(np.square(target[light] / unit), momenta, error):
                first, *others = places[hit].tolist()
                momentum = (
                    squares[places[hit]].sum(axis=0)
                    if function == "norm_const"
                    else squares[first] * growth[others[0]]
                )
                mass = _mass(np.square(target / unit), momentum, error, square)
                sources = tuple(numbers[place] for place in (first, *others))
                out.append(Formula(function, sources, unit, constant=mass))

    for count in range(1, min(3, len(numbers)) + 1):
        places = np.array(list(combinations(range(len(numbers)), count)))
        find("norm_const", places, squares[:, light][places].sum(axis=1))
    places = np.argwhere(~np.eye(len(numbers), dtype=bool))
    find("energy_const", places, squares[:, light][places[:, 0]] * growth[:, light][places[:, 1]])
    return out


def _precision(values: Doubles) -> float:
    """The distance from 1 to the next number of the type that the values have, doubles of single precision or not."""
    known = values[np.isfinite(values)]
    return float(np.finfo(np.float32 if np.array_equal(known, known.astype(np.float32)) else np.float64).eps)


def _same(energies: Doubles, momenta: Doubles, error: float) -> Iterator[tuple[int, float]]:
    """Which rows of `momenta` all squares of energies exceed by the same, and by what: more than nothing."""
    left, room = energies - momenta, error * energies
    low, high = (left - room).max(axis=1), (left + room).min(axis=1)
    varied = np.ptp(momenta, axis=1) > 4 * room.max()  # else they are nothing beside the energy
    for hit in np.flatnonzero(varied & (low > 0) & (low <= high)).tolist():
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
