"""Candidates of two columns or two particles."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from baler_root.compression.derived.match import Targets
from baler_root.compression.derived.objects import Particles
from baler_root.compression.derived.trial import Budget, Candidates, Trial
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Doubles

NEAR_COPY = 0.1
"""Largest relative difference of a near copy in a row, such as a column with another calibration."""


BLOCK = 1 << 16
"""Results of a formula that are computed at a time."""


def of_single_columns(trial: Trial) -> Candidates:
    """Near copies, perhaps of the other sign."""
    columns = np.flatnonzero(trial.table.varies)
    values = trial.values[columns].T
    for position, target in trial.any_sign.find(values):
        trial.copies.add((int(trial.all_columns[target]), int(columns[position])))
    near = Targets(trial.values[trial.all_columns], tolerance=NEAR_COPY)
    for position, target in near.find(values):
        column, source = int(trial.all_columns[target]), int(columns[position])
        if column != source:
            yield column, Formula("linear", (source,))


def of_columns(trial: Trial, budget: Budget) -> Candidates:
    """Differences, products and ratios of two columns."""
    columns = np.flatnonzero(trial.table.varies)
    count = len(columns)
    reach = min(count - 1, budget.count(0.3) // (4 * max(1, count)))
    rows = np.ascontiguousarray(trial.values[columns].T)
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
            for position, target in trial.any_sign.find(result):
                pair = (int(columns[position]), int(columns[position + offset]))
                if name == "inverse":
                    yield from trial.formula(target, "ratio", pair[::-1])
                else:
                    yield from trial.formula(target, name, pair)


def of_angles(trial: Trial, budget: Budget) -> Candidates:
    """Angles between directions φ."""
    phis = np.flatnonzero(trial.table.is_phi)[: budget.side(0.1)]
    angles = trial.values[phis].T
    for i in range(len(phis) - 1):
        difference = angles[:, i, None] - angles[:, i + 1 :]
        difference -= 2 * math.pi * np.rint(difference / (2 * math.pi))
        for position, target in trial.any_sign.find(difference):
            yield from trial.formula(target, "delta_phi", (int(phis[i]), int(phis[i + 1 + position])))


def of_directions(trial: Trial, budget: Budget) -> Candidates:
    """Distances in η and φ."""
    particles = Particles.directions(trial.table, budget.side(0.1))
    eta, phi = particles.values(trial.values)

    def squares(part: slice) -> Doubles:
        in_eta = eta[:, part, None] - eta[:, None]
        in_phi = phi[:, part, None] - phi[:, None]
        in_phi -= 2 * math.pi * np.rint(in_phi / (2 * math.pi))
        return np.asarray(in_eta * in_eta + in_phi * in_phi)

    yield from _pairs(trial, "delta_r", particles, squares)


def of_transverse(trial: Trial, budget: Budget) -> Candidates:
    """Transverse masses, and transverse momenta of sums."""
    particles = Particles.transverse(trial.table, budget.side(0.15))
    pt, phi = particles.values(trial.values)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    for name, sign in (("transverse_mass", -1.0), ("sum_pt", 1.0)):

        def squares(part: slice, sign: float = sign) -> Doubles:
            products = sign * (px[:, part, None] * px[:, None] + py[:, part, None] * py[:, None])
            if sign < 0:
                products += pt[:, part, None] * pt[:, None]
                return np.asarray(2.0 * products)
            return np.asarray((pt * pt)[:, part, None] + (pt * pt)[:, None] + 2.0 * products)

        yield from _pairs(trial, name, particles, squares)


def of_momenta(trial: Trial, budget: Budget) -> Candidates:
    """Masses of two particles."""
    particles = Particles.momenta(trial.table, budget.side(0.4))
    pt, eta, phi = particles.values(trial.values)
    momentum = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=2)
    metric = np.array([2.0, -2.0, -2.0, -2.0])

    def squares(part: slice) -> Doubles:
        return np.asarray((momentum[:, part] * metric) @ momentum.transpose(0, 2, 1))

    yield from _pairs(trial, "mass", particles, squares)


def _pairs(trial: Trial, name: str, particles: Particles, squares: Callable[[slice], Doubles]) -> Candidates:
    """Functions of two particles, whose squares in each row `squares` gives for some first particles."""
    count = len(particles)
    if not len(trial.positive_columns) or count < 2:
        return
    block = max(1, BLOCK // count)
    for start in range(0, count, block):
        with np.errstate(all="ignore"):
            results = squares(slice(start, start + block))
        for position, target in trial.squares.find(results.reshape(len(results), -1)):
            first, second = start + position // count, position % count
            pair = sorted((particles.columns[first].tolist(), particles.columns[second].tolist()))
            sources = (*pair[0], *pair[1])
            if first < second and len({*sources}) == len(sources):
                yield from trial.formula(target, name, sources, positive=True)
