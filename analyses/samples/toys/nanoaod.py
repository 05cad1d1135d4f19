"""Toy events in the layout of CMS NanoAOD: Z → μμ with jets."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.bit_patterns import round_mantissa

from .tree import Columns

Floats = NDArray[np.float32]


def nanoaod(entries: int, seed: int = 1) -> Columns:
    """Events like those of CMS NanoAOD: Z → μμ with jets, missing momentum, trigger bits and weights.

    Muons of a pair balance the jets, missing momentum balances both, identification and isolation follow from
    the kinematics, and most floats are rounded to 10 or 12 bits, as CMS does. Units are GeV and cm.
    """
    rng = np.random.default_rng(seed)
    lumi = np.sort(rng.integers(1, max(2, entries // 200), entries)).astype(np.uint32)
    pileup = rng.poisson(35, entries)
    boost = rng.exponential(18.0, entries).astype(np.float32)
    towards = rng.uniform(-np.pi, np.pi, entries)
    muons = _muons(rng, boost, towards)
    jets = _jets(rng, boost, towards, pileup)
    jet_px = ak.sum(jets["pt"] * np.cos(jets["phi"]), axis=1)
    jet_py = ak.sum(jets["pt"] * np.sin(jets["phi"]), axis=1)
    spread = 3.0 + 0.6 * np.sqrt(ak.to_numpy(ak.sum(jets["pt"], axis=1)) + pileup)
    met_x, met_y = (
        -0.1 * ak.to_numpy(part) + rng.normal(0.0, 1.0, entries) * spread for part in (jet_px, jet_py)
    )
    events: Columns = {
        "run": np.full(entries, 316_766, np.uint32),
        "luminosityBlock": lumi,
        "event": (
            lumi.astype(np.uint64) * 1_500_000
            + np.sort(rng.integers(0, 1_400_000, entries)).astype(np.uint64)
        ),
        "genWeight": np.where(rng.random(entries) < 0.16, -23_892.2, 23_892.2).astype(np.float32),
        "puWeight": rng.normal(1.0, 0.2, 100).astype(np.float32)[np.minimum(pileup, 99)],
        "PV_npvs": (pileup * 0.7).astype(np.int32) + 1,
        "PV_z": _rounded(rng.normal(0.0, 3.6, entries), 16),
        "fixedGridRhoFastjetAll": (pileup * 0.6 + rng.normal(0.0, 2.0, entries)).astype(np.float32),
        "MET_pt": np.hypot(met_x, met_y).astype(np.float32),
        "MET_phi": _rounded(np.arctan2(met_y, met_x), 12),
        "MET_sumEt": _rounded(ak.to_numpy(ak.sum(jets["pt"], axis=1)) + 22.0 * pileup, 10),
        "Muon": ak.zip(muons),
        "Jet": ak.zip(jets),
    }
    hard = np.asarray(ak.fill_none(ak.max(muons["pt"], axis=1), 0.0))
    for threshold in (8, 17, 20, 24, 27, 50):
        passed = hard * rng.normal(1.0, 0.03, entries) > threshold
        events[f"HLT_Mu{threshold}"] = passed
        events[f"HLT_IsoMu{threshold}"] = passed & (rng.random(entries) < 0.9)
    for name in ("goodVertices", "HBHENoiseFilter", "BadPFMuonFilter", "ecalBadCalibFilter"):
        events[f"Flag_{name}"] = rng.random(entries) < 0.999
    return events


def _rounded(values: Any, bits: int) -> Floats:
    """Float32 values rounded to this many mantissa bits, as CMS writes most variables."""
    rounded: Floats = round_mantissa(np.asarray(values).astype(np.float32), bits)
    return rounded


def _wrapped(angle: Any) -> Any:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _muons(rng: np.random.Generator, boost: Floats, towards: NDArray[np.float64]) -> dict[str, ak.Array]:
    """Mostly two muons of a Z boson, back to back but for its momentum `boost` along the angle `towards`."""
    counts = rng.choice([0, 1, 2, 3], len(boost), p=[0.1, 0.2, 0.6, 0.1])
    total = int(counts.sum())
    event = np.repeat(np.arange(len(boost)), counts)
    order = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    axis = rng.uniform(-np.pi, np.pi, len(boost))[event]
    momentum = 91.2 / 2 * rng.beta(6.0, 2.5, total) + rng.exponential(2.0, total)
    x = momentum * np.cos(axis + np.pi * (order % 2)) - boost[event] / 2 * np.cos(towards[event])
    y = momentum * np.sin(axis + np.pi * (order % 2)) - boost[event] / 2 * np.sin(towards[event])
    pt = np.hypot(x, y) + 3.0
    isolation = np.where(rng.random(total) < 0.55, 0.0, rng.exponential(8.0, total) / pt)
    flat = {
        "pt": pt.astype(np.float32),
        "eta": _rounded(np.clip(rng.normal(0.0, 1.1, total), -2.4, 2.4), 12),
        "phi": _rounded(np.arctan2(y, x), 12),
        "mass": _rounded(np.full(total, 0.105_658), 10),
        "charge": np.where((order + event) % 2 == 0, 1, -1).astype(np.int32),
        "dxy": _rounded(rng.standard_t(3, total) * 0.002, 10),
        "dz": _rounded(rng.standard_t(3, total) * 0.004, 10),
        "pfRelIso04_all": isolation.astype(np.float32),
        "tightId": (isolation < 0.2) & (rng.random(total) < 0.95),
    }
    return {name: ak.unflatten(values, counts) for name, values in flat.items()}


def _jets(
    rng: np.random.Generator, boost: Floats, towards: NDArray[np.float64], pileup: NDArray[np.int64]
) -> dict[str, ak.Array]:
    """Jets in falling order of pt: the first recoils against the Z boson, others are soft."""
    counts = rng.poisson(1.0 + 0.05 * pileup + np.minimum(boost / 40.0, 3.0))
    total = int(counts.sum())
    event = np.repeat(np.arange(len(boost)), counts)
    first = np.zeros(total, np.bool_)
    first[(np.cumsum(counts) - counts)[counts > 0]] = True
    pt = np.where(
        first,
        15.0 + boost[event] * rng.normal(1.0, 0.15, total).clip(0.3),
        15.0 + rng.exponential(9.0, total),
    )
    pt = pt[np.lexsort((-pt, event))]
    phi = np.where(
        first, _wrapped(towards[event] + rng.normal(0.0, 0.3, total)), rng.uniform(-np.pi, np.pi, total)
    )
    bottom = rng.random(total) < 0.06
    constituents = rng.poisson(6.0 + 4.0 * np.log(pt))
    flat = {
        "pt": _rounded(pt, 10),
        "eta": _rounded(np.clip(rng.normal(0.0, 2.0, total), -4.7, 4.7), 12),
        "phi": _rounded(phi, 12),
        "mass": _rounded(pt * rng.gamma(6.0, 0.025, total), 10),
        "area": _rounded(rng.normal(0.5, 0.02, total), 10),
        "rawFactor": _rounded(0.1 * np.exp(-pt / 60.0) + rng.normal(0.0, 0.01, total), 6),
        "btagDeepFlavB": _rounded(
            np.where(bottom, rng.beta(5.0, 1.2, total), rng.beta(0.4, 12.0, total)), 10
        ),
        "chHEF": _rounded(rng.beta(4.0, 3.0, total), 6),
        "neEmEF": _rounded(rng.beta(2.0, 5.0, total), 6),
        "nConstituents": constituents.astype(np.uint8),
        "hadronFlavour": np.where(bottom, 5, np.where(rng.random(total) < 0.1, 4, 0)).astype(np.int32),
        "jetId": np.where(rng.random(total) < 0.97, 6, 2).astype(np.int32),
    }
    return {name: ak.unflatten(values, counts) for name, values in flat.items()}
