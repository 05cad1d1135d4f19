"""A generator without Pythia: masses and transverse momenta from simple distributions, and two-body decays.

Shapes are chosen by hand to resemble those of the Pythia samples, and cover the same phase space. No matrix
elements are computed, and there are neither spin correlations nor interference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import awkward as ak
import numpy as np

from ..jagged import Floats, Ints, records
from . import kinematics
from .processes import Process
from .truth import Truth

M_H, M_Z, WIDTH_Z = 125.0, 91.1876, 2.4952
LOWEST_MASS = 88.0
"""Lowest mass of two photons, or of a photon and a jet [GeV]."""
LOWEST_PT = {False: 22.0, True: 27.0}
"""Lowest pt of two photons (False), or of a photon and a jet (True) [GeV]."""


@dataclass(frozen=True, slots=True)
class QuickGenerator:
    """Generator of events of one process from simple distributions."""

    process: Process
    rng: np.random.Generator

    def generate(self, n: int) -> Truth:
        """The next `n` events."""
        return _MAKERS[self.process.name](n, self.rng)


def _two_photons(n: int, rng: np.random.Generator, *, vbf: bool = False) -> Truth:
    jets = _tag_jets(n, rng) if vbf else _radiated(n, rng, 1.0, 33.0)
    pair = kinematics.decay(
        _system(np.full(n, M_H), jets, rng, 1.5 if vbf else 1.75),
        0.0,
        0.0,
        rng.uniform(-1, 1, n),
        _angle(n, rng),
    )
    return _truth(_photons(np.stack(pair, axis=1), rng), _no_leptons(n), jets, pair)


def _continuum(n: int, rng: np.random.Generator, *, jet: bool = False) -> Truth:
    jets = _radiated(n, rng, 0.4, 17.0)
    mass = LOWEST_MASS * rng.random(n) ** (-1 / (3.4 if jet else 2.9))
    cosine = np.tanh(_half_gap(mass, LOWEST_PT[jet], rng))
    first, second = kinematics.decay(_system(mass, jets, rng, 2.1), 0.0, 0.0, cosine, _angle(n, rng))
    if not jet:
        return _truth(_photons(np.stack([first, second], axis=1), rng), _no_leptons(n), jets, (first, second))
    pt, eta, phi = kinematics.polar(second)
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


def _half_gap(mass: Floats, lowest_pt: float, rng: np.random.Generator) -> Floats:
    """Half the rapidity difference of two photons from qq→γγ: dσ/dcosθ ∝ (1 + cos²θ)/(1 − cos²θ)."""
    reach = np.arccosh(mass / (2 * lowest_pt))
    half = np.zeros(len(mass))
    missing = np.arange(len(mass))
    while len(missing):
        half[missing] = rng.uniform(-reach[missing], reach[missing])
        refused = rng.random(len(missing)) > (1 + np.tanh(half[missing]) ** 2) / 2
        missing = missing[refused]
    return half


def _higgs_4l(n: int, rng: np.random.Generator) -> Truth:
    jets = _radiated(n, rng, 1.0, 33.0)
    first, second = _pair_of_z(n, rng)
    return _four_leptons(_system(np.full(n, M_H), jets, rng, 1.5), first, second, jets, rng)


def _pair_of_z(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Masses of the two Z in H→ZZ*, drawn from a grid.

    The density is two Breit–Wigners × phase space × the matrix element of a scalar.
    """
    high, low = np.arange(40.0, 118.0, 0.25), np.arange(5.0, 62.0, 0.5)
    first, second = np.meshgrid(high + 0.125, low + 0.25, indexing="ij")
    size = kinematics.momentum(np.asarray(M_H), first, second)
    poles = [mass / ((mass**2 - M_Z**2) ** 2 + (M_Z * WIDTH_Z) ** 2) for mass in (first, second)]
    density = size * (size**2 * M_H**2 + 3 * first**2 * second**2) * poles[0] * poles[1]
    density[second > first] = 0.0
    bin_index = np.searchsorted(np.cumsum(density) / density.sum(), rng.random(n))
    column, row = np.divmod(bin_index, len(low))
    return high[column] + 0.25 * rng.random(n), low[row] + 0.5 * rng.random(n)


def _breit_wigner(n: int, rng: np.random.Generator) -> Floats:
    low, high = np.arctan((np.array([40.0, 118.0]) - M_Z) / (WIDTH_Z / 2))
    return M_Z + WIDTH_Z / 2 * np.tan(rng.uniform(low, high, n))


def _zz(n: int, rng: np.random.Generator) -> Truth:
    """Two Z (34 %), a Z and a γ* (22 %), a Z that decays to four leptons (7 %), or two γ* (37 %)."""
    jets = _radiated(n, rng, 0.5, 27.0)
    kind = rng.choice(4, n, p=[0.34, 0.22, 0.07, 0.37])
    virtual = 5.0 * (60.0 / 5.0) ** rng.random((2, n))
    single = kind == 2
    first = np.select([single, kind == 3], [rng.uniform(40.0, 70.0, n), virtual[0]], _breit_wigner(n, rng))
    second = np.select([kind == 0, single], [_breit_wigner(n, rng), rng.uniform(5.0, 18.0, n)], virtual[1])
    above = (first + second) * (1.02 + 0.5 * (rng.random(n) ** (-1 / 3.0) - 1.0))
    mass = np.where(single, np.maximum(_breit_wigner(n, rng), first + second + 0.1), above)
    return _four_leptons(_system(mass, jets, rng, 2.0), first, second, jets, rng)


def _four_leptons(
    system: Floats, first: Floats, second: Floats, jets: ak.Array, rng: np.random.Generator
) -> Truth:
    n = len(system)
    second = np.minimum(second, kinematics.mass_of(system) - first - 0.05)
    bosons = kinematics.decay(system, first, second, rng.uniform(-1, 1, n), _angle(n, rng))
    leptons = [
        product
        for boson in bosons
        for product in kinematics.decay(boson, 0.0, 0.0, rng.uniform(-1, 1, n), _angle(n, rng))
    ]
    flavours = np.repeat(rng.choice([11, 13], (n, 2)), 2, axis=1)
    return _truth(_no_photons(n), _leptons(np.stack(leptons, axis=1), flavours, rng), jets, tuple(leptons))


def _z_jets(n: int, rng: np.random.Generator) -> Truth:
    jets = _radiated(n, rng, 0.45, 20.0)
    system = _system(_breit_wigner(n, rng), jets, rng, 2.5)
    pair = kinematics.decay(system, 0.0, 0.0, rng.uniform(-1, 1, n), _angle(n, rng))
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
    """Jets of radiation: `mean` per event on average, with pt falling exponentially with `scale` [GeV]."""
    counts = rng.poisson(mean, n)
    total = int(counts.sum())
    pt = 12.0 + rng.exponential(scale, total)
    return records(
        counts, pt=pt, eta=np.clip(rng.normal(0.0, 1.9, total), -4.4, 4.4), phi=_angle(total, rng),
        mass=pt * rng.uniform(0.05, 0.2, total), flavour=_flavours(total, rng),
    )  # fmt: skip


def _tag_jets(n: int, rng: np.random.Generator) -> ak.Array:
    """The two jets of vector-boson fusion, in opposite directions along the beam."""
    side = rng.choice([-1.0, 1.0], n)
    eta = np.stack([side, -side], axis=1) * np.abs(rng.normal(2.2, 1.0, (n, 2)))
    pt = 15.0 + rng.gamma(1.5, 30.0, (n, 2))
    return records(
        np.full(n, 2), pt=pt.ravel(), eta=np.clip(eta, -4.4, 4.4).ravel(), phi=_angle(2 * n, rng),
        mass=(pt * rng.uniform(0.05, 0.2, (n, 2))).ravel(), flavour=np.zeros(2 * n, np.int64),
    )  # fmt: skip


def _system(mass: Floats, jets: ak.Array, rng: np.random.Generator, width: float) -> Floats:
    """Four-vector of all but the jets, recoiling against them and against soft radiation."""
    n = len(mass)
    x = -np.asarray(ak.sum(jets.pt * np.cos(jets.phi), axis=1)) + rng.normal(0.0, 7.0, n)
    y = -np.asarray(ak.sum(jets.pt * np.sin(jets.phi), axis=1)) + rng.normal(0.0, 7.0, n)
    return kinematics.vectors(np.hypot(x, y), rng.normal(0.0, width, n), np.arctan2(y, x), mass)


def _cones(n: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Transverse momentum from radiation around an object, in cones: charged particles, and all particles."""
    tracks = rng.poisson(0.035, n)
    pt30 = np.where(tracks > 0, tracks + rng.gamma(np.maximum(tracks, 1), 0.8), 0.0)
    pt20 = pt30 * rng.binomial(tracks, 4 / 9) / np.maximum(tracks, 1)
    et40 = np.where(rng.random(n) < 0.06, rng.exponential(1.0, n), 0.0) + 1.6 * pt30
    return {"et20": 1.5 * pt20, "et40": et40, "pt20": pt20, "pt30": pt30}


def _photons(momenta: Floats, rng: np.random.Generator) -> ak.Array:
    n, per_event = momenta.shape[:2]
    pt, eta, phi = kinematics.polar(momenta.reshape(-1, 4))
    return records(np.full(n, per_event), pt=pt, eta=eta, phi=phi, **_cones(n * per_event, rng))


def _leptons(momenta: Floats, flavours: Ints, rng: np.random.Generator) -> ak.Array:
    n, per_event = momenta.shape[:2]
    pt, eta, phi = kinematics.polar(momenta.reshape(-1, 4))
    return records(
        np.full(n, per_event), pt=pt, eta=eta, phi=phi, kind=flavours.ravel(),
        charge=np.tile([-1, 1], n * per_event // 2), **_cones(n * per_event, rng),
    )  # fmt: skip


def _no_photons(n: int) -> ak.Array:
    return _photons(np.zeros((n, 0, 4)), np.random.default_rng(0))


def _no_leptons(n: int) -> ak.Array:
    return _leptons(np.zeros((n, 0, 4)), np.zeros((n, 0), np.int64), np.random.default_rng(0))


def _truth(photons: ak.Array, leptons: ak.Array, jets: ak.Array, hard: tuple[Floats, ...]) -> Truth:
    total = np.sum(hard, axis=0)
    fat = jets[jets.pt > 200][["pt", "eta", "phi", "mass"]]
    return Truth(photons, leptons, jets, fat, np.hypot(total[:, 1], total[:, 2]))
