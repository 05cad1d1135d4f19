"""Four-vectors as arrays (n, 4) of E, px, py, pz: construction, decays and boosts."""

from __future__ import annotations

import numpy as np

from ..jagged import Floats


def vectors(pt: Floats, rapidity: Floats, phi: Floats, mass: Floats | float) -> Floats:
    """Four-vectors with these transverse momenta, rapidities (not η), angles φ and masses."""
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
    """(pt, η, φ) of four-vectors."""
    pt = np.hypot(momenta[..., 1], momenta[..., 2])
    return (
        pt,
        np.arcsinh(momenta[..., 3] / np.maximum(pt, 1e-9)),
        np.arctan2(momenta[..., 2], momenta[..., 1]),
    )


def mass_of(momenta: Floats) -> Floats:
    """Invariant mass; 0 if rounding makes its square negative."""
    square = momenta[..., 0] ** 2 - np.sum(momenta[..., 1:] ** 2, axis=-1)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)))


def momentum(mass: Floats, first: Floats | float, second: Floats | float) -> Floats:
    """Momentum of the products of a two-body decay in the rest frame; 0 below threshold."""
    total = (mass**2 - (first + second) ** 2) * (mass**2 - (first - second) ** 2)
    return np.sqrt(np.maximum(total, 0.0)) / (2 * mass)


def decay(
    parent: Floats, first: Floats | float, second: Floats | float, cosine: Floats, azimuth: Floats
) -> tuple[Floats, Floats]:
    """Four-vectors of both products of a two-body decay.

    `first` and `second` are their masses; `cosine` and `azimuth` are the angles of the first product to the
    beam axis in the rest frame of the parent.
    """
    mass = mass_of(parent)
    size = momentum(mass, first, second)
    sine = np.sqrt(1 - cosine**2)
    three = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=-1) * size[:, None]
    product = boosted(three, np.hypot(size, first), parent, mass)
    return product, parent - product


def boosted(three: Floats, energy: Floats, parent: Floats, mass: Floats) -> Floats:
    """Four-vectors in the laboratory, from momenta and energies in the rest frame of `parent`."""
    along = np.sum(three * parent[:, 1:], axis=-1)
    lab = (parent[:, 0] * energy + along) / mass
    factor = (along / (parent[:, 0] + mass) + energy) / mass
    return np.concatenate([lab[:, None], three + factor[:, None] * parent[:, 1:]], axis=-1)
