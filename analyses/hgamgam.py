"""H → γγ: two isolated photons, and a narrow peak in their mass on a smooth background.

The cuts are those of the ATLAS Open Data analyses of each release, with exactly two good photons. `m_gg` is
computed from pt, η and φ of massless photons, and `m_gg_stored` from the stored energies. Both cover the same
events, which are selected with `m_gg`.

The weight of a simulated event is luminosity × cross-section × generator weight × scale factors / sum of
weights, with its sign; bins with a negative sum of weights count as empty. The fit is to data, or, if there
are none, to the sum of all simulation, which gives the expected results. The shape of the peak is fitted to
simulated signal, if the input has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import awkward as ak
import numpy as np
import vector

from baler_root.errors import FitError
from baler_root.evaluation.analysis import histogram
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Observable, Selection
from baler_root.evaluation.analysis.study import Progress, Study
from baler_root.evaluation.statistics import peak_search
from baler_root.evaluation.statistics.background import BackgroundModel, Bernstein
from baler_root.evaluation.statistics.peak_model import PeakModel
from baler_root.evaluation.statistics.peak_shape import PeakShape, fit_peak

from .samples.schema.release import USAGE_NOTE
from .samples.schema.release_schema import release_of, require

TITLE = "H → γγ"
TREES = ("mini", "analysis")
OBSERVABLES = {
    "m_gg": Observable("m(γγ) from pt, η, φ", "GeV", 105.0, 160.0, 55),
    "m_gg_stored": Observable("m(γγ) from stored energies", "GeV", 105.0, 160.0, 55),
}
INFER = tuple(OBSERVABLES)
NOTE = f"If the files are the real ones: {USAGE_NOTE}"

SIGNAL = (343981, 345041, 345318, 345319, 341081, 345061, 345317, 346214, 346525)
"""`channelNumber` of H → γγ, one for each production mode; other simulated processes are background."""

MASS = 125.0
EDGES = np.linspace(105.0, 160.0, 551)
"""Bin edges of the fit [GeV], narrow so that a small shift of events has a small effect on the fit."""
SHAPE_EDGES = np.linspace(110.0, 140.0, 121)
SCAN = np.arange(110.0, 150.1, 1.0)

SHAPE = PeakShape(offset=-0.135, width=1.745, low_tail=1.52, high_tail=3.66)
"""Shape of the peak for input without simulated signal.

It is the result of `peak(load("hgamgam").run("signal.root"), "m_gg")` with the sample of
`baler-root sample ggH-yy -n 50000 --seed 7 --generator quick -o signal.root`.
"""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Cuts that differ between the releases: pt in GeV, cones relative to the photon's pt."""

    trigger: bool
    lead_pt: float
    trail_pt: float
    lead_share: float
    trail_share: float
    track_cone: float
    calorimeter_cone: float
    scale_factors: tuple[str, ...]


CUTS = {
    "2020": Cuts(True, 35.0, 25.0, 0.35, 0.25, 0.065, 0.065, ("photon", "photon_trigger", "pileup")),
    "2025": Cuts(False, 50.0, 30.0, 0.35, 0.35, 0.055, np.inf, ("photon", "pileup")),
}


def background() -> BackgroundModel:
    """The background model, which passes the test for spurious signal on the samples (`study` repeats it)."""
    return Bernstein(EDGES, 3)


# ---- Selection ---------------------------------------------------------------------------------------------


def branches(keys: Sequence[str]) -> list[str]:
    """Branches to read; raises SourceError, with their names, if some are missing."""
    release = release_of(keys)
    event = release.event_branches(CUTS[release.name].scale_factors, ["photon"])
    return require(release, keys, [*event, *release.photon.values()])


def select(events: ak.Array) -> Selection:
    """Cuts, masses [GeV] and weights of all entries."""
    release = release_of(events.fields)
    cut = CUTS[release.name]
    photons = release.photons(events)

    # tight, within the finely segmented part of the calorimeter, outside the crack between barrel and end-cap
    eta = abs(photons.eta)
    fiducial = (eta < 2.37) & ((eta < 1.37) | (eta > 1.52))
    good = photons[(photons.is_tight != 0) & fiducial & (photons.pt > 25.0)]
    two = ak.num(good) == 2
    pair = ak.mask(good, two)
    pair = pair[ak.argsort(pair.pt, ascending=False)]
    lead, trail = pair[:, 0], pair[:, 1]

    isolated = (pair.track_cone < cut.track_cone * pair.pt) & (
        pair.calorimeter_cone < cut.calorimeter_cone * pair.pt
    )
    mass = _mass(pair, ak.zeros_like(pair.pt), "mass")
    cuts = {
        "trigger": (events.trigP != 0) | (not cut.trigger),
        "two good photons": two,
        "pt": (lead.pt > cut.lead_pt) & (trail.pt > cut.trail_pt),
        "isolation": ak.all(isolated, axis=1),
        "pt/m": (lead.pt > cut.lead_share * mass) & (trail.pt > cut.trail_share * mass),
        "105 < m < 160 GeV": (mass > EDGES[0]) & (mass < EDGES[-1]),
    }
    masses = {"m_gg": mass, "m_gg_stored": _mass(pair, pair.energy, "energy")}
    weights, process = release.weights(events, cut.scale_factors)
    return Selection(
        {name: ak.to_numpy(ak.fill_none(flags, False)) for name, flags in cuts.items()},
        {name: ak.to_numpy(ak.fill_none(values, np.nan)) for name, values in masses.items()},
        weights,
        process,
    )


def _mass(pair: ak.Array, value: ak.Array, name: str) -> ak.Array:
    """Invariant mass [GeV] of the pair from pt, η, φ and `value`: "energy" or "mass", as in `name`."""
    momenta = vector.zip({"pt": pair.pt, "eta": pair.eta, "phi": pair.phi, name: value})
    return (momenta[:, 0] + momenta[:, 1]).mass


# ---- Statistics --------------------------------------------------------------------------------------------


def infer(selection: Selection, observable: str) -> dict[str, Quantity]:
    """Z of a signal at 125 GeV, its yield, the background from 105 to 160 GeV, and the fitted mass."""
    try:
        shape = peak(selection, observable)
    except FitError as error:
        return peak_search.failed(str(error))
    return peak_search.measure(
        spectrum(selection, observable).counts, PeakModel(EDGES, shape, background()), MASS
    )


def study(
    selection: Selection, observable: str, *, toys: int, seed: int, progress: Progress | None = None
) -> Study:
    """The choice of background, and a scan over masses with its global p-value. Raises FitError."""
    simulated = (selection.process != 0) & ~np.isin(selection.process, SIGNAL)
    return peak_search.study(
        spectrum(selection, observable),
        PeakModel(EDGES, peak(selection, observable), background()),
        OBSERVABLES[observable],
        histogram.of_selection(selection, observable, EDGES, simulated),
        peak_search.SearchOptions(MASS, SCAN, toys, seed),
        progress,
    )


def spectrum(selection: Selection, observable: str) -> Histogram:
    """The mass spectrum of data, or, if there are none, of all simulation (the expected spectrum)."""
    data = selection.process == 0
    return histogram.of_selection(selection, observable, EDGES, data if data.any() else ~data)


def peak(selection: Selection, observable: str) -> PeakShape:
    """Shape of the signal: fitted to simulated signal, or SHAPE if there is none. Raises FitError."""
    signal = np.isin(selection.process, SIGNAL)
    if not signal.any():
        return SHAPE
    return fit_peak(histogram.of_selection(selection, observable, SHAPE_EDGES, signal), SHAPE).peak
