"""Candidates of several particles: momenta, directions and masses of sums."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from baler_root.compression.derived.objects import Particles
from baler_root.compression.derived.trial import Budget, Trial
from baler_root.format.encodings.formula import Formula

MAX_PARTICLES = 12
"""Most particles of which sums are tried."""


MAX_SUMMED = 4
"""Most particles in a sum."""


@np.errstate(all="ignore")
def of_sums(trial: Trial, budget: Budget) -> list[tuple[int, Formula]]:
    """Mass, pt, η and φ of two to four particles; of two, only the directions."""
    particles = Particles.momenta(trial.table, min(MAX_PARTICLES, int(np.sum(trial.table.is_phi))))
    result: list[tuple[int, Formula]] = []
    if len(particles) < 2:
        return result
    pt, eta, phi = particles.values(trial.values)
    momenta = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    for count in range(2, MAX_SUMMED + 1):
        chosen = np.array(
            [
                subset
                for subset in combinations(range(len(particles)), count)
                if len({*particles.columns[list(subset)].flat}) == 3 * count
            ],
            np.int64,
        )[: budget.count(0.1)]
        if not len(chosen):
            continue
        sources = particles.columns[chosen].reshape(len(chosen), -1)
        transverse = particles.columns[chosen][:, :, ::2].reshape(len(chosen), -1)
        energy, px, py, pz = momenta[:, :, chosen].sum(axis=3)
        square = px * px + py * py
        if count > 2:
            result += trial.match_squares("mass", sources, energy * energy - square - pz * pz)
            result += trial.match_squares("sum_pt", transverse, square)
        result += trial.match("sum_eta", sources, np.arcsinh(pz / np.sqrt(square)))
        result += trial.match("sum_phi", transverse, np.arctan2(py, px))
    return result
