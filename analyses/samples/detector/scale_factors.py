"""Scale factors: corrections of simulated efficiencies from tables in pt and η, and pileup weights."""

from __future__ import annotations

import awkward as ak
import numpy as np

from ..jagged import Floats, flat, lengths, nth, per_event

NAMES = ("PILEUP", "PHOTON", "ELE", "MUON", "TAU", "BTAG", "JVT", "LepTRIGGER", "PhotonTRIGGER")


def event_factors(photons: ak.Array, leptons: ak.Array, jets: ak.Array, pileup: Floats) -> dict[str, Floats]:
    """One scale factor per event for each of NAMES, named `SF_…`; 1 for events without such objects."""
    two = photons[:, :2]
    return {
        "SF_PILEUP": _pileup(pileup),
        "SF_PHOTON": _product(two, _photon(two)),
        "SF_ELE": _product(leptons, np.where(flat(leptons.kind) == 11, _electron(leptons), 1.0)),
        "SF_MUON": _product(leptons, np.where(flat(leptons.kind) == 13, _muon(leptons), 1.0)),
        "SF_TAU": np.ones(len(pileup)),
        "SF_BTAG": _product(jets, _b_tag(jets)),
        "SF_JVT": _product(jets, np.where(flat(jets.pt) < 60.0, 0.985 + 0.0002 * flat(jets.pt), 1.0)),
        "SF_LepTRIGGER": np.where(
            lengths(leptons) > 0, 0.98 + 0.015 * np.tanh(np.nan_to_num(nth(leptons, 0, "pt")) / 60.0), 1.0
        ),
        "SF_PhotonTRIGGER": np.ones(len(pileup)),
    }


def _product(objects: ak.Array, factors: Floats) -> Floats:
    return np.exp(per_event(objects, np.log(factors)))


def _pileup(pileup: Floats) -> Floats:
    """Ratio of Gaussian pileup distributions, data (23.7 ± 6.5) to simulation (25 ± 7); at most 2.5."""
    data, simulation = (pileup - 23.7) / 6.5, (pileup - 25.0) / 7.0
    return np.minimum(7.0 / 6.5 * np.exp((simulation**2 - data**2) / 2), 2.5)


def _steps(values: Floats, edges: tuple[float, ...], factors: tuple[float, ...]) -> Floats:
    """Factors from a table with one value for each bin."""
    return np.asarray(factors)[np.searchsorted(edges, values)]


def _photon(photons: ak.Array) -> Floats:
    eta = np.abs(flat(photons.eta))
    in_pt = _steps(
        flat(photons.pt),
        (30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 80.0, 100.0),
        (0.974, 0.981, 0.986, 0.99, 0.993, 0.996, 0.999, 1.001, 1.003),
    )
    in_eta = _steps(eta, (0.6, 0.8, 1.15, 1.37, 1.81, 2.01), (0.002, 0.0, -0.002, -0.003, 0.0, 0.004, 0.006))
    return in_pt + in_eta - 0.004 * (flat(photons.conv) > 0)


def _electron(leptons: ak.Array) -> Floats:
    in_pt = _steps(
        flat(leptons.pt),
        (10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0),
        (0.955, 0.968, 0.975, 0.979, 0.982, 0.985, 0.988, 0.991),
    )
    in_eta = _steps(
        flat(leptons.eta),
        (-2.01, -1.52, -1.37, -0.8, 0.0, 0.8, 1.37, 1.52, 2.01),
        (0.012, 0.006, -0.03, 0.0, 0.004, 0.003, -0.001, -0.028, 0.007, 0.011),
    )
    return in_pt + in_eta


def _muon(leptons: ak.Array) -> Floats:
    in_pt = _steps(flat(leptons.pt), (6.0, 8.0, 10.0, 15.0, 20.0), (0.975, 0.982, 0.986, 0.989, 0.991, 0.993))
    in_eta = _steps(np.abs(flat(leptons.eta)), (0.1, 1.05, 1.3, 2.0), (-0.03, 0.0, -0.004, 0.001, 0.003))
    sector = _steps(
        flat(leptons.phi),
        tuple(np.linspace(-np.pi, np.pi, 17)[1:-1]),
        tuple(0.002 * (-1) ** i for i in range(16)),
    )
    return in_pt + in_eta + sector


def _b_tag(jets: ak.Array) -> Floats:
    tagged = flat(jets.mv2c10) > 0.83
    by_flavour = np.select([flat(jets.flavour) == 5, flat(jets.flavour) == 4], [0.98, 1.1], 1.2)
    return np.where(tagged, by_flavour, 1.0)
