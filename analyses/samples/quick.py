"""A generator without Pythia: masses and transverse momenta from simple distributions, decays in two-body kinematics.

Shapes are chosen by hand to be like those of the Pythia samples and cover the same phase space; nothing is computed from
matrix elements, and neither spin correlations nor interference are there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import awkward as ak
import numpy as np

from . import kinematics as kin
from .jagged import Floats, Ints, records
from .processes import Process
from .truth import Truth

M_H, M_Z, WIDTH_Z = 125.0, 91.1876, 2.4952
LOWEST_MASS = 80.0
"""Of two photons, or a photon and a jet [GeV]."""


@dataclass(frozen=True, slots=True)
class QuickGenerator:
    """Events of one process, drawn with its own random numbers."""

    process: Process
    rng: np.random.Generator

    def generate(self, n: int) -> Truth:
        """The next `n` events."""
        return _MAKERS[self.process.name](n, self.rng)


def _two_photons(n: int, rng: np.random.Generator, *, vbf: bool = False) -> Truth:
    jets = _tag_jets(n, rng) if vbf else _radiated(n, rng, 0.75, 28.0)
    pair = kin.decay(
        _system(np.full(n, M_H), jets, rng, 0.8 if vbf else 1.1),
        0.0,
        0.0,
        rng.uniform(-1, 1, n),
        _angle(n, rng),
    )
    return _truth(_photons(np.stack(pair, axis=1), rng), _no_leptons(n), jets, pair)


def _continuum(n: int, rng: np.random.Generator, *, jet: bool = False) -> Truth:
    jets = _radiated(n, rng, 0.6, 22.0)
    mass = LOWEST_MASS * rng.random(n) ** (-1 / (3.4 if jet else 2.9))
    cosine = np.tanh(_rapidity_gap(n, rng))
    first, second = kin.decay(_system(mass, jets, rng, 1.1), 0.0, 0.0, cosine, _angle(n, rng))
    if not jet:
        return _truth(_photons(np.stack([first, second], axis=1), rng), _no_leptons(n), jets, (first, second))
    pt, eta, phi = kin.polar(second)
    hard = records(
        np.ones(n, np.int64),
        pt=pt,
        eta=eta,
        phi=phi,
        mass=pt * rng.uniform(0.05, 0.2, n),
        flavour=_flavours(n, rng),
    )
    return _truth(
        _photons(first[:, None], rng), _no_leptons(n), ak.concatenate([hard, jets], axis=1), (first,)
    )


def _rapidity_gap(n: int, rng: np.random.Generator) -> Floats:
    """Half the difference in rapidity of photons with dσ/dcosθ ∝ (1 + cos²θ)/(1 − cos²θ), as qq→γγ has."""
    half = rng.uniform(-1.8, 1.8, 4 * n)
    return half[rng.random(4 * n) < (1 + np.tanh(half) ** 2) / 2][:n]


def _higgs_4l(n: int, rng: np.random.Generator) -> Truth:
    jets = _radiated(n, rng, 0.75, 28.0)
    first, second = _pair_of_z(n, rng)
    return _four_leptons(np.full(n, M_H), first, second, jets, rng)


def _pair_of_z(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Masses in H→ZZ*: two Breit–Wigners times phase space and the matrix element of a scalar, by rejection."""
    found: list[Floats] = []
    while sum(map(len, found)) < n:
        real = _breit_wigner(4 * n, rng)
        other = rng.uniform(5.0, 60.0, 4 * n)
        size = kin.momentum(np.full(4 * n, M_H), real, other)
        propagator = other**3 / ((other**2 - M_Z**2) ** 2 + (M_Z * WIDTH_Z) ** 2)
        density = size * (size**2 * M_H**2 + 3 * real**2 * other**2) / real**2 * propagator
        good = rng.random(4 * n) < density / density.max()
        found.append(np.stack([real[good], other[good]]))
    first, second = np.concatenate(found, axis=1)[:, :n]
    return first, second


def _breit_wigner(n: int, rng: np.random.Generator) -> Floats:
    low, high = np.arctan((np.array([40.0, 118.0]) - M_Z) / (WIDTH_Z / 2))
    return M_Z + WIDTH_Z / 2 * np.tan(rng.uniform(low, high, n))


def _zz(n: int, rng: np.random.Generator) -> Truth:
    """Two Z, a Z and a γ*, or a Z that decays to four leptons: 60, 33 and 7 %."""
    jets = _radiated(n, rng, 0.6, 25.0)
    kind = rng.choice(3, n, p=[0.6, 0.33, 0.07])
    virtual = 5.0 * (60.0 / 5.0) ** rng.random(n)
    first = _breit_wigner(n, rng)
    second = np.where(kind == 0, _breit_wigner(n, rng), virtual)
    single = kind == 2
    first = np.where(single, rng.uniform(40.0, 70.0, n), first)
    second = np.where(single, 5.0 + 13.0 * rng.random(n), second)
    above = (first + second) * (1 + 0.02 + 0.35 * rng.random(n) ** (-1 / 3.5) - 0.35)
    mass = np.where(single, np.maximum(_breit_wigner(n, rng), first + second + 0.1), above)
    return _four_leptons(mass, first, second, jets, rng)


def _four_leptons(
    mass: Floats, first: Floats, second: Floats, jets: ak.Array, rng: np.random.Generator
) -> Truth:
    n = len(mass)
    second = np.minimum(second, mass - first - 0.05)
    bosons = kin.decay(_system(mass, jets, rng, 1.1), first, second, rng.uniform(-1, 1, n), _angle(n, rng))
    leptons = [
        product
        for boson in bosons
        for product in kin.decay(boson, 0.0, 0.0, rng.uniform(-1, 1, n), _angle(n, rng))
    ]
    flavours = np.repeat(rng.choice([11, 13], (n, 2)), 2, axis=1)
    return _truth(_no_photons(n), _leptons(np.stack(leptons, axis=1), flavours, rng), jets, tuple(leptons))


def _z_jets(n: int, rng: np.random.Generator) -> Truth:
    jets = _radiated(n, rng, 0.5, 25.0)
    system = _system(_breit_wigner(n, rng), jets, rng, 1.3)
    pair = kin.decay(system, 0.0, 0.0, rng.uniform(-1, 1, n), _angle(n, rng))
    flavours = np.repeat(rng.choice([11, 13], (n, 1)), 2, axis=1)
    return _truth(_no_photons(n), _leptons(np.stack(pair, axis=1), flavours, rng), jets, pair)


_MAKERS: dict[str, Callable[[int, np.random.Generator], Truth]] = {
    "ggH-yy": _two_photons,
    "VBF-yy": lambda n, rng: _two_photons(n, rng, vbf=True),
    "yy": _continuum,
    "yj": lambda n, rng: _continuum(n, rng, jet=True),
    "ggH-4l": _higgs_4l,
    "ZZ-4l": _zz,
    "Zjets": _z_jets,
}


def _angle(n: int, rng: np.random.Generator) -> Floats:
    return rng.uniform(-np.pi, np.pi, n)


def _flavours(n: int, rng: np.random.Generator) -> Ints:
    return rng.choice([0, 4, 5], n, p=[0.88, 0.08, 0.04])


def _radiated(n: int, rng: np.random.Generator, mean: float, scale: float) -> ak.Array:
    """Jets of radiation, `mean` of them in an event, falling in pt with that scale."""
    counts = rng.poisson(mean, n)
    total = int(counts.sum())
    pt = 12.0 + rng.exponential(scale, total)
    return records(
        counts, pt=pt, eta=np.clip(rng.normal(0.0, 1.9, total), -4.4, 4.4), phi=_angle(total, rng),
        mass=pt * rng.uniform(0.05, 0.2, total), flavour=_flavours(total, rng),
    )  # fmt: skip


def _tag_jets(n: int, rng: np.random.Generator) -> ak.Array:
    """The two jets of vector-boson fusion: one to each side."""
    side = rng.choice([-1.0, 1.0], n)
    eta = np.stack([side, -side], axis=1) * np.abs(rng.normal(2.2, 1.0, (n, 2)))
    pt = 20.0 + rng.gamma(1.6, 30.0, (n, 2))
    return records(
        np.full(n, 2), pt=pt.ravel(), eta=np.clip(eta, -4.4, 4.4).ravel(), phi=_angle(2 * n, rng),
        mass=(pt * rng.uniform(0.05, 0.2, (n, 2))).ravel(), flavour=np.zeros(2 * n, np.int64),
    )  # fmt: skip


def _system(mass: Floats, jets: ak.Array, rng: np.random.Generator, width: float) -> Floats:
    """Four-vector of everything but the jets: it recoils against them and against soft radiation."""
    n = len(mass)
    x = -np.asarray(ak.sum(jets.pt * np.cos(jets.phi), axis=1)) + rng.normal(0.0, 8.0, n)
    y = -np.asarray(ak.sum(jets.pt * np.sin(jets.phi), axis=1)) + rng.normal(0.0, 8.0, n)
    return kin.vectors(np.hypot(x, y), rng.normal(0.0, width, n), np.arctan2(y, x), mass)


def _cones(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """What the underlying event leaves around an object: charged particles, and all of them."""
    tracks = rng.poisson(0.16, n)
    pt30 = np.where(tracks > 0, tracks + rng.gamma(np.maximum(tracks, 1), 0.8), 0.0)
    pt20 = pt30 * rng.binomial(tracks, 4 / 9) / np.maximum(tracks, 1)
    et20 = 1.5 * pt20 + rng.exponential(0.35, n)
    et40 = et20 + 1.5 * (pt30 - pt20) + rng.exponential(1.2, n)
    return {"et20": et20, "et40": et40, "pt20": pt20, "pt30": pt30}


def _photons(momenta: Floats, rng: np.random.Generator) -> ak.Array:
    n, each = momenta.shape[:2]
    pt, eta, phi = kin.polar(momenta.reshape(-1, 4))
    return records(np.full(n, each), pt=pt, eta=eta, phi=phi, **_cones(n * each, rng))


def _leptons(momenta: Floats, flavours: Ints, rng: np.random.Generator) -> ak.Array:
    n, each = momenta.shape[:2]
    pt, eta, phi = kin.polar(momenta.reshape(-1, 4))
    return records(
        np.full(n, each), pt=pt, eta=eta, phi=phi, kind=flavours.ravel(),
        charge=np.tile([-1, 1], n * each // 2), **_cones(n * each, rng),
    )  # fmt: skip


def _no_photons(n: int) -> ak.Array:
    return _photons(np.zeros((n, 0, 4)), np.random.default_rng(0))


def _no_leptons(n: int) -> ak.Array:
    return _leptons(np.zeros((n, 0, 4)), np.zeros((n, 0), np.int64), np.random.default_rng(0))


def _truth(photons: ak.Array, leptons: ak.Array, jets: ak.Array, hard: tuple[Floats, ...]) -> Truth:
    total = np.sum(hard, axis=0)
    fat = jets[jets.pt > 200][["pt", "eta", "phi", "mass"]]
    return Truth(photons, leptons, jets, fat, np.hypot(total[:, 1], total[:, 2]))
