"""Trigger decisions, with efficiencies that rise with pt around each threshold."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from ..jagged import Flags, Floats, lengths, nth

ELECTRON, MUON = 11, 13


def turn_on(pt: Floats, threshold: float, width: float) -> Floats:
    """Efficiency of a trigger: a logistic function of pt."""
    return 1.0 / (1.0 + np.exp(-(pt - threshold) / width))


def decisions(
    photons: ak.Array, leptons: ak.Array, taus: ak.Array, met: Floats, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Decision of each trigger, by name.

    Two photons of 35 and 25 GeV; one electron or muon of 26 GeV; two or three leptons with lower thresholds;
    τ; and missing momentum.
    """
    n = len(photons)
    pair = np.nan_to_num(nth(photons, 0, "pt")), np.nan_to_num(nth(photons, 1, "pt"))
    two = 0.985 * turn_on(pair[0], 34.0, 0.7) * turn_on(pair[1], 24.0, 0.7)

    def at_least(number: int, kinds: tuple[int, ...], pt: float) -> Flags:
        chosen = leptons[
            (leptons.pt > pt) & np.logical_or(*(leptons.kind == kind for kind in (kinds * 2)[:2]))
        ]
        return lengths(chosen) >= number

    fired = {
        kind: np.asarray(ak.any((leptons.kind == kind) & leptons.triggered, axis=1))
        for kind in (ELECTRON, MUON)
    }
    pairs = {
        kind: at_least(2, (kind,), pt) & (rng.random(n) < 0.9)
        for kind, pt in ((ELECTRON, 18.0), (MUON, 15.0))
    }
    hadronic = np.asarray(ak.sum(taus.triggered, axis=1))
    return {
        "trigP": (lengths(photons) >= 2) & (rng.random(n) < two),
        "trigE": fired[ELECTRON],
        "trigM": fired[MUON],
        "trigDE": pairs[ELECTRON],
        "trigDM": pairs[MUON],
        "trigML": at_least(3, (ELECTRON, MUON), 10.0) & (rng.random(n) < 0.9),
        "trigT": hadronic >= 1,
        "trigDT": hadronic >= 2,
        "trigMET": rng.random(n) < turn_on(met, 120.0, 12.0),
        "dilepton": (pairs[ELECTRON] | pairs[MUON]).astype(np.float64),
    }
