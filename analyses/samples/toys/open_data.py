"""Toy events with the branches of the ATLAS Open Data releases: a peak at 125 GeV on a falling background.

Two-body decays of particles at rest in the transverse plane, without a detector. A generator of complete
samples, with cross-sections and a detector, is `generator/quick.py`.
"""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ..jagged import Floats
from .tree import Columns

LOW, HIGH, SLOPE = 100.0, 165.0, 25.0
"""Range and decay constant of the exponential background of m(γγ) [GeV]."""


def photon_pairs(
    release: str,
    entries: int,
    *,
    signal: int = 0,
    process: int = 0,
    cross_section: float = 1.0,
    seed: int = 1,
) -> Columns:
    """Two photons per event: `entries` events of background, and `signal` more from a peak at 125 GeV.

    `release` is "2020" (MeV) or "2025" (GeV). `process` is the `channelNumber` of simulation, 0 for data;
    `cross_section` [pb] is that of simulation. The peak has a width of 1.6 GeV.
    """
    rng = np.random.default_rng(seed)
    quantiles = rng.uniform(0, 1 - np.exp(-(HIGH - LOW) / SLOPE), entries)
    mass = np.concatenate([LOW - SLOPE * np.log(1 - quantiles), rng.normal(125.0, 1.6, signal)])
    rng.shuffle(mass)
    pt, eta, phi = _two_body_decay(mass, rng)
    total = len(mass)
    unit = 1e3 if release == "2020" else 1.0
    cones = ("ptcone30", "etcone20") if release == "2020" else ("ptcone20", "topoetcone40")
    energy = "E" if release == "2020" else "e"
    tight = rng.random((total, 2)) < 0.98
    return {
        **_event(release, total, process, cross_section, rng),
        "photon_pt": _lists(pt * unit),
        "photon_eta": _lists(eta),
        "photon_phi": _lists(phi),
        f"photon_{energy}": _lists(pt * np.cosh(eta) * unit),
        "photon_isTightID": _lists(tight, bool),
        **{f"photon_{cone}": _lists(rng.exponential(0.005, (total, 2)) * pt * unit) for cone in cones},
    }


def four_leptons(
    release: str,
    entries: int,
    *,
    process: int,
    mass: float | None = None,
    cross_section: float = 1e-3,
    seed: int = 1,
) -> Columns:
    """Four leptons per event: two pairs, each e⁺e⁻ or μ⁺μ⁻.

    With `mass` [GeV], m(4ℓ) is a peak there with a width of 1.5 %; without it, m(4ℓ) is flat from 80 to
    170 GeV. The other arguments are those of `photon_pairs`.
    """
    rng = np.random.default_rng(seed)
    total = rng.uniform(80, 170, entries) if mass is None else rng.normal(mass, 0.015 * mass, entries)
    pt1, eta1, phi1 = _two_body_decay(0.55 * total, rng)
    pt2, eta2, phi2 = _two_body_decay(0.45 * total, rng)
    eta2 = eta2 - eta2.mean(1, keepdims=True) + eta1.mean(1, keepdims=True)  # at rest to each other
    pt, eta, phi = (np.concatenate(parts, 1) for parts in ((pt1, pt2), (eta1, eta2), (phi1, phi2)))
    flavours = rng.choice([11, 13], (entries, 2)).repeat(2, 1)
    charges = np.tile([1, -1, 1, -1], (entries, 1))
    order = np.argsort(-pt, axis=1)
    pt, eta, phi, flavours, charges = (
        np.take_along_axis(values, order, 1) for values in (pt, eta, phi, flavours, charges)
    )
    unit = 1e3 if release == "2020" else 1.0
    masses = np.where(flavours == 11, 0.000511, 0.10566)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + masses**2)
    columns: Columns = {
        **_event(release, entries, process, cross_section, rng),
        "lep_pt": _lists(pt * unit),
        "lep_eta": _lists(eta),
        "lep_phi": _lists(phi),
        "lep_charge": _lists(charges, np.int32),
        "lep_type": _lists(flavours, np.uint32),
        "lep_z0": _lists(rng.normal(0, 0.05, (entries, 4))),
    }
    if release == "2025":
        flags = ("isLooseID", "isMediumID", "isLooseIso", "isTrigMatched")
        return {
            **columns,
            "lep_e": _lists(energy),
            **{f"lep_{flag}": _lists(np.ones((entries, 4)), bool) for flag in flags},
        }
    return {
        **columns,
        "lep_E": _lists(energy * unit),
        "lep_ptcone30": _lists(0.01 * pt * unit),
        "lep_etcone20": _lists(0.01 * pt * unit),
        "lep_tracksigd0pvunbiased": _lists(abs(rng.normal(0, 1.0, (entries, 4)))),
        "lep_pt_syst": _lists(0.005 * pt * unit),
    }


def _two_body_decay(mass: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """pt, η and φ, each (n, 2), of two massless products; their parents have no transverse momentum."""
    n = len(mass)
    eta = rng.uniform(-0.6, 0.6, n)  # in the rest frame, where the products are back to back
    phi = rng.uniform(-np.pi, np.pi, n)
    pt = mass / (2 * np.cosh(eta))
    boost = rng.uniform(-0.6, 0.6, n)
    opposite = np.where(phi > 0, phi - np.pi, phi + np.pi)
    return (
        np.stack([pt, pt], 1),
        np.stack([eta + boost, -eta + boost], 1),
        np.stack([phi, opposite], 1),
    )


def _event(
    release: str, entries: int, process: int, cross_section: float, rng: np.random.Generator
) -> Columns:
    """Numbers, weights and triggers of the events; scale factors are 1."""
    is_data = process == 0
    run = 300_000
    weights = np.zeros(entries, np.float32)
    if not is_data:
        weights = rng.choice([1.0, 1.0, 1.0, -0.2], entries).astype(np.float32)
    sum_of_weights = 1.0 if is_data else float(weights.sum())
    ones = np.ones(entries, np.float32)
    columns: Columns = {
        "runNumber": np.full(entries, run, np.int32),
        "eventNumber": np.arange(entries, dtype=np.int32),
        "channelNumber": np.full(entries, process or run, np.int32),
        "mcWeight": weights,
        "trigP": np.ones(entries, bool),
        "trigE": np.ones(entries, bool),
        "trigM": np.zeros(entries, bool),
    }
    names = ("PILEUP", "PHOTON", "ELE", "MUON", "LepTRIGGER", "PhotonTRIGGER")
    if release == "2020":
        return {
            **columns,
            "met_et": rng.exponential(3e4, entries).astype(np.float32),
            "XSection": ones * cross_section,
            "SumWeights": ones * sum_of_weights,
            **{f"scaleFactor_{name}": ones for name in names},
        }
    return {
        **columns,
        "xsec": ones * cross_section,
        "filteff": ones,
        "kfac": ones,
        "sum_of_weights": ones.astype(np.float64) * sum_of_weights,
        **{f"ScaleFactor_{name}": ones for name in names},
    }


def _lists(values: ArrayLike, dtype: DTypeLike = np.float32) -> Any:
    """A list per event from an (events, objects) array."""
    return ak.Array(ak.from_regular(ak.Array(np.asarray(values).astype(dtype))))
