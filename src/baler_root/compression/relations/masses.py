"""Finds energies with a mass that is not a column.

The mass is a constant, such as that of the muon, or depends on an integer, such as the kind of a lepton.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.relations.costs import UNITS, ColumnSample, Doubles
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Table

LOW_ENERGY_ROWS = 16
"""Rows of least energy, in which a mass is most visible."""


ROUNDING = 8.0
"""Largest error of the square of an energy, in units of the last place of the columns that give it."""


HIGH_ENERGY_ROWS = 4
"""Rows of most energy, in which a mass is hardly visible."""


MAX_MASS_SHARE = 0.25
"""Largest share of the squared energy in such rows that can be the square of a mass given by an integer."""


MAX_CLASSES = 8
"""Most distinct values of an integer that gives a mass."""


MAX_INTEGERS = 24
"""Most integer columns that are tried; the nearest ones are."""


MIN_CONFIRMED = 4
"""Fewest rows with one value of the integer, in which its mass must be visible."""


MIN_SIGNIFICANCE = 4.0
"""Fewest standard deviations between the square of a mass and 0."""


MAX_ETA = 20.0
"""Largest number that can be a pseudorapidity."""


ColumnIndices = NDArray[np.int64]
"""Combinations of columns by index, one in each row."""


@dataclass(frozen=True, slots=True)
class _Momenta:
    """Columns in some rows as components of momenta: their squares, and the squares of cosh if they are η."""

    squares: Doubles
    cosh_squared: Doubles

    def cartesian(self, indices: ColumnIndices) -> Doubles:
        return np.asarray(self.squares[indices].sum(axis=1))

    def polar(self, indices: ColumnIndices) -> Doubles:
        return self.squares[indices[:, 0]] * self.cosh_squared[indices[:, 1]]

    def in_rows(self, rows: NDArray[np.int64]) -> _Momenta:
        return _Momenta(self.squares[:, rows], self.cosh_squared[:, rows])


SquaredMomenta = Callable[[_Momenta, ColumnIndices], Doubles]


@np.errstate(all="ignore")
def masses(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> list[Formula]:
    """`√(p² + m²)` of up to three components of a momentum, and `√((pt cosh η)² + m²)`.

    The mass is the same in all rows, or given by an integer near these columns.
    """
    numbers = [n for n in neighbours if sample.columns[n].dtype.kind == "f"]
    if not numbers or target.min() < 0:
        return []
    order = np.argsort(target[: len(target) // 2 + 1], kind="stable")
    shown_rows = np.concatenate([order[:LOW_ENERGY_ROWS], order[-HIGH_ENERGY_ROWS:]])
    columns = np.stack([sample.columns[n][rows].astype(np.float64) for n in numbers])
    error = ROUNDING * max(_precision(target), *map(_precision, columns))
    cosh_squared = np.cosh(np.where(np.abs(columns) <= MAX_ETA, columns, np.nan)) ** 2
    momenta = _Momenta(columns**2, cosh_squared)
    few_momenta = momenta.in_rows(shown_rows)
    formulas: list[Formula] = []
    mass_candidates: list[tuple[str, float, ColumnIndices, Doubles]] = []

    def find(name: str, make: SquaredMomenta, indices: ColumnIndices) -> None:
        squares = make(few_momenta, indices)
        for unit in UNITS:
            energies = np.square(target / unit)
            for hit, square in _constant_excess(
                energies[shown_rows[:LOW_ENERGY_ROWS]], squares[:, :LOW_ENERGY_ROWS], error
            ):
                mass = _mass(energies, make(momenta, indices[[hit]])[0], error, square)
                formulas.append(
                    Formula(f"{name}_const", _numbers_of(indices[hit], numbers), unit, constant=mass)
                )
            # With a mass that varies, the energy exceeds the momentum, and only by little where it is large.
            excess = energies[shown_rows] - squares
            above = (excess >= -error * energies[shown_rows]).all(axis=1)
            has_small_excess = above & (
                excess[:, -HIGH_ENERGY_ROWS:] <= MAX_MASS_SHARE * energies[shown_rows[-HIGH_ENERGY_ROWS:]]
            ).all(axis=1)
            if has_small_excess.any():
                mass_candidates.append(
                    (name, unit, indices[has_small_excess], make(momenta, indices[has_small_excess]))
                )

    for count in range(1, min(3, len(numbers)) + 1):
        find("norm", _Momenta.cartesian, np.array(list(combinations(range(len(numbers)), count))))
    find("energy", _Momenta.polar, np.argwhere(~np.eye(len(numbers), dtype=bool)))
    for key, values in _mass_keys(sample, rows, order, neighbours) if mass_candidates else ():
        for name, unit, indices, squares in mass_candidates:
            for hit, table in _tables(np.square(target / unit), squares, values, order, error):
                sources = (*_numbers_of(indices[hit], numbers), key)
                formulas.append(Formula(f"{name}_by", sources, unit, table=table))
    return formulas


def _numbers_of(indices: ColumnIndices, numbers: Sequence[int]) -> tuple[int, ...]:
    return tuple(numbers[position] for position in indices.tolist())


def _mass_keys(
    sample: ColumnSample, rows: NDArray[np.int64], order: NDArray[np.int64], neighbours: Sequence[int]
) -> list[tuple[int, Doubles]]:
    """Integer columns that may give the mass, with their values; those with fewest distinct values first."""
    middle = neighbours[len(neighbours) // 2]
    table = [n for n in sample.integers if sample.tables[n] == sample.tables[middle]]
    nearest = sorted(table, key=lambda n: abs(n - middle))[:MAX_INTEGERS]
    columns = [(n, sample.columns[n][rows].astype(np.float64)) for n in nearest]
    classes = {n: len(np.unique(values[order])) for n, values in columns}
    columns.sort(key=lambda entry: classes[entry[0]])
    return [(n, values) for n, values in columns if 2 <= classes[n] <= MAX_CLASSES]


def _tables(
    energies: Doubles, momenta: Doubles, keys: Doubles, order: NDArray[np.int64], error: float
) -> Iterator[tuple[int, Table]]:
    """Rows of `momenta` that squared energies exceed by a mass for each key, and the table of these
    masses."""
    classes = [(float(key), order[keys[order] == key][:LOW_ENERGY_ROWS]) for key in np.unique(keys[order])]
    excesses = [_excess(energies[rows], momenta[:, rows], error) for _, rows in classes]
    low, high = (np.stack(limits) for limits in zip(*((low, high) for low, high, _ in excesses), strict=True))
    confirmed = np.array([len(rows) >= MIN_CONFIRMED for _, rows in classes])
    shows = (low > 0) & np.stack([varied for *_, varied in excesses]) & confirmed[:, None]
    fits = ((low <= high) & (high >= 0)).all(axis=0) & shows.any(axis=0)
    fits &= low.max(axis=0) > high.min(axis=0)  # else a constant would do
    for hit in np.flatnonzero(fits).tolist():
        table = []
        for (key, _), minimum, maximum in zip(classes, low[:, hit], high[:, hit], strict=True):
            rows_of_key = keys == key
            square = float(minimum + maximum) / 2
            table.append((key, _mass(energies[rows_of_key], momenta[hit, rows_of_key], error, square)))
        yield hit, tuple(table)


def _excess(energies: Doubles, momenta: Doubles, error: float) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """Least and largest excess of squared energies over each row of momenta, and whether that row varies."""
    excess, margin = energies - momenta, error * energies
    varied = np.ptp(momenta, axis=1) > 4 * margin.max()
    return (excess - margin).max(axis=1), (excess + margin).min(axis=1), varied


def _precision(values: Doubles) -> float:
    """Machine epsilon of the values: single precision also for doubles that are all exact in it."""
    finite = values[np.isfinite(values)]
    return float(
        np.finfo(np.float32 if np.array_equal(finite, finite.astype(np.float32)) else np.float64).eps
    )


def _constant_excess(energies: Doubles, momenta: Doubles, error: float) -> Iterator[tuple[int, float]]:
    """Rows of `momenta` that all squared energies exceed by one positive amount, and this amount."""
    low, high, varied = _excess(energies, momenta, error)
    for hit in np.flatnonzero(varied & (low > 0) & (low <= high)).tolist():
        yield hit, float(low[hit] + high[hit]) / 2


def _mass(energies: Doubles, momenta: Doubles, error: float, square: float) -> float:
    """The mass with about this square, in as few digits as the rows allow; 0 if the excess is noise."""
    excess, margin = energies - momenta, error * energies
    fits = np.abs(excess - square) <= 2 * margin
    excess, weight = excess[fits], 1 / margin[fits] ** 2
    mean = float(np.average(excess, weights=weight))
    uncertainty = float(np.sqrt(np.sum((weight * (excess - mean)) ** 2)) / np.sum(weight))
    if mean <= MIN_SIGNIFICANCE * uncertainty:
        return 0.0
    rounded = (float(f"{math.sqrt(mean):.{digits}g}") for digits in range(1, 17))
    return next((mass for mass in rounded if abs(mass * mass - mean) <= 2 * uncertainty), math.sqrt(mean))
