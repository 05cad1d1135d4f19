"""Functions of several particles: angles between them, transverse masses, and sums of their momenta
(formats/pages.md#particles)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary import portable_math

Doubles = NDArray[np.float64]


def delta_phi(first: Doubles, second: Doubles) -> Doubles:
    """The angle from the second direction to the first, from -π to π."""
    return portable_math.wrap(first - second)


def delta_r(eta: Doubles, phi: Doubles, other_eta: Doubles, other_phi: Doubles) -> Doubles:
    """Distance of two directions in η and φ."""
    in_eta, in_phi = eta - other_eta, delta_phi(phi, other_phi)
    return np.sqrt(in_eta * in_eta + in_phi * in_phi)


def transverse_mass(pt: Doubles, phi: Doubles, other_pt: Doubles, other_phi: Doubles) -> Doubles:
    """`sqrt(2 pt pt' (1 - cos Δφ))`, as twice the geometric mean times the sine of half the angle."""
    return 2.0 * np.sqrt(pt * other_pt) * np.abs(portable_math.sin(0.5 * (phi - other_phi)))


def sum_pt(*values: Doubles) -> Doubles:
    """Transverse momentum of the sum of particles given by pt and φ."""
    px, py = _transverse(values)
    return np.sqrt(px * px + py * py)


def sum_phi(*values: Doubles) -> Doubles:
    """φ of the sum of particles given by pt and φ."""
    px, py = _transverse(values)
    return portable_math.arctan2(py, px)


def sum_eta(*values: Doubles) -> Doubles:
    """Pseudorapidity of the sum of particles given by pt, η and φ."""
    px = py = pz = np.zeros(len(values[0]))
    for pt, eta, phi in zip(values[::3], values[1::3], values[2::3], strict=True):
        px, py = px + pt * portable_math.cos(phi), py + pt * portable_math.sin(phi)
        pz = pz + pt * portable_math.sinh(eta)
    return portable_math.arcsinh(pz / np.sqrt(px * px + py * py))


def mass(*values: Doubles) -> Doubles:
    """Mass of massless particles given by pt, η and φ."""
    return mass_const(*values, 0.0)


def mass_const(*values: Any) -> Doubles:
    """Mass of particles given by pt, η and φ that all have the mass that comes last."""
    *momenta, constant = values
    return _mass(momenta[::3], momenta[1::3], momenta[2::3], [constant] * (len(momenta) // 3))


def mass_columns(*values: Doubles) -> Doubles:
    """Mass of particles given by pt, η, φ and mass."""
    return _mass(values[::4], values[1::4], values[2::4], values[3::4])


def _transverse(values: Sequence[Doubles]) -> tuple[Doubles, Doubles]:
    """Sums of px and of py of particles given by pt and φ."""
    px = py = np.zeros(len(values[0]))
    for pt, phi in zip(values[::2], values[1::2], strict=True):
        px, py = px + pt * portable_math.cos(phi), py + pt * portable_math.sin(phi)
    return px, py


def _mass(
    pts: Sequence[Doubles],
    etas: Sequence[Doubles],
    phis: Sequence[Doubles],
    masses: Sequence[Doubles | float],
) -> Doubles:
    """Mass of particles given by pt, η, φ and mass; NaN if its square is negative."""
    energy = px = py = pz = np.zeros(np.shape(pts[0]))
    for pt, eta, phi, particle_mass in zip(pts, etas, phis, masses, strict=True):
        momentum = pt * portable_math.cosh(eta)
        energy = energy + np.sqrt(momentum * momentum + particle_mass * particle_mass)
        px, py = px + pt * portable_math.cos(phi), py + pt * portable_math.sin(phi)
        pz = pz + pt * portable_math.sinh(eta)
    return np.sqrt(energy * energy - px * px - py * py - pz * pz)
