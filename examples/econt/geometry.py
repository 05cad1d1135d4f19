"""A hexagonal module of 48 trigger cells, in three rhombi of 4 x 4 (as in arXiv:2105.01683)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 9.6
"""Side of the hexagon, which is cut from an 8-inch wafer [cm]."""

CELLS, ACROSS = 48, 4
"""Number of trigger cells, and cells along a side of a rhombus."""

DISTANCE, RADIUS = 350.0, 95.0
"""Distance of the module's plane from the collisions, and of its centre from the beam (eta 2.0) [cm]."""


def _sides(rhombus: int) -> tuple[Floats, Floats]:
    """The two sides of a rhombus, which start at the centre of the hexagon, 120 degrees apart."""
    angles = np.radians(np.array([120.0 * rhombus, 120.0 * rhombus + 120.0]))
    first, second = SIDE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return first, second


def centres() -> Floats:
    """Centres of the cells [cm], (48, 2): cell `16 k + 4 i + j` is in row i, column j of rhombus k."""
    steps = (np.arange(ACROSS) + 0.5) / ACROSS
    cells = []
    for rhombus in range(3):
        first, second = _sides(rhombus)
        cells.append((steps[:, None, None] * first + steps[None, :, None] * second).reshape(-1, 2))
    return np.concatenate(cells)


def cell_of(x: Floats, y: Floats) -> NDArray[np.int64]:
    """Cell of each point [cm]; -1 for points outside the module."""
    cells = np.full(np.shape(x), -1, np.int64)
    for rhombus in range(3):
        inverse = np.linalg.inv(np.stack(_sides(rhombus), axis=1))
        i = np.floor((inverse[0, 0] * x + inverse[0, 1] * y) * ACROSS).astype(np.int64)
        j = np.floor((inverse[1, 0] * x + inverse[1, 1] * y) * ACROSS).astype(np.int64)
        inside = (i >= 0) & (i < ACROSS) & (j >= 0) & (j < ACROSS)
        cells[inside] = (16 * rhombus + ACROSS * i + j)[inside]
    return cells


def uniform(rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Random points [cm], uniform on the module."""
    sides = np.array([_sides(rhombus) for rhombus in range(3)])[rng.integers(0, 3, count)]
    point = (rng.random((count, 2))[:, :, None] * sides).sum(axis=1)
    return point[:, 0], point[:, 1]
