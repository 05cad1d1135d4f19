"""A hexagonal module of 48 trigger cells, three rhombi of 4 x 4 each, as the ECON-T sees it (arXiv:2105.01683)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 9.6
"""[cm] Of the hexagon, which is cut from a wafer of 8 inches."""

CELLS, ACROSS = 48, 4
"""Trigger cells, and how many a rhombus has along a side."""

DISTANCE, RADIUS = 350.0, 95.0
"""[cm] Of the module's plane from the collisions, and of its middle from the beam: eta is 2.0 there."""


def _sides(rhombus: int) -> tuple[Floats, Floats]:
    """The two sides of a rhombus, which begin in the middle of the hexagon with 120 degrees between them."""
    angles = np.radians(np.array([120.0 * rhombus, 120.0 * rhombus + 120.0]))
    first, second = SIDE * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return first, second


def centres() -> Floats:
    """[cm] (48, 2): cell `16 k + 4 i + j` is in row i, column j of rhombus k."""
    steps = (np.arange(ACROSS) + 0.5) / ACROSS
    out = []
    for rhombus in range(3):
        first, second = _sides(rhombus)
        out.append((steps[:, None, None] * first + steps[None, :, None] * second).reshape(-1, 2))
    return np.concatenate(out)


def cell_of(x: Floats, y: Floats) -> NDArray[np.int64]:
    """In which cell points [cm] lie; -1 for those beside the module."""
    out = np.full(np.shape(x), -1, np.int64)
    for rhombus in range(3):
        inverse = np.linalg.inv(np.stack(_sides(rhombus), axis=1))
        i = np.floor((inverse[0, 0] * x + inverse[0, 1] * y) * ACROSS).astype(np.int64)
        j = np.floor((inverse[1, 0] * x + inverse[1, 1] * y) * ACROSS).astype(np.int64)
        inside = (i >= 0) & (i < ACROSS) & (j >= 0) & (j < ACROSS)
        out[inside] = (16 * rhombus + ACROSS * i + j)[inside]
    return out


def uniform(rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """[cm] Points anywhere on the module."""
    sides = np.array([_sides(rhombus) for rhombus in range(3)])[rng.integers(0, 3, count)]
    point = (rng.random((count, 2))[:, :, None] * sides).sum(axis=1)
    return point[:, 0], point[:, 1]
