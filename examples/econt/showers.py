"""What particles leave in one silicon layer: parametrised, nothing is tracked.

Electromagnetic showers: longitudinal and radial profiles, and the fluctuations of the first, of Grindhammer and Peters
for a homogeneous calorimeter (hep-ex/0001020, appendix A), of an effective material between silicon, lead and copper
tungsten. Hadrons are cruder: they are minimum ionising until they interact, then a random part of their energy is such
a shower and the rest is wide. Nothing was tuned to HGCAL.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

Floats = NDArray[np.float64]

Z, CRITICAL, MOLIERE = 60.0, 0.0095, 2.6
"""Of the effective material: atomic number, critical energy [GeV], Moliere radius [cm], air gaps included."""

DEPTH, THICKNESS = 10.0, 1.0
"""[radiation lengths] Before the layer, and what its signal stands for."""

INTERACTIONS = 0.45
"""[interaction lengths] Before the layer."""

WIDE = 4.0
"""[cm] Mean radius of the part of hadronic showers that is not electromagnetic."""

MIP = 0.011
"""[GeV] Of shower energy in the layer's thickness for one minimum ionising particle."""

SPOTS, MOST_SPOTS = 24, 400
"""Points in which a shower's energy is put down: at least, and at most."""


def electromagnetic(energy: Floats, before: Floats, rng: np.random.Generator) -> Floats:
    """[GeV] What the layer gets of showers that begin `before` radiation lengths before it; fluctuates as showers do."""
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
    """[cm] How far from the axis each of some spots is, of showers of this energy at this depth."""
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
    """Spots of particles: whose each is, its distance [cm] in x and y from where the particle hits, and its MIPs.

    `light` are photons and electrons, all others are hadrons or muons.
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
    spots = np.where(showers, np.clip(SPOTS + layer, SPOTS, MOST_SPOTS), 1).astype(np.int64)
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
