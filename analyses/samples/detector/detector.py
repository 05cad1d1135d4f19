"""A parametrised detector: efficiencies, resolutions, isolation with pileup, identification and triggers.

One model serves both generators. The numbers resemble those of the 13 TeV performance papers of ATLAS
(electrons and photons: JINST 14 (2019) P12006; muons: Eur. Phys. J. C 76 (2016) 292), but are not fitted to
them. All quantities depend on pt, η, the conversion or the pileup of the event, so that branches are
correlated as in a real file.
"""

from __future__ import annotations

import awkward as ak
import numpy as np

from ..events import Events
from ..generator.processes import Process
from ..generator.truth import Truth
from ..jagged import (
    Flags,
    Floats,
    away_from,
    by_pt,
    flat,
    joined,
    keep,
    lengths,
    nth,
    records,
    spread,
    wrapped,
)
from . import hadrons, scale_factors, triggers
from .triggers import ELECTRON, MUON, turn_on

MEAN_PILEUP = 25.0
"""Mean number of collisions per bunch crossing in simulation; it is 23.7 in data (as in 2016)."""
TAU = 15
MASSES = {ELECTRON: 0.000511, MUON: 0.105658}
SKIM_MASS = 95.0
"""Lowest mass of the two leading photons in the preselection [GeV]; real GamGam files have no such cut."""


def observe(truth: Truth, process: Process, rng: np.random.Generator) -> tuple[Events, Flags]:
    """(All events as reconstructed, whether each passes the preselection of its skim)."""
    n = len(truth)
    pileup = np.clip(rng.normal(MEAN_PILEUP, 7.0, n), 3.0, 60.0)
    jets = hadrons.reconstructed(truth.jets, pileup, rng)
    true_photons = truth.photons
    if process.fakes == "photon":
        true_photons = joined_fakes(true_photons, hadrons.jets_as_photons(truth.jets, rng))
    else:
        true_photons = joined_fakes(true_photons, None)
    photons = by_pt(_photons(true_photons, pileup, rng))
    leptons = by_pt(_leptons(truth.leptons, pileup, 2 if process.fakes == "leptons" else 0, rng))
    jets = by_pt(away_from(away_from(jets, photons, 0.4), leptons, 0.3))
    taus = hadrons.taus(jets, rng)
    met = hadrons.missing(truth, jets, pileup, rng)
    lists = {
        "photon": photons, "lep": leptons, "jet": jets, "tau": taus,
        "largerjet": by_pt(hadrons.fat_jets(truth.fat_jets, rng)),
        **_generated(truth),
        "sig_ph": ak.local_index(photons.pt, axis=1)[photons.tight & photons.isolated_loosely],
    }  # fmt: skip
    scalars = {
        **met,
        "ditau_m": hadrons.ditau_mass(taus),
        **triggers.decisions(photons, leptons, taus, met["met"], rng),
        **scale_factors.event_factors(photons, leptons, jets, pileup),
        "mcWeight": _weights(truth, process, rng),
        "one": np.ones(n),
        "zero": np.zeros(n),
    }
    passed = _two_photons(photons) if process.skim == "GamGam" else _four_leptons(leptons)
    return Events(lists, scalars), passed


def _generated(truth: Truth) -> dict[str, ak.Array]:
    """Generated particles before the detector, without neutrinos."""
    leptons = by_pt(truth.leptons)
    return {
        "truth_jet": by_pt(truth.jets[truth.jets.pt > 15.0]),
        "truth_elec": leptons[leptons.kind == ELECTRON],
        "truth_muon": leptons[leptons.kind == MUON],
        "truth_tau": leptons[leptons.kind == TAU],
        "truth_photon": by_pt(truth.photons),
    }


def _weights(truth: Truth, process: Process, rng: np.random.Generator) -> Floats:
    """Generator weights, which change the transverse momentum spectrum slightly; some are negative."""
    size = 1.0 + 0.15 * np.tanh((truth.boost - 40.0) / 60.0)
    return np.where(rng.random(len(size)) < process.negative, -size, size)


def _two_photons(photons: ak.Array) -> Flags:
    first, second = ({name: nth(photons, index, name) for name in ("pt", "eta", "phi")} for index in (0, 1))
    square = 2 * first["pt"] * second["pt"] * (
        np.cosh(first["eta"] - second["eta"]) - np.cos(first["phi"] - second["phi"])
    )  # fmt: skip
    return np.asarray((first["pt"] > 35.0) & (second["pt"] > 25.0) & (square > SKIM_MASS**2))


def _four_leptons(leptons: ak.Array) -> Flags:
    return (lengths(leptons) >= 4) & (nth(leptons, 0, "pt") > 25.0)


def joined_fakes(photons: ak.Array, fakes: ak.Array | None) -> ak.Array:
    """Photons, and jets misidentified as photons; `matched` is True for real ones."""
    marked = ak.with_field(photons, ak.ones_like(photons.pt) > 0, "matched")
    if fakes is None:
        return marked
    return joined(marked, ak.with_field(fakes, ak.zeros_like(fakes.pt) > 0, "matched"))


def _electromagnetic(
    pt: Floats, eta: Floats, late: Flags, pileup: Floats, rng: np.random.Generator
) -> Floats:
    """Measured pt of photons or electrons; `late` ones lose energy before the calorimeter more often."""
    energy = pt * np.cosh(eta)
    barrel = np.abs(eta) < 1.37
    stochastic = np.where(barrel, 0.11, 0.17) / np.sqrt(energy)
    constant = np.where(barrel, 0.014, 0.021)
    noise = np.where(barrel, 0.35, 0.6) * np.sqrt(pileup / MEAN_PILEUP) / energy
    response = rng.normal(1.0, np.sqrt(stochastic**2 + constant**2 + noise**2))
    tail = rng.random(len(pt)) < np.where(late, 0.2, 0.05)
    lost = np.where(tail, rng.exponential(0.025, len(pt)), 0.0)
    return np.asarray(np.maximum(pt * (response - lost), 0.1))


def _isolation(
    objects: ak.Array, pileup: Floats, noise: float, rng: np.random.Generator
) -> dict[str, Floats]:
    """Measured isolation cones.

    Calorimeter cones include the fluctuations of pileup around its subtracted mean, track cones include
    tracks of pileup vertices, and both include the underlying event.
    """
    width = noise * np.sqrt(pileup / MEAN_PILEUP)
    inner = rng.normal(0.0, width)
    outer = inner + rng.normal(0.0, 1.7 * width)
    tracks = rng.poisson(0.14 + 0.08 * pileup / MEAN_PILEUP)
    outside = np.where(tracks > 0, tracks + rng.gamma(np.maximum(tracks, 1), 0.6), 0.0)
    inside = outside * rng.binomial(tracks, 4 / 9) / np.maximum(tracks, 1)
    return {
        "et20": 0.7 * (flat(objects.et20) + inside) + inner,
        "et40": 0.7 * (flat(objects.et40) + outside) + outer,
        "pt20": flat(objects.pt20) + inside,
        "pt30": flat(objects.pt30) + outside,
    }


def _photons(true: ak.Array, pileup: Floats, rng: np.random.Generator) -> ak.Array:
    pt, eta, matched = flat(true.pt), flat(true.eta), flat(true.matched)
    mu = spread(true, pileup)
    n = len(pt)
    converted = rng.random(n) < 0.18 + 0.3 * np.minimum(np.abs(eta) / 2.37, 1.0) ** 2
    kind = np.where(converted, 1 + rng.choice(5, n, p=[0.25, 0.15, 0.4, 0.12, 0.08]), 0)
    measured = _electromagnetic(pt, eta, converted, mu, rng)
    cones = _isolation(true, mu, 0.9, rng)
    leak = np.exp(-np.maximum(cones["et20"], 0.0) / (15.0 + 0.2 * measured))
    soft = np.exp(-np.maximum(measured - 20.0, 0.0) / 15.0)
    loose = np.where(matched, 0.97 - 0.1 * soft, 0.8 + 0.1 * leak)
    tight = np.where(
        matched,
        (0.965 - 0.2 * soft - 0.03 * converted - 0.02 * (np.abs(eta) > 1.52)) * leak,
        (0.4 - 0.15 * soft) * leak,
    )
    chance = rng.random(n)  # one number for both, so that tight objects are loose
    energy_scale = 0.004 + 0.003 * (np.abs(eta) > 1.37) + 0.0015 * converted + 2e-5 * measured
    photons = records(
        lengths(true),
        pt=measured, eta=eta + rng.normal(0.0, 0.0015, n), phi=wrapped(flat(true.phi) + rng.normal(0.0, 0.0008, n)),
        mass=np.zeros(n), **cones, conv=kind, matched=matched, loose=chance < loose, tight=chance < tight,
        triggered=rng.random(n) < 0.985 * turn_on(measured, 24.0, 1.5), pt_syst=measured * energy_scale,
        isolated=(cones["pt20"] < 0.05 * measured) & (cones["et40"] < 2.45 + 0.022 * measured),
        isolated_loosely=(cones["pt20"] < 0.05 * measured) & (cones["et20"] < 0.065 * measured),
    )  # fmt: skip
    crack = (np.abs(eta) > 1.37) & (np.abs(eta) < 1.52)
    return keep(photons, (measured > 25.0) & (np.abs(eta) < 2.37) & ~crack & (chance < loose))


def _with_fakes(true: ak.Array, per_event: int, rng: np.random.Generator) -> ak.Array:
    """The leptons, with `per_event` fake ones added to each event: soft, not isolated, in any direction."""
    marked = ak.with_field(true, ak.ones_like(true.pt) > 0, "matched")
    events = len(true)
    # other samples have a fake lepton in 3 % of the events
    counts = np.full(events, per_event) if per_event else (rng.random(events) < 0.03).astype(np.int64)
    n = int(counts.sum())
    pt = 5.0 + rng.exponential(8.0, n)
    cone = pt * rng.exponential(0.45, n)
    fakes = records(
        counts, pt=pt, eta=rng.uniform(-2.5, 2.5, n), phi=rng.uniform(-np.pi, np.pi, n),
        kind=rng.choice([ELECTRON, MUON], n, p=[0.6, 0.4]), charge=rng.choice([-1, 1], n),
        et20=cone, et40=2.0 * cone, pt20=0.5 * cone * (cone > 2), pt30=0.7 * cone * (cone > 1.5),
        matched=np.zeros(n, np.bool_),
    )  # fmt: skip
    return joined(marked, fakes)


def _leptons(prompt: ak.Array, pileup: Floats, fakes: int, rng: np.random.Generator) -> ak.Array:
    true = _with_fakes(prompt, fakes, rng)
    pt, eta, kind, matched = flat(true.pt), flat(true.eta), flat(true.kind), flat(true.matched)
    mu = spread(true, pileup)
    n = len(pt)
    electron = kind == ELECTRON
    muon_width = np.hypot(np.where(np.abs(eta) < 1.05, 0.017, 0.027), 1.3e-4 * pt)
    early = _electromagnetic(pt, eta, electron & (np.abs(eta) > 1.0), mu, rng)
    measured = np.where(electron, early, np.abs(pt * rng.normal(1.0, muon_width)))
    cones = _isolation(true, mu, 0.75, rng)
    efficiency = np.where(electron, 0.87 - 0.42 * np.exp(-pt / 9.0), 0.93 - 0.2 * np.exp(-pt / 6.0))
    medium = np.where(electron, 0.94 - 0.1 * np.exp(-pt / 15.0), 0.985) * np.where(matched, 1.0, 0.75)
    tight = medium * np.where(electron, 0.9 - 0.1 * (np.abs(eta) > 1.37), 0.95)
    chance = rng.random(n)
    impact = _impact(pt, eta, matched, rng)
    mass = np.where(electron, MASSES[ELECTRON], MASSES[MUON])
    isolated_loosely = (cones["pt30"] < 0.15 * measured) & (cones["et20"] < 0.2 * measured)
    leptons = records(
        lengths(true),
        pt=measured, eta=eta + rng.normal(0.0, 0.0006, n), phi=wrapped(flat(true.phi) + rng.normal(0.0, 0.0004, n)),
        mass=mass, kind=kind, charge=flat(true.charge), **cones, **impact, matched=matched,
        loose=np.ones(n, np.bool_), medium=chance < medium, tight=chance < tight,
        triggered=rng.random(n) < np.where(electron, 0.93, 0.78) * turn_on(measured, 26.5, 0.5),
        pt_syst=measured * (0.002 + np.where(electron, 0.004 * (np.abs(eta) > 1.37), 3e-5 * measured)),
        isolated=(cones["pt30"] < 0.06 * measured) & (cones["et20"] < 0.06 * measured),
        isolated_loosely=isolated_loosely,
    )  # fmt: skip
    reach = np.where(
        electron, (measured > 7.0) & (np.abs(eta) < 2.47), (measured > 5.0) & (np.abs(eta) < 2.7)
    )
    return keep(leptons, reach & (rng.random(n) < efficiency))


def _impact(pt: Floats, eta: Floats, prompt: Flags, rng: np.random.Generator) -> dict[str, Floats]:
    """Impact parameters [mm]: signed d0, its signed and unsigned significance d0/σ and |d0|/σ, and z0."""
    n = len(pt)
    sigma = 0.009 + 0.09 / np.maximum(pt, 1.0) + 0.003 * np.abs(eta)
    significance = np.where(prompt, rng.standard_t(6, n), 2.5 * rng.standard_t(2, n))
    other_vertex = ~prompt & (rng.random(n) < 0.3)
    z0 = np.where(
        other_vertex,
        rng.normal(0.0, 40.0, n),
        0.06 * np.cosh(np.minimum(np.abs(eta), 2.5)) * rng.standard_t(4, n),
    )
    return {"d0": significance * sigma, "d0sig": significance, "d0sig_size": np.abs(significance), "z0": z0}
