"""Candidates with the slopes of tracks: momenta, and distances to an axis or a point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.trial import Budget, Trial
from baler_root.format.encodings.formula import Formula

MAX_SLOPE = 3.0
"""Largest slope of a track against the beam."""


PAIR_REACH = 3
"""Columns of a pair, such as the slopes in x and y, have at most this distance."""


@np.errstate(all="ignore")
def of_tracks(trial: Trial, budget: Budget) -> list[tuple[int, Formula]]:
    """Momenta from curvature and slopes, and distances from positions and slopes."""
    values, table = trial.values, trial.table
    is_signed = table.varies & ~table.is_positive & ~table.is_phi
    sizes = np.abs(table.values)
    is_slope = is_signed & (np.max(sizes, axis=1, where=np.isfinite(sizes), initial=0.0) < MAX_SLOPE)
    slopes, points = _pairs(np.flatnonzero(is_slope)), _pairs(np.flatnonzero(is_signed))
    columns = np.flatnonzero(table.varies)
    result = [*trial.match("inverse", columns[:, None], 1.0 / values[columns].T)]
    if not len(slopes):
        return result
    first, second = values[slopes[:, 0]].T, values[slopes[:, 1]].T
    square = first * first + second * second
    sines = np.sqrt(square / (1.0 + square))
    for number, column in enumerate(columns[: budget.count(0.1) // len(slopes)]):
        sources = np.column_stack([np.full(len(slopes), column), slopes])
        result += trial.match("track_pt", sources, sines / np.abs(values[columns[number], :, None]))
    # Slopes in both orders: which of them belongs to which coordinate is not known.
    slopes = np.concatenate([slopes, slopes[:, ::-1]])
    tx, ty = values[slopes[:, 0]].T, values[slopes[:, 1]].T
    transverse = np.sqrt(tx * tx + ty * ty)
    for point in points[: budget.count(0.1) // (2 * len(slopes))]:
        x, y = values[point[0], :, None], values[point[1], :, None]
        sources = np.column_stack([np.tile(point, (len(slopes), 1)), slopes])
        result += trial.match("track_distance", sources, np.abs(x * ty - y * tx) / transverse)
        along = x * tx + y * ty
        impact = np.sqrt(x * x + y * y - along * along / (1.0 + tx * tx + ty * ty))
        result += trial.match("impact_parameter", sources, impact)
    return result


def _pairs(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of nearby columns, the nearest first."""
    pairs = [np.column_stack([columns[:-reach], columns[reach:]]) for reach in range(1, PAIR_REACH + 1)]
    nearby = np.concatenate(pairs) if len(columns) > 1 else np.zeros((0, 2), np.int64)
    return nearby[np.argsort(nearby[:, 1] - nearby[:, 0], kind="stable")]
