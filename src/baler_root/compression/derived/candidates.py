"""Candidates: formulas of two particles or two columns that agree with a column in a few rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.match import Targets
from baler_root.compression.derived.objects import Particles
from baler_root.compression.derived.table import TRIAL_ROWS, SearchTable
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Doubles

BLOCK = 1 << 16
"""Results of a formula that are computed at a time."""


@dataclass(slots=True)
class Budget:
    """Results of formulas, one for each tried row, that a search may still compute."""

    results: int

    def side(self, share: float) -> int:
        """Number of things of which all pairs can be tried for a share of the budget."""
        return math.isqrt(max(0, int(2 * share * self.results / TRIAL_ROWS)))


def candidates(
    table: SearchTable, wanted: NDArray[np.bool_], budget: Budget
) -> Iterator[tuple[int, Formula]]:
    """Columns with formulas that agree with them in a few rows; all by index in the table.

    Only the columns in `wanted` are sought.
    """
    rounds = [(columns[wanted[columns]], rows) for columns, rows in table.rounds()]
    rounds = [(columns, rows) for columns, rows in rounds if len(columns)]
    for columns, rows in rounds:
        trial = _Trial(table, columns, rows)
        one_round = Budget(budget.results // len(rounds))
        yield from trial.of_single_columns()
        yield from trial.of_columns(one_round)
        yield from trial.of_angles(one_round)
        yield from trial.of_directions(one_round)
        yield from trial.of_transverse(one_round)
        yield from trial.of_momenta(one_round)


class _Trial:
    """Formulas in a few rows."""

    def __init__(self, table: SearchTable, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """`columns` are sought, by index in the table."""
        self.table = table
        self.values = table.values[:, rows]
        self.all_columns = columns
        self.positive_columns = columns[table.is_positive[columns]]
        self.any_sign = Targets(self.values[self.all_columns])
        self.squares = Targets(self.values[self.positive_columns], power=2)
        self.copies: set[tuple[int, int]] = set()
        """Columns and others that are nearly equal to them, with which formulas agree by accident."""

    def of_single_columns(self) -> Iterator[tuple[int, Formula]]:
        """Near copies, perhaps of the other sign."""
        columns = np.flatnonzero(self.table.varies)
        for position, target in self.any_sign.find(self.values[columns].T):
            pair = int(self.all_columns[target]), int(columns[position])
            if pair[0] != pair[1]:
                self.copies.add(pair)
                yield pair[0], Formula("linear", (pair[1],))

    def of_columns(self, budget: Budget) -> Iterator[tuple[int, Formula]]:
        """Differences, products and ratios of two columns."""
        columns = np.flatnonzero(self.table.varies)
        count = len(columns)
        reach = min(count - 1, int(0.3 * budget.results / (4 * TRIAL_ROWS * max(1, count))))
        rows = np.ascontiguousarray(self.values[columns].T)
        for offset in range(1, reach + 1):
            first, second = rows[:, :-offset], rows[:, offset:]
            with np.errstate(all="ignore"):
                ratio = first / second
                results = {
                    "difference": first - second,
                    "product": first * second,
                    "ratio": ratio,
                    "inverse": 1.0 / ratio,
                }
            for name, result in results.items():
                for position, target in self.any_sign.find(result):
                    pair = (int(columns[position]), int(columns[position + offset]))
                    if name == "inverse":
                        yield from self._formula(target, "ratio", pair[::-1])
                    else:
                        yield from self._formula(target, name, pair)

    def of_angles(self, budget: Budget) -> Iterator[tuple[int, Formula]]:
        """Angles between directions φ."""
        phis = np.flatnonzero(self.table.is_phi)[: budget.side(0.1)]
        angles = self.values[phis].T
        for i in range(len(phis) - 1):
            difference = angles[:, i, None] - angles[:, i + 1 :]
            difference -= 2 * math.pi * np.rint(difference / (2 * math.pi))
            for position, target in self.any_sign.find(difference):
                yield from self._formula(target, "delta_phi", (int(phis[i]), int(phis[i + 1 + position])))

    def of_directions(self, budget: Budget) -> Iterator[tuple[int, Formula]]:
        """Distances in η and φ."""
        particles = Particles.directions(self.table, budget.side(0.1))
        eta, phi = particles.values(self.values)

        def squares(part: slice) -> Doubles:
            in_eta = eta[:, part, None] - eta[:, None]
            in_phi = phi[:, part, None] - phi[:, None]
            in_phi -= 2 * math.pi * np.rint(in_phi / (2 * math.pi))
            return np.asarray(in_eta * in_eta + in_phi * in_phi)

        yield from self._pairs("delta_r", particles, squares)

    def of_transverse(self, budget: Budget) -> Iterator[tuple[int, Formula]]:
        """Transverse masses, and transverse momenta of sums."""
        particles = Particles.transverse(self.table, budget.side(0.15))
        pt, phi = particles.values(self.values)
        px, py = pt * np.cos(phi), pt * np.sin(phi)
        for name, sign in (("transverse_mass", -1.0), ("sum_pt", 1.0)):

            def squares(part: slice, sign: float = sign) -> Doubles:
                products = sign * (px[:, part, None] * px[:, None] + py[:, part, None] * py[:, None])
                if sign < 0:
                    products += pt[:, part, None] * pt[:, None]
                    return np.asarray(2.0 * products)
                return np.asarray((pt * pt)[:, part, None] + (pt * pt)[:, None] + 2.0 * products)

            yield from self._pairs(name, particles, squares)

    def of_momenta(self, budget: Budget) -> Iterator[tuple[int, Formula]]:
        """Masses of two particles."""
        particles = Particles.momenta(self.table, budget.side(0.4))
        pt, eta, phi = particles.values(self.values)
        momentum = np.stack(
            [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=2
        )
        metric = np.array([2.0, -2.0, -2.0, -2.0])

        def squares(part: slice) -> Doubles:
            return np.asarray((momentum[:, part] * metric) @ momentum.transpose(0, 2, 1))

        yield from self._pairs("mass", particles, squares)

    def _pairs(
        self, name: str, particles: Particles, squares: Callable[[slice], Doubles]
    ) -> Iterator[tuple[int, Formula]]:
        """Functions of two particles, whose squares in each row `squares` gives for some first particles."""
        count = len(particles)
        if not len(self.positive_columns) or count < 2:
            return
        block = max(1, BLOCK // count)
        for start in range(0, count, block):
            with np.errstate(all="ignore"):
                results = squares(slice(start, start + block))
            for position, target in self.squares.find(results.reshape(len(results), -1)):
                first, second = start + position // count, position % count
                pair = sorted((particles.columns[first].tolist(), particles.columns[second].tolist()))
                sources = (*pair[0], *pair[1])
                if first < second and len({*sources}) == len(sources):
                    yield from self._formula(target, name, sources, positive=True)

    def _formula(
        self, target: int, name: str, sources: tuple[int, ...], *, positive: bool = False
    ) -> Iterator[tuple[int, Formula]]:
        """The formula for one of the sought columns, unless it contains that column or a near copy of it."""
        column = int((self.positive_columns if positive else self.all_columns)[target])
        if column not in sources and not any((column, source) in self.copies for source in sources):
            yield column, Formula(name, sources)
