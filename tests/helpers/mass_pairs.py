"""Pairs of particles with masses, and their files."""

from __future__ import annotations

from typing import Any

import numpy as np

from baler_root.compression.summary import Summary
from baler_root.training.pair_masses import Leg, Pair, PairMass

Arrays = dict[str, Any]

NAMES = tuple(f"{leg}_{name}" for leg in ("mu", "tau") for name in ("pt", "eta", "phi", "m"))


ASKED = PairMass(NAMES)


MASSIVE = Pair(ASKED, Leg(0, 1, 2, 3), Leg(4, 5, 6, 7))


def pairs(rows: int = 3000, seed: int = 5) -> Arrays:
    """Two particles; the mass of the first is always the same."""
    rng = np.random.default_rng(seed)
    pt = rng.exponential(20, rows) + 20
    columns = (
        pt, rng.normal(0, 1, rows), rng.uniform(-np.pi, np.pi, rows), np.full(rows, 0.1),
        pt * rng.normal(1, 0.2, rows), rng.normal(0, 1, rows), rng.uniform(-np.pi, np.pi, rows), rng.uniform(0.5, 1.5, rows),
    )  # fmt: skip
    return {name: column.astype("f4") for name, column in zip(NAMES, columns, strict=True)}


def mass_of(arrays: Arrays) -> np.ndarray:
    """In double precision, by four-vectors."""
    total = np.zeros((4, len(arrays["mu_pt"])))
    for leg in ("mu", "tau"):
        pt, eta, phi, m = (np.asarray(arrays[f"{leg}_{name}"], "f8") for name in ("pt", "eta", "phi", "m"))
        energy = np.sqrt((pt * np.cosh(eta)) ** 2 + m**2)
        total += [energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
    return np.sqrt(np.maximum(total[0] ** 2 - (total[1:] ** 2).sum(0), 0))


def notes_of(summary: Summary) -> str:
    """All notes of a compression."""
    return "\n".join(summary.notes)
