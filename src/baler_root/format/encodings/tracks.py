"""Functions of tracks given by their slopes `tx = px / pz` and `ty = py / pz` (formats/pages.md#tracks)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def transverse_momentum(curvature: Doubles, tx: Doubles, ty: Doubles) -> Doubles:
    """Momentum transverse to z, from charge over momentum and the slopes."""
    square = tx * tx + ty * ty
    return np.sqrt(square / (1.0 + square)) / np.abs(curvature)


def distance_to_axis(x: Doubles, y: Doubles, tx: Doubles, ty: Doubles) -> Doubles:
    """Distance of a track through (x, y, 0) from the z axis."""
    return np.abs(x * ty - y * tx) / np.sqrt(tx * tx + ty * ty)


def impact_parameter(x: Doubles, y: Doubles, tx: Doubles, ty: Doubles) -> Doubles:
    """Distance of a track through (x, y, 0) from the origin; NaN if its square is negative."""
    along = x * tx + y * ty
    return np.sqrt(x * x + y * y - along * along / (1.0 + tx * tx + ty * ty))
