"""Candidates that are what remains of an energy √((pt cosh η)² + m²) without others that add up to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.table import SearchTable
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Doubles

MAX_ENERGIES = 40
"""Most columns that may add up to an energy: those nearest to its momentum."""


MAX_TERMS = 13
"""Most of them that a formula can have beside the three columns of the momentum."""


MAX_MOMENTA = 8
"""Most combinations of pt, η and mass that are tried."""


FIT_ROWS = 1024
"""Rows in which coefficients are fitted."""


RIDGE = 1e-9
"""Share of the diagonal that is added to the matrix of products, which may be singular."""


MAX_MISFIT = 0.02
"""Largest difference of a coefficient from 0 or 1."""


@np.errstate(all="ignore")
def of_energies(
    table: SearchTable, wanted: NDArray[np.bool_], terms: NDArray[np.bool_]
) -> list[tuple[int, Formula]]:
    """Those of the columns `terms` that add up to an energy, each given by the others, if it is `wanted`."""
    rows = np.flatnonzero(np.isfinite(table.raw).all(axis=0))[:FIT_ROWS]
    result: list[tuple[int, Formula]] = []
    if len(rows) < FIT_ROWS // 16:
        return result
    raw = table.raw[:, rows]
    is_term = terms & (raw >= 0).all(axis=1) & (raw > 0).any(axis=1) & ~table.is_phi
    for pt, eta, mass in _momenta(table):
        parts = np.flatnonzero(is_term)
        parts = parts[(parts != pt) & (parts != mass)]
        parts = np.sort(parts[np.argsort(np.abs(parts - pt), kind="stable")[:MAX_ENERGIES]])
        energy = np.sqrt((raw[pt] * np.cosh(raw[eta])) ** 2 + raw[mass] ** 2)
        used = _terms(raw[parts], energy)
        if used is None or not 2 <= np.count_nonzero(used) <= MAX_TERMS:
            continue
        members = parts[used].tolist()
        for target in members:
            if wanted[target] and table.varies[target]:
                others = [member for member in members if member != target]
                result.append((target, Formula("energy_remainder", (pt, eta, mass, *others))))
    return result


def _momenta(table: SearchTable) -> list[tuple[int, int, int]]:
    """Combinations of pt, η and mass, from the columns around each η."""
    etas = np.flatnonzero(table.is_eta)[:MAX_MOMENTA]
    result = []
    for eta in etas.tolist():
        positive = np.flatnonzero(table.is_positive)
        nearest = positive[np.argsort(np.abs(positive - eta), kind="stable")[:2]]
        result += [(int(a), eta, int(b)) for a in nearest for b in nearest if a != b]
    return result


def _terms(columns: Doubles, energy: Doubles) -> NDArray[np.bool_] | None:
    """Whether each column is one of those that add up to an energy; None if none do."""
    weight = 1.0 / energy
    if not len(columns) or not np.isfinite(weight).all():
        return None
    scaled = (columns * weight).T
    spread = np.sqrt(np.mean(scaled * scaled, axis=0))
    scaled_columns = scaled / spread
    # Sources are exact to single precision, so a small ridge changes no coefficient that matters.
    products = scaled_columns.T @ scaled_columns + RIDGE * len(energy) * np.eye(len(columns))
    coefficients = np.linalg.solve(products, scaled_columns.sum(axis=0)) / spread
    used = np.abs(coefficients - 1.0) < MAX_MISFIT
    remaining = np.abs(scaled[:, used].sum(axis=1) - 1.0)
    return used if np.median(remaining) < MAX_MISFIT else None
