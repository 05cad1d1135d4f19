"""H → ZZ* → 4ℓ: four isolated leptons, few events and little background; a counting model with systematics.

`m_4l` is computed from pt, η, φ and the leptons' masses, and `m_4l_stored` from the stored energies. The
leptons of each flavour have total charge 0, not just all four together. The model, a pyhf workspace, comes
from simulation, and data are compared with it; without data, the significances are the expected ones. Weights
keep their sign; bins with a negative sum of weights count as empty.
"""

from __future__ import annotations

from collections.abc import Sequence

import awkward as ak
import numpy as np
import vector

from baler_root.errors import FitError
from baler_root.evaluation.analysis import histogram
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Observable, Selection
from baler_root.evaluation.analysis.study import Progress, Study
from baler_root.evaluation.statistics import counting
from baler_root.evaluation.statistics.peak_shape import PeakShape, fit_peak
from baler_root.evaluation.statistics.workspace import Sample

from .samples.schema.release import USAGE_NOTE
from .samples.schema.release_schema import release_of, require

TITLE = "H → ZZ* → 4ℓ"
TREES = ("mini", "analysis")
OBSERVABLES = {
    "m_4l": Observable("m(4ℓ) from pt, η, φ", "GeV", 80.0, 170.0, 36),
    "m_4l_stored": Observable("m(4ℓ) from stored energies", "GeV", 80.0, 170.0, 36),
}
INFER = tuple(OBSERVABLES)
NOTE = f"If the files are the real ones: {USAGE_NOTE}"

SIGNAL = (345060, 344235, 341964, 341947, 346228, 346310, 346311, 346312, 346340, 346341, 346342)
"""`channelNumber` of H → ZZ* → 4ℓ, one for each production mode."""
ZZ = (363490, 700600)
"""`channelNumber` of the ZZ* continuum; other simulated processes are the rest of the background."""

EDGES = np.linspace(80.0, 170.0, 37)
SHAPE_EDGES = np.linspace(110.0, 140.0, 61)
SHAPE = PeakShape(offset=-0.5, width=1.9, low_tail=1.2, high_tail=2.0)
"""Starting values for the fit of the peak."""
WINDOW = (115.0, 130.0)
"""Range of m(4ℓ) in which signal and background are counted [GeV]."""

MASSES = {11: 0.000511, 13: 0.10566}
"""Masses of electron and muon [GeV]."""
SCALE_FACTORS = ("electron", "muon", "lepton_trigger", "pileup")
RATES = {
    "signal": {"luminosity": 0.02, "signal_theory": 0.05},
    "ZZ": {"luminosity": 0.02, "ZZ_theory": 0.10},
    "other": {"luminosity": 0.02, "other_rate": 0.50},
}
"""Relative uncertainties of rates: luminosity about as measured, the others round numbers of typical size."""


# ---- Selection ---------------------------------------------------------------------------------------------


def branches(keys: Sequence[str]) -> list[str]:
    """Branches to read; raises SourceError, with their names, if some are missing."""
    release = release_of(keys)
    event = release.event_branches(SCALE_FACTORS, ["electron", "muon"])
    members = {name: branch for name, branch in release.lepton.items() if name != "pt_syst"}
    return require(release, keys, [*event, *members.values()], [release.lepton.get("pt_syst", "")])


def select(events: ak.Array) -> Selection:
    """Cuts, masses [GeV] and weights of all entries."""
    release = release_of(events.fields)
    leptons = release.leptons(events)
    good = leptons[_good_2020(leptons) if release.name == "2020" else _good_2025(leptons)]
    good = good[ak.argsort(good.pt, ascending=False)]
    four = ak.num(good) == 4
    quad = ak.mask(good, four)

    # if the charges add up to 0, charge × type adds up to 0 only if each flavour is neutral
    flavours = ak.sum(quad.flavour, axis=1)
    neutral = (ak.sum(quad.charge, axis=1) == 0) & (
        ak.sum(quad.charge * ak.values_astype(quad.flavour, np.int64), axis=1) == 0
    )
    cuts = {
        "trigger": (events.trigE != 0) | (events.trigM != 0),
        "four good leptons": four,
        "pt": (quad.pt[:, 0] > (25.0 if release.name == "2020" else 20.0))
        & (quad.pt[:, 1] > 15.0)
        & (quad.pt[:, 2] > 10.0),
        "two pairs": neutral & ((flavours == 44) | (flavours == 48) | (flavours == 52)),
    }
    if "is_trigger_matched" in leptons.fields:
        cuts["trigger matched"] = ak.any(leptons.is_trigger_matched, axis=1)

    mass = ak.where(quad.flavour == 11, MASSES[11], MASSES[13])
    masses = {
        "m_4l": _mass(quad, quad.pt, "mass", mass),
        "m_4l_stored": _mass(quad, quad.pt, "energy", quad.energy),
    }
    if "pt_syst" in leptons.fields:
        masses["m_4l_scale_up"] = _mass(quad, quad.pt + quad.pt_syst, "mass", mass)
    else:
        masses["m_4l_scale_up"] = masses["m_4l"]
    weights, process = release.weights(events, SCALE_FACTORS)
    return Selection(
        {name: ak.to_numpy(ak.fill_none(flags, False)) for name, flags in cuts.items()},
        {name: ak.to_numpy(ak.fill_none(values, np.nan)) for name, values in masses.items()},
        weights,
        process,
    )


def _good_2020(leptons: ak.Array) -> ak.Array:
    """Leptons that are isolated, from the primary vertex, and within the tracker."""
    electron = leptons.flavour == 11
    eta = abs(leptons.eta)
    sin_theta = 1.0 / np.cosh(leptons.eta)
    isolated = (leptons.track_cone < 0.3 * leptons.pt) & (leptons.calorimeter_cone < 0.3 * leptons.pt)
    central = (abs(leptons.z0) * sin_theta < 0.5) & (leptons.d0_significance < ak.where(electron, 5.0, 3.0))
    inside = ak.where(electron, (leptons.pt > 7.0) & (eta < 2.47), (leptons.pt > 5.0) & (eta < 2.5))
    return isolated & central & inside


def _good_2025(leptons: ak.Array) -> ak.Array:
    """Leptons that are identified and isolated according to the flags of this release."""
    identified = ak.where(leptons.flavour == 11, leptons.is_loose != 0, leptons.is_medium != 0)
    return identified & (leptons.is_isolated != 0)


def _mass(quad: ak.Array, pt: ak.Array, name: str, value: ak.Array) -> ak.Array:
    """Invariant mass [GeV] of the leptons from pt, η, φ and `value`: "energy" or "mass", as in `name`."""
    momenta = vector.zip({"pt": pt, "eta": quad.eta, "phi": quad.phi, name: value})
    return (momenta[:, 0] + momenta[:, 1] + momenta[:, 2] + momenta[:, 3]).mass


# ---- Statistics --------------------------------------------------------------------------------------------


def infer(selection: Selection, observable: str) -> dict[str, Quantity]:
    """Z of the signal, yields from 115 to 130 GeV, and the position of the simulated peak.

    Quick, with uncertainties of rates only; `study` adds those of the number of simulated events and of the
    momentum scale.
    """
    signal = np.isin(selection.process, SIGNAL)
    return {
        **counting.measure("m4l", samples(selection, observable), data(selection, observable)),
        "signal": in_window(selection, observable, signal),
        "background": in_window(selection, observable, ~signal & (selection.process != 0)),
        "mass": peak_mass(selection, observable, signal),
    }


def study(
    selection: Selection, observable: str, *, toys: int, seed: int, progress: Progress | None = None
) -> Study:
    """The full model as a pyhf workspace, and its discovery test, without toys. Raises FitError."""
    del toys, seed, progress
    return counting.study(
        "m4l", samples(selection, observable), data(selection, observable), OBSERVABLES[observable]
    )


def data(selection: Selection, observable: str) -> Histogram | None:
    """The spectrum of data; None if there are none."""
    is_data = selection.process == 0
    return histogram.of_selection(selection, observable, EDGES, is_data) if is_data.any() else None


def samples(selection: Selection, observable: str) -> list[Sample]:
    """Expected spectra of signal, ZZ* and the rest of the background, with their uncertainties."""
    process = selection.process
    signal, zz = np.isin(process, SIGNAL), np.isin(process, ZZ)
    groups = {"signal": signal, "ZZ": zz, "other": ~signal & ~zz & (process != 0)}
    return [_sample(selection, observable, name, flags) for name, flags in groups.items()]


def _sample(selection: Selection, observable: str, name: str, flags: Flags) -> Sample:
    """Expected spectrum of one group.

    The momentum scale shifts both masses alike, so its effect is taken from `m_4l`.
    """
    filled = histogram.of_selection(selection, observable, EDGES, flags)
    up, nominal = (
        histogram.of_selection(selection, mass, EDGES, flags).counts for mass in ("m_4l_scale_up", "m_4l")
    )
    moved = up - nominal
    shapes = {"momentum_scale": (filled.counts + moved, filled.counts - moved)} if moved.any() else {}
    return Sample(name, filled, name == "signal", RATES[name], shapes)


def in_window(selection: Selection, observable: str, flags: Flags) -> Quantity:
    """Expected events in WINDOW and the statistical error of the simulation."""
    if not flags.any():
        return Quantity.failed("not simulated", "events")
    filled = histogram.of_selection(selection, observable, np.array(WINDOW), flags)
    return Quantity(float(filled.counts[0]), float(np.sqrt(filled.variances[0])), "events")


def peak_mass(selection: Selection, observable: str, signal: Flags) -> Quantity:
    """Position of the peak of simulated signal."""
    try:
        fit = fit_peak(histogram.of_selection(selection, observable, SHAPE_EDGES, signal), SHAPE)
    except FitError as error:
        return Quantity.failed(str(error), "GeV")
    return Quantity(fit.peak.nominal + fit.peak.offset, fit.offset_error, "GeV")
