"""Energy that particles deposit in one silicon layer, parametrised: nothing is tracked.

Electromagnetic showers have the longitudinal and radial profiles of Grindhammer and Peters for a homogeneous
calorimeter (hep-ex/0001020, appendix A), with fluctuations of the longitudinal one, in an effective material
between silicon, lead and copper tungsten. Hadrons are cruder: they are minimum ionising until they interact;
then a random part of their energy is an electromagnetic shower, and the rest is spread widely. Nothing was
tuned to HGCAL.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Floats = NDArray[np.float64]

Z, CRITICAL, MOLIERE = 60.0, 0.0095, 2.6
"""Atomic number, critical energy [GeV] and Moliere radius [cm] of the effective material, with air gaps."""

DEPTH, THICKNESS = 10.0, 1.0
"""Depth of the layer, and thickness of the material that its signal represents [radiation lengths]."""

INTERACTIONS = 0.45
"""Depth of the layer [interaction lengths]."""

WIDE = 4.0
"""Mean radius of the non-electromagnetic part of hadronic showers [cm]."""

MIP = 0.011
"""Shower energy in the layer's thickness that corresponds to one minimum ionising particle [GeV]."""

MIN_SPOTS, MAX_SPOTS = 24, 400
"""Fewest and most points in which the energy of a shower is deposited."""


def electromagnetic(energy: Floats, before: Floats, rng: np.random.Generator) -> Floats:
    """Fluctuating energy [GeV] in the layer, of showers that begin `before` radiation lengths before it."""
    y = np.log(np.maximum(energy, 0.1) / CRITICAL)
    mean_t, spread_t = np.log(np.maximum(y - 0.812, 0.2)), 1 / np.maximum(-1.4 + 1.26 * y, 1.0)
    mean_a, spread_a = np.log(0.81 + (0.458 + 2.26 / Z) * y), 1 / np.maximum(-0.58 + 0.86 * y, 1.0)
    rho = 0.705 - 0.023 * y
    first, second = rng.normal(size=(2, len(energy)))
    plus, minus = np.sqrt((1 + rho) / 2), np.sqrt((1 - rho) / 2)
    maximum = np.exp(mean_t + spread_t * (plus * first + minus * second))
    alpha = np.maximum(np.exp(mean_a + spread_a * (plus * first - minus * second)), 1.05)
    beta = (alpha - 1) / maximum
    low = np.maximum(before - THICKNESS / 2, 0.0)
    return np.asarray(energy * (gammainc(alpha, beta * (low + THICKNESS)) - gammainc(alpha, beta * low)))


def radii(energy: Floats, before: Floats, rng: np.random.Generator) -> Floats:
    """Random distances of spots from the axis [cm], for showers of this energy at this depth."""
    log = np.log(np.maximum(energy, 0.1))
    maximum = np.maximum(np.log(np.maximum(energy, 0.1) / CRITICAL) - 0.858, 0.5)
    tau = np.minimum(before / maximum, 4.0)
    core = 0.0251 + 0.00319 * log + (0.1162 - 0.000381 * Z) * tau
    tail = (0.659 - 0.00309 * Z) * (
        np.exp(-2.59 * (tau - 0.645)) + np.exp((0.3585 + 0.0421 * log) * (tau - 0.645))
    )
    part = (0.401 + 0.00187 * Z - tau) / (1.313 - 0.0686 * log)
    inside = np.clip((2.632 - 0.00094 * Z) * np.exp(part - np.exp(part)), 0.0, 1.0)
    scale = np.where(rng.random(len(energy)) < inside, core, tail)
    u = np.minimum(rng.random(len(energy)), 0.995)
    return np.asarray(MOLIERE * scale * np.sqrt(u / (1 - u)))


def deposits(
    energy: Floats, charged: NDArray[np.bool_], light: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Spots of particles: the index of the particle, x and y [cm] relative to its impact, and energy [MIP].

    `light` marks photons and electrons; all others are hadrons or muons.
    """
    count = len(energy)
    start = rng.exponential(1.0, count)  # [interaction lengths]
    showers = light | (start < INTERACTIONS)
    part = np.where(light, 1.0, rng.beta(2.0, 2.0, count))
    before = np.where(light, DEPTH, DEPTH * (1 - start / INTERACTIONS))
    before = np.maximum(before, 0.5)
    layer = np.where(showers, electromagnetic(energy * part, before, rng), 0.0) / MIP
    wide = np.where(showers & ~light, 0.3 * energy * (1 - part) / DEPTH, 0.0) / MIP
    track = np.where(charged & ~showers, rng.gamma(9.0, 1 / 9.0, count), 0.0)
    spots = np.where(showers, np.clip(MIN_SPOTS + layer, MIN_SPOTS, MAX_SPOTS), 1).astype(np.int64)
    owner = np.repeat(np.arange(count), spots)
    share = 1.0 / spots[owner]
    far = radii((energy * part)[owner], before[owner], rng)
    far = np.where(
        rng.random(len(owner)) * (layer + wide)[owner] < layer[owner], far, rng.exponential(WIDE, len(owner))
    )
    far = np.where(showers[owner], far, 0.0)
    angle = rng.uniform(0, 2 * math.pi, len(owner))
    mips = (layer + wide + track)[owner] * share
    return owner, far * np.cos(angle), far * np.sin(angle), mips
