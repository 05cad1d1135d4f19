"""Toy events with the schemas of the ATLAS Open Data releases: a peak at 125 GeV on a falling background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

Columns = dict[str, Any]

LOW, HIGH, SLOPE = 100.0, 165.0, 25.0
"""Of the background's mass [GeV]."""


def write(path: Path, tree: str, columns: Columns) -> Path:
    """A ROOT file with one TTree."""
    with uproot.recreate(path) as file:
        file[tree] = columns
    return path


def _two_bodies(mass: Any, rng: Any) -> tuple[Any, Any, Any]:
    """pt, η, φ (n, 2) of the decay of particles at rest in the transverse plane to two massless ones."""
    n = len(mass)
    eta = rng.uniform(-0.6, 0.6, n)  # of each in the rest frame, back to back
    phi = rng.uniform(-np.pi, np.pi, n)
    pt = mass / (2 * np.cosh(eta))
    boost = rng.uniform(-0.6, 0.6, n)
    other = np.where(phi > 0, phi - np.pi, phi + np.pi)
    return (
        np.stack([pt, pt], 1),
        np.stack([eta + boost, -eta + boost], 1),
        np.stack([phi, other], 1),
    )


def _event(release: str, n: int, process: int, cross_section: float, rng: Any) -> Columns:
    data = process == 0
    run = 300_000
    weights = np.zeros(n, np.float32) if data else rng.choice([1.0, 1.0, 1.0, -0.2], n).astype(np.float32)
    total = 1.0 if data else float(weights.sum())
    ones = np.ones(n, np.float32)
    columns: Columns = {
        "runNumber": np.full(n, run, np.int32),
        "eventNumber": np.arange(n, dtype=np.int32),
        "channelNumber": np.full(n, process or run, np.int32),
        "mcWeight": weights,
        "trigP": np.ones(n, bool),
        "trigE": np.ones(n, bool),
        "trigM": np.zeros(n, bool),
    }
    names = ("PILEUP", "PHOTON", "ELE", "MUON", "LepTRIGGER", "PhotonTRIGGER")
    if release == "2020":
        columns |= {
            "met_et": rng.exponential(3e4, n).astype(np.float32),
            "XSection": ones * cross_section,
            "SumWeights": ones * total,
        }
        return columns | {f"scaleFactor_{name}": ones for name in names}
    columns |= {
        "xsec": ones * cross_section,
        "filteff": ones,
        "kfac": ones,
        "sum_of_weights": ones.astype(np.float64) * total,
    }
    return columns | {f"ScaleFactor_{name}": ones for name in names}


def _lists(values: Any, dtype: type = np.float32) -> ak.Array:
    return ak.Array(ak.from_regular(ak.Array(np.asarray(values).astype(dtype))))


def gamgam(
    release: str, n: int, *, signal: int = 0, process: int = 0, cross_section: float = 1.0, seed: int = 1
) -> Columns:
    """Two photons in each of `n` events of background and `signal` more at 125 GeV."""
    rng = np.random.default_rng(seed)
    flat = rng.uniform(0, 1 - np.exp(-(HIGH - LOW) / SLOPE), n)
    mass = np.concatenate([LOW - SLOPE * np.log(1 - flat), rng.normal(125.0, 1.6, signal)])
    rng.shuffle(mass)
    pt, eta, phi = _two_bodies(mass, rng)
    n = len(mass)
    unit = 1e3 if release == "2020" else 1.0
    cones = ("ptcone30", "etcone20") if release == "2020" else ("ptcone20", "topoetcone40")
    energy = "E" if release == "2020" else "e"
    tight = rng.random((n, 2)) < 0.98
    return {
        **_event(release, n, process, cross_section, rng),
        "photon_pt": _lists(pt * unit),
        "photon_eta": _lists(eta),
        "photon_phi": _lists(phi),
        f"photon_{energy}": _lists(pt * np.cosh(eta) * unit),
        "photon_isTightID": _lists(tight, bool),
        **{f"photon_{cone}": _lists(rng.exponential(0.005, (n, 2)) * pt * unit) for cone in cones},
    }


def four_leptons(
    release: str,
    n: int,
    *,
    process: int,
    mass: float | None = None,
    cross_section: float = 1e-3,
    seed: int = 1,
) -> Columns:
    """Two e⁺e⁻ pairs or two μ⁺μ⁻ pairs or one of each; `mass` in GeV with a width of 2 %, or flat from 80 to 170 GeV."""
    rng = np.random.default_rng(seed)
    total = rng.uniform(80, 170, n) if mass is None else rng.normal(mass, 0.015 * mass, n)
    pt1, eta1, phi1 = _two_bodies(0.55 * total, rng)
    pt2, eta2, phi2 = _two_bodies(0.45 * total, rng)
    eta2 = eta2 - eta2.mean(1, keepdims=True) + eta1.mean(1, keepdims=True)  # at rest to each other
    pt, eta, phi = (np.concatenate(parts, 1) for parts in ((pt1, pt2), (eta1, eta2), (phi1, phi2)))
    flavours = rng.choice([11, 13], (n, 2)).repeat(2, 1)
    charges = np.tile([1, -1, 1, -1], (n, 1))
    order = np.argsort(-pt, axis=1)
    pt, eta, phi, flavours, charges = (
        np.take_along_axis(x, order, 1) for x in (pt, eta, phi, flavours, charges)
    )
    unit = 1e3 if release == "2020" else 1.0
    masses = np.where(flavours == 11, 0.000511, 0.10566)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + masses**2)
    common = {
        **_event(release, n, process, cross_section, rng),
        "lep_pt": _lists(pt * unit),
        "lep_eta": _lists(eta),
        "lep_phi": _lists(phi),
        "lep_charge": _lists(charges, np.int32),
        "lep_type": _lists(flavours, np.uint32),
        "lep_z0": _lists(rng.normal(0, 0.05, (n, 4))),
    }
    if release == "2025":
        flags = ("isLooseID", "isMediumID", "isLooseIso", "isTrigMatched")
        return (
            common
            | {"lep_e": _lists(energy)}
            | {f"lep_{flag}": _lists(np.ones((n, 4)), bool) for flag in flags}
        )
    return common | {
        "lep_E": _lists(energy * unit),
        "lep_ptcone30": _lists(0.01 * pt * unit),
        "lep_etcone20": _lists(0.01 * pt * unit),
        "lep_tracksigd0pvunbiased": _lists(abs(rng.normal(0, 1.0, (n, 4)))),
        "lep_pt_syst": _lists(0.005 * pt * unit),
    }
