"""Finds columns that are functions of others: formulas that fit one row are candidates, then all rows
decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.relations.costs import (
    MAX_MISSED_SHARE,
    MIN_RELATION_ROWS,
    UNITS,
    ColumnSample,
    Doubles,
)
from baler_root.compression.relations.masses import MAX_ETA, masses
from baler_root.format.encodings.formula import Formula

NEIGHBOURS = 12
"""Columns before and after a column among which the arguments of a function are sought."""


MAX_DIFFERENCE = 3e-6
"""Largest relative difference of a function from a column in single precision (where an ulp is 1.2e-7)."""


MAX_FORMULAS = 8
"""Most formulas that are considered for one column."""


def find_formulas(sample: ColumnSample) -> list[tuple[int, Formula]]:
    """Columns that are functions of nearby ones, whatever the bounds; a column comes once for each such
    formula."""
    tables: dict[int, list[int]] = {}
    for number in sample.numbers:
        tables.setdefault(sample.tables[number], []).append(number)
    formulas = []
    for members in tables.values():
        for position, number in enumerate(members):
            neighbours = (
                members[max(0, position - NEIGHBOURS) : position]
                + members[position + 1 : position + 1 + NEIGHBOURS]
            )
            formulas += [(number, formula) for formula in _formulas_of(sample, number, neighbours)]
    return formulas


def _formulas_of(sample: ColumnSample, number: int, neighbours: Sequence[int]) -> list[Formula]:
    """The first formulas of nearby columns that give a column."""
    rows = sample.rows(number, neighbours)
    if len(rows) < MIN_RELATION_ROWS // 2:
        return []
    target = sample.columns[number][rows].astype(np.float64)
    kinds = (_copies, _products, _energies, _norms, _angles, masses)
    formulas = (
        formula
        for candidates in (kinds if sample.columns[number].dtype.kind == "f" else kinds[:1])
        for formula in candidates(sample, target, rows, neighbours)
    )
    return list(
        islice((formula for formula in formulas if _holds(formula, sample, target, rows)), MAX_FORMULAS)
    )


def _holds(formula: Formula, sample: ColumnSample, target: Doubles, rows: NDArray[np.int64]) -> bool:
    sources = [sample.columns[source][rows] for source in formula.sources]
    value = formula.values(sources, np.dtype(np.float64))
    return bool(np.mean(np.abs(value - target) <= MAX_DIFFERENCE * np.abs(target)) >= 1 - MAX_MISSED_SHARE)


def _copies(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> Iterator[Formula]:
    """Other columns times a factor, plus a constant."""
    for source in neighbours:
        values = sample.columns[source][rows].astype(np.float64)
        low, high = int(np.argmin(values)), int(np.argmax(values))
        if values[low] == values[high] or target[low] == target[high]:
            continue
        scale = (target[high] - target[low]) / (values[high] - values[low])
        ratio = target[high] / values[high] if values[high] else 0.0
        for factor in dict.fromkeys((_rounded(ratio), _rounded(scale))):
            offset = _rounded(target[high] - factor * values[high], np.abs(target).max())
            if factor:
                yield Formula("linear", (source,), factor, offset)


def _rounded(value: float, scale: float = 0.0) -> float:
    """The number of few digits that is nearly `value`, otherwise `value`; 0 if it is negligible compared with
    `scale`."""
    if abs(value) <= MAX_DIFFERENCE * scale:
        return 0.0
    short = float(f"{value:.4g}")
    return short if abs(value - short) <= MAX_DIFFERENCE * max(abs(value), scale) else float(value)


def _products(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> Iterator[Formula]:
    """Products such as `pt × cosh η`."""
    first_row = _first_row(sample, rows, neighbours)
    for name, (function, limit) in ARGUMENTS.items():
        for angle, argument in first_row.items():
            factor = function(argument) if abs(argument) <= limit else 0.0
            for unit in UNITS:
                scale = factor * unit
                for source, value in first_row.items():
                    if source != angle and abs(value * scale - target[0]) <= MAX_DIFFERENCE * abs(target[0]):
                        yield Formula(name, (source, angle), unit)


ARGUMENTS: dict[str, tuple[Callable[[float], float], float]] = {
    "cosh": (math.cosh, MAX_ETA),
    "sinh": (math.sinh, MAX_ETA),
    "cos": (math.cos, 7.0),
    "sin": (math.sin, 7.0),
}
"""Functions of pseudorapidities and angles, with the largest argument that can be one."""


def _first_row(sample: ColumnSample, rows: NDArray[np.int64], neighbours: Sequence[int]) -> dict[int, float]:
    """Values of the nearby floating-point columns in the first row, by number."""
    return {n: float(sample.columns[n][rows[0]]) for n in neighbours if sample.columns[n].dtype.kind == "f"}


def _norms(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> Iterator[Formula]:
    """Square roots of sums of two, three or four squares."""
    squares = {source: value**2 for source, value in _first_row(sample, rows, neighbours).items()}
    pairs = list(combinations(squares, 2))
    if not pairs or target[0] <= 0:
        return
    sums = np.array([squares[a] + squares[b] for a, b in pairs])
    for unit in UNITS:
        goal = (target[0] / unit) ** 2
        near_goal = 2 * MAX_DIFFERENCE * goal
        for a, b in (pairs[i] for i in np.flatnonzero(np.abs(sums - goal) <= near_goal)):
            yield Formula("norm", (a, b), unit)
        for source, square in squares.items():
            hits = np.flatnonzero(np.abs(sums + square - goal) <= near_goal)
            for a, b in (pairs[i] for i in hits):
                if source < a:
                    yield Formula("norm", (source, a, b), unit)
        for (c, d), total in zip(pairs, sums, strict=True):
            for a, b in (pairs[i] for i in np.flatnonzero(np.abs(sums + total - goal) <= near_goal)):
                if d < a:
                    yield Formula("norm", (c, d, a, b), unit)


def _energies(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> Iterator[Formula]:
    """Energies `√((pt cosh η)² + m²)`."""
    first_row = _first_row(sample, rows, neighbours)
    masses = np.array(list(first_row.values())) ** 2
    cosh, limit = ARGUMENTS["cosh"]
    for angle, argument in first_row.items():
        if abs(argument) > limit:
            continue
        momenta = (np.array(list(first_row.values())) * cosh(argument)) ** 2
        for unit in UNITS:
            goal = (target[0] / unit) ** 2
            hits = np.abs(momenta[:, None] + masses - goal) <= 2 * MAX_DIFFERENCE * goal
            for pt, mass in np.argwhere(hits).tolist():
                source, other = list(first_row)[pt], list(first_row)[mass]
                if len({source, angle, other}) == 3:
                    yield Formula("energy", (source, angle, other), unit)


@np.errstate(all="ignore")
def _angles(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> list[Formula]:
    """Directions: φ from px and py, η from pz and either pt or px and py."""
    first_row = _first_row(sample, rows, neighbours)
    numbers, values = list(first_row), np.array(list(first_row.values()))
    pairs = list(combinations(range(len(numbers)), 2))
    pt = np.array([math.hypot(values[i], values[j]) for i, j in pairs])
    angles_of = {
        "arctan2": np.arctan2(values[:, None], values),
        "arcsinh": np.arcsinh(values[:, None] / values),
        "eta": np.arcsinh(values[:, None] / pt),
    }
    formulas = []
    for name, angles in angles_of.items():
        for first_position, position in np.argwhere(
            np.abs(angles - target[0]) <= MAX_DIFFERENCE * abs(target[0])
        ).tolist():
            positions = (first_position, *pairs[position]) if name == "eta" else (first_position, position)
            if len({*positions}) == len(positions):
                formulas.append(Formula(name, tuple(numbers[position] for position in positions)))
    return formulas
