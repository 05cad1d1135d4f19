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


FEW_ROWS = 9
"""Rows on which a column is compared with another before all rows are."""


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
    columns = np.array([sample.columns[source][rows] for source in neighbours], dtype=np.float64)
    each = np.arange(len(columns))
    low, high = np.argmin(columns, axis=1), np.argmax(columns, axis=1)
    few = np.linspace(0, len(rows) - 1, FEW_ROWS).astype(np.int64)
    with np.errstate(all="ignore"):
        scales = (target[high] - target[low]) / (columns[each, high] - columns[each, low])
        offsets = target[high] - scales * columns[each, high]
        difference = np.abs(columns[:, few] * scales[:, None] + offsets[:, None] - target[few])
        misses = np.median(difference, axis=1) > 3 * MAX_DIFFERENCE * np.abs(target[few]).max()
        misses |= (columns[each, low] == columns[each, high]) | (target[low] == target[high])
    for index in np.flatnonzero(~misses).tolist():
        values = columns[index, high[index]]
        ratio = target[high[index]] / values if values else 0.0
        for factor in dict.fromkeys((_rounded(ratio), _rounded(scales[index]))):
            offset = _rounded(target[high[index]] - factor * values, np.abs(target).max())
            if factor:
                yield Formula("linear", (neighbours[index],), factor, offset)


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
    numbers, values = list(first_row), np.array(list(first_row.values()))
    for name, (function, limit) in ARGUMENTS.items():
        factors = [function(value) if abs(value) <= limit else 0.0 for value in first_row.values()]
        scales = np.outer(factors, UNITS)
        products = np.multiply.outer(scales, values)
        hits = np.abs(products - target[0]) <= MAX_DIFFERENCE * abs(target[0])
        for angle, unit, source in np.argwhere(hits).tolist():
            if source != angle:
                yield Formula(name, (numbers[source], numbers[angle]), UNITS[unit])


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
    first_row = _first_row(sample, rows, neighbours)
    squares = dict(zip(first_row, np.square(list(first_row.values())), strict=True))
    pairs = list(combinations(squares, 2))
    if not pairs or target[0] <= 0:
        return
    sums = np.array([squares[a] + squares[b] for a, b in pairs])
    sums_of_three = np.add.outer(np.array(list(squares.values())), sums)
    sums_of_four = np.add.outer(sums, sums)
    for unit in UNITS:
        goal = (target[0] / unit) ** 2
        near_goal = 2 * MAX_DIFFERENCE * goal
        if not np.isfinite(goal):
            continue
        for hit in np.flatnonzero(np.abs(sums - goal) <= near_goal).tolist():
            yield Formula("norm", pairs[hit], unit)
        for first, hit in np.argwhere(np.abs(sums_of_three - goal) <= near_goal).tolist():
            source, (a, b) = list(squares)[first], pairs[hit]
            if source < a:
                yield Formula("norm", (source, a, b), unit)
        for first, hit in np.argwhere(np.abs(sums_of_four - goal) <= near_goal).tolist():
            (c, d), (a, b) = pairs[first], pairs[hit]
            if d < a:
                yield Formula("norm", (c, d, a, b), unit)


def _energies(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], neighbours: Sequence[int]
) -> Iterator[Formula]:
    """Energies `√((pt cosh η)² + m²)`."""
    first_row = _first_row(sample, rows, neighbours)
    numbers, values = list(first_row), np.array(list(first_row.values()))
    cosh, limit = ARGUMENTS["cosh"]
    angles = [index for index, argument in enumerate(first_row.values()) if abs(argument) <= limit]
    momenta = np.multiply.outer([cosh(values[angle]) for angle in angles], values) ** 2
    squares = np.add.outer(momenta, values**2)
    goals = np.array([(target[0] / unit) ** 2 for unit in UNITS])
    goals[~np.isfinite(goals)] = np.nan
    hits = np.abs(squares[:, None] - goals[:, None, None]) <= 2 * MAX_DIFFERENCE * goals[:, None, None]
    for hit, unit, pt, mass in np.argwhere(hits).tolist():
        if len({pt, angles[hit], mass}) == 3:
            yield Formula("energy", (numbers[pt], numbers[angles[hit]], numbers[mass]), UNITS[unit])


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
