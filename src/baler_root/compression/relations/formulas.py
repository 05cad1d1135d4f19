"""Finds columns that are functions of others: formulas that fit one row are candidates, then all rows
decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.relations.costs import MAX_MISSED, MIN_ROWS, UNITS, ColumnSample, Doubles
from baler_root.compression.relations.masses import MAX_ETA, masses
from baler_root.format.encodings.formula import Formula

NEAR = 12
"""Columns before and after a column among which the arguments of a function are sought."""


CLOSE = 3e-6
"""Largest relative difference of a function from a column in single precision (where an ulp is 1.2e-7)."""


MAX_FORMULAS = 8
"""Most formulas that are considered for one column."""


def find_formulas(sample: ColumnSample) -> list[tuple[int, Formula]]:
    """Columns that are functions of nearby ones, whatever the bounds; a column comes once for each such
    formula."""
    tables: dict[int, list[int]] = {}
    for number in sample.numbers:
        tables.setdefault(sample.groups[number], []).append(number)
    found = []
    for members in tables.values():
        for place, number in enumerate(members):
            near = members[max(0, place - NEAR) : place] + members[place + 1 : place + 1 + NEAR]
            found += [(number, formula) for formula in _formulas_of(sample, number, near)]
    return found


def _formulas_of(sample: ColumnSample, number: int, near: Sequence[int]) -> list[Formula]:
    """The first formulas of nearby columns that give a column."""
    rows = sample.rows(number, near)
    if len(rows) < MIN_ROWS // 2:
        return []
    target = sample.columns[number][rows].astype(np.float64)
    kinds = (_copies, _products, _energies, _norms, _angles, masses)
    tried = (
        formula
        for candidates in (kinds if sample.columns[number].dtype.kind == "f" else kinds[:1])
        for formula in candidates(sample, target, rows, near)
    )
    return list(islice((formula for formula in tried if _is(formula, sample, target, rows)), MAX_FORMULAS))


def _is(formula: Formula, sample: ColumnSample, target: Doubles, rows: NDArray[np.int64]) -> bool:
    sources = [sample.columns[source][rows] for source in formula.sources]
    value = formula.values(sources, np.dtype(np.float64))
    return bool(np.mean(np.abs(value - target) <= CLOSE * np.abs(target)) >= 1 - MAX_MISSED)


def _copies(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> Iterator[Formula]:
    """Other columns times a factor, plus a constant."""
    for source in near:
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


def _rounded(value: float, of: float = 0.0) -> float:
    """The number of few digits that is nearly `value`, otherwise `value`; 0 if it is negligible compared with
    `of`."""
    if abs(value) <= CLOSE * of:
        return 0.0
    short = float(f"{value:.4g}")
    return short if abs(value - short) <= CLOSE * max(abs(value), of) else float(value)


def _products(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> Iterator[Formula]:
    """Products such as `pt × cosh η`."""
    first = _first(sample, rows, near)
    for name, (of, limit) in ARGUMENTS.items():
        for angle, argument in first.items():
            factor = of(argument) if abs(argument) <= limit else 0.0
            for unit in UNITS:
                scale = factor * unit
                for source, value in first.items():
                    if source != angle and abs(value * scale - target[0]) <= CLOSE * abs(target[0]):
                        yield Formula(name, (source, angle), unit)


ARGUMENTS: dict[str, tuple[Callable[[float], float], float]] = {
    "cosh": (math.cosh, MAX_ETA),
    "sinh": (math.sinh, MAX_ETA),
    "cos": (math.cos, 7.0),
    "sin": (math.sin, 7.0),
}
"""Functions of pseudorapidities and angles, with the largest argument that can be one."""


def _first(sample: ColumnSample, rows: NDArray[np.int64], near: Sequence[int]) -> dict[int, float]:
    """Values of the nearby floating-point columns in the first row, by number."""
    return {n: float(sample.columns[n][rows[0]]) for n in near if sample.columns[n].dtype.kind == "f"}


def _norms(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> Iterator[Formula]:
    """Square roots of sums of two, three or four squares."""
    squares = {source: value**2 for source, value in _first(sample, rows, near).items()}
    pairs = list(combinations(squares, 2))
    if not pairs or target[0] <= 0:
        return
    sums = np.array([squares[a] + squares[b] for a, b in pairs])
    for unit in UNITS:
        goal = (target[0] / unit) ** 2
        near_goal = 2 * CLOSE * goal
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
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> Iterator[Formula]:
    """Energies `√((pt cosh η)² + m²)`."""
    first = _first(sample, rows, near)
    masses = np.array(list(first.values())) ** 2
    of, limit = ARGUMENTS["cosh"]
    for angle, argument in first.items():
        if abs(argument) > limit:
            continue
        momenta = (np.array(list(first.values())) * of(argument)) ** 2
        for unit in UNITS:
            goal = (target[0] / unit) ** 2
            hits = np.abs(momenta[:, None] + masses - goal) <= 2 * CLOSE * goal
            for pt, mass in np.argwhere(hits).tolist():
                source, other = list(first)[pt], list(first)[mass]
                if len({source, angle, other}) == 3:
                    yield Formula("energy", (source, angle, other), unit)


@np.errstate(all="ignore")
def _angles(
    sample: ColumnSample, target: Doubles, rows: NDArray[np.int64], near: Sequence[int]
) -> list[Formula]:
    """Directions: φ from px and py, η from pz and either pt or px and py."""
    first = _first(sample, rows, near)
    numbers, values = list(first), np.array(list(first.values()))
    pairs = list(combinations(range(len(numbers)), 2))
    pt = np.array([math.hypot(values[i], values[j]) for i, j in pairs])
    made = {
        "arctan2": np.arctan2(values[:, None], values),
        "arcsinh": np.arcsinh(values[:, None] / values),
        "eta": np.arcsinh(values[:, None] / pt),
    }
    out = []
    for name, angles in made.items():
        for first_place, place in np.argwhere(np.abs(angles - target[0]) <= CLOSE * abs(target[0])).tolist():
            places = (first_place, *pairs[place]) if name == "eta" else (first_place, place)
            if len({*places}) == len(places):
                out.append(Formula(name, tuple(numbers[place] for place in places)))
    return out
