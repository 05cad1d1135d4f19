"""The hadronic part of the detector: jets, pileup, jets misidentified as photons or τ, missing momentum."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from ..generator.truth import Truth
from ..jagged import (
    Floats,
    by_pt,
    flat,
    joined,
    keep,
    lengths,
    nth,
    per_event,
    records,
    spread,
    with_fields,
    wrapped,
)

B_TAG_POINTS = (0.11, 0.64, 0.83, 0.94)
"""Working points of MV2c10 with efficiencies of 85, 77, 70 and 60 % for b jets."""


def jets_as_photons(jets: ak.Array, rng: np.random.Generator) -> ak.Array:
    """Leading jets as photons: a neutral meson with most of the energy, and the rest in the cones."""
    hardest = by_pt(jets[abs(jets.eta) < 2.4])[:, :1]
    pt = flat(hardest.pt)
    n = len(pt)
    share = rng.beta(9.0, 1.3, n)
    rest = (1.0 - share) * pt
    charged = rest * rng.uniform(0.2, 0.8, n)
    charged = np.where(charged > 1.0, charged, 0.0)
    return records(
        lengths(hardest), pt=share * pt, eta=flat(hardest.eta), phi=flat(hardest.phi),
        et20=0.7 * rest + rng.exponential(0.4, n), et40=rest + rng.exponential(1.5, n), pt20=0.6 * charged, pt30=0.85 * charged,
    )  # fmt: skip


def reconstructed(true: ak.Array, pileup: Floats, rng: np.random.Generator) -> ak.Array:
    """Reconstructed jets with pt > 20 GeV and |η| < 2.5, including pileup jets [GeV]."""
    pt, eta = flat(true.pt), flat(true.eta)
    n = len(pt)
    mu = spread(true, pileup)
    width = np.sqrt((0.7**2 + 0.02 * mu) / np.maximum(pt, 5.0) + 0.05**2)
    response = np.clip(rng.normal(1.0, width), 0.3, 2.0)
    real = records(
        lengths(true), pt=pt * response, eta=eta + rng.normal(0.0, 0.01, n),
        phi=wrapped(flat(true.phi) + rng.normal(0.0, 0.01, n)), mass=flat(true.mass) * response * rng.lognormal(0.0, 0.1, n),
        flavour=flat(true.flavour), matched=np.ones(n, np.bool_),
        jvt=np.clip(1.0 - rng.exponential(0.9 / np.maximum(pt - 10.0, 5.0)) - 0.4 * (rng.random(n) < 0.04), -0.1, 1.0),
    )  # fmt: skip
    counts = rng.poisson(0.012 * pileup)
    m = int(counts.sum())
    soft = 20.0 + rng.exponential(6.0, m)
    extra = records(
        counts, pt=soft, eta=rng.uniform(-2.5, 2.5, m), phi=rng.uniform(-np.pi, np.pi, m), mass=soft * rng.uniform(0.08, 0.25, m),
        flavour=np.zeros(m, np.int64), matched=np.zeros(m, np.bool_),
        jvt=np.where(rng.random(m) < 0.3, -0.1, rng.beta(0.6, 2.5, m)),
    )  # fmt: skip
    both = joined(real, extra)
    both = both[(both.pt > 20.0) & (abs(both.eta) < 2.5)]
    pt, flavour, total = flat(both.pt), flat(both.flavour), len(flat(both.pt))
    a, b = (
        np.choose(np.searchsorted([0, 4, 5], flavour), choices)
        for choices in ([5.0, 1.4, 0.7], [0.9, 1.5, 4.0])
    )
    tag = 1.0 - 2.0 * rng.beta(a, b, total)
    uncertain = pt * (0.012 + 0.004 * np.abs(flat(both.eta))) + 0.5
    return with_fields(
        both, mv2c10=tag, quantile=1 + np.searchsorted(B_TAG_POINTS, tag), passes_jvt=(flat(both.jvt) > 0.59) | (pt > 60.0),
        pt_syst=uncertain, pt_jer1=pt + uncertain * rng.normal(0.0, 0.5, total), pt_jer2=pt * rng.normal(1.0, 0.02, total),
    )  # fmt: skip


def fat_jets(true: ak.Array, rng: np.random.Generator) -> ak.Array:
    """Reconstructed jets of radius 1.0 with pt > 250 GeV and |η| < 2 [GeV]."""
    n = len(flat(true.pt))
    pt = flat(true.pt) * rng.normal(1.0, 0.06, n)
    mass = flat(true.mass) * rng.lognormal(0.0, 0.12, n)
    jets = records(
        lengths(true), pt=pt, eta=flat(true.eta), phi=flat(true.phi), mass=mass, matched=np.zeros(n),
        d2=rng.gamma(9.0, 0.2, n) * (1.0 + 20.0 * mass / pt) / 4.0, tau32=rng.beta(8.0, 3.0, n), pt_syst=0.03 * pt,
    )  # fmt: skip
    return keep(jets, (pt > 250.0) & (np.abs(flat(true.eta)) < 2.0))


def taus(jets: ak.Array, rng: np.random.Generator) -> ak.Array:
    """Jets that look like a hadronic τ decay: narrow ones, the more often the higher their pt."""
    pt = flat(jets.pt)
    n = len(pt)
    chance = 0.05 * np.exp(-8.0 * flat(jets.mass) / pt) * (pt > 25.0)
    score = rng.beta(1.2, 1.5, n)
    tracks = rng.choice([1, 3], n)
    visible = pt * rng.normal(0.85, 0.08, n)
    selected = records(
        lengths(jets), pt=visible, eta=flat(jets.eta), phi=flat(jets.phi), mass=np.where(tracks == 1, 0.8, 1.2),
        charge=rng.choice([-1, 1], n), tracks=tracks, score=score, electron_score=rng.beta(2.0, 1.0, n),
        tight=score > 0.7, matched=np.zeros(n, np.bool_), triggered=(visible > 35.0) & (rng.random(n) < 0.1),
        pt_syst=0.03 * visible,
    )  # fmt: skip
    return keep(selected, (visible > 20.0) & (rng.random(n) < 4.0 * chance))


def ditau_mass(candidates: ak.Array) -> Floats:
    """Visible mass of the two leading τ candidates [GeV]; 0 for events with fewer."""
    first, second = (
        {name: nth(candidates, index, name) for name in ("pt", "eta", "phi")} for index in (0, 1)
    )
    angle = np.cosh(first["eta"] - second["eta"]) - np.cos(first["phi"] - second["phi"])
    return np.asarray(np.nan_to_num(np.sqrt(2 * first["pt"] * second["pt"] * angle)))


def missing(
    truth: Truth, jets: ak.Array, pileup: Floats, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Missing transverse momentum [GeV]: mismeasured jets, and a soft term that widens with pileup."""
    n = len(truth)
    matched = jets[jets.matched]
    soft = 5.0 + 1.2 * np.sqrt(pileup)
    parts = []
    for angle in (np.cos, np.sin):
        true = per_event(truth.jets, flat(truth.jets.pt) * angle(flat(truth.jets.phi)))
        seen = per_event(matched, flat(matched.pt) * angle(flat(matched.phi)))
        parts.append(0.4 * (true - seen) + rng.normal(0.0, soft / np.sqrt(2.0)))
    size, direction = np.hypot(*parts), np.arctan2(parts[1], parts[0])
    shift = 1.0 + 0.02 * np.cos(direction - np.nan_to_num(nth(jets, 0, "phi"))) + rng.normal(0.0, 0.01, n)
    return {"met": size, "met_phi": direction, "met_x": parts[0], "met_y": parts[1], "met_syst": size * shift}
