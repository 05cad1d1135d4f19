"""Four-vectors as arrays (n, 4) of E, px, py, pz: made from what describes them, decayed and added."""

from __future__ import annotations

import numpy as np

from ..jagged import Floats


def vectors(pt: Floats, rapidity: Floats, phi: Floats, mass: Floats | float) -> Floats:
    """Four-vectors of these transverse momenta, rapidities (not η), angles and masses."""
    transverse = np.hypot(pt, mass)
    return np.stack(
        [
            transverse * np.cosh(rapidity),
            pt * np.cos(phi),
            pt * np.sin(phi),
            transverse * np.sinh(rapidity),
        ],
        axis=-1,
    )


def polar(momenta: Floats) -> tuple[Floats, Floats, Floats]:
    """Transverse momentum, η and φ."""
    pt = np.hypot(momenta[..., 1], momenta[..., 2])
    return (
        pt,
        np.arcsinh(momenta[..., 3] / np.maximum(pt, 1e-9)),
        np.arctan2(momenta[..., 2], momenta[..., 1]),
    )


def mass_of(momenta: Floats) -> Floats:
    """Invariant mass; 0 where rounding makes its square negative."""
    square = momenta[..., 0] ** 2 - np.sum(momenta[..., 1:] ** 2, axis=-1)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def momentum(mass: Floats, first: Floats | float, second: Floats | float) -> Floats:
    """Momentum of each product of a decay into two masses, in the rest frame; 0 below threshold."""
    total = (mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)
    return np.sqrt(np.maximum(total, 0.0)) / (2 * mass)


def decay(
    parent: Floats, first: Floats | float, second: Floats | float, cosine: Floats, azimuth: Floats
) -> tuple[Floats, Floats]:
    """Both products of a decay into two masses, at these angles to the beam axis in the rest frame of the parent."""
    mass = mass_of(parent)
    size = momentum(mass, first, second)
    sine = np.sqrt(1 - cosine**2)
    one = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=-1) * size[:, None]
    product = boosted(one, np.hypot(size, first), parent, mass)
    return product, parent - product


def boosted(three: Floats, energy: Floats, parent: Floats, mass: Floats) -> Floats:
    """A vector of the rest frame of `parent` as seen in the laboratory."""
    along = np.sum(three * parent[:, 1:], axis=-1)
    lab = (parent[:, 0] * energy + along) / mass
    factor = (along / (parent[:, 0] + mass) + energy) / mass
    return np.concatenate([lab[:, None], three + factor[:, None] * parent[:, 1:]], axis=-1)
