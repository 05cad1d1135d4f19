"""The search for a peak of known mass on a smooth background: quick results, and the full study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler_root.errors import ConfigError, FitError
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats, Observable
from baler_root.evaluation.analysis.study import Curve, Progress, Study
from baler_root.evaluation.statistics import look_elsewhere, significance, spurious_signal
from baler_root.evaluation.statistics.background import Bernstein, Exponential
from baler_root.evaluation.statistics.peak_model import ModelFit, PeakModel

UNITS = {"Z": "", "signal": "events", "background": "events", "mass": "GeV"}
"""Quantities that `measure` returns, and their units."""


_MAX_DISTANCE = 4.0
"""The test for spurious signal covers masses up to this distance [GeV] from the peak."""


_MIN_RICHNESS = 10.0
"""Simulated background serves as template if it is worth at least this many times the events of the data."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Masses and toys of a study; a bad value raises ConfigError."""

    mass: float
    """Mass of the particle that is searched for [GeV]."""
    masses: Floats
    """Masses of the scan [GeV]."""
    toys: int
    """Background-only toys for the global p-value."""
    seed: int
    """Random seed of the toys."""

    def __post_init__(self) -> None:
        if self.toys < 1:
            raise ConfigError(f"{self.toys} toys: at least 1 is needed")


def failed(why: str) -> dict[str, Quantity]:
    """The result of `measure` if nothing can be fitted: failed quantities with the reason."""
    return {name: Quantity.failed(why, unit) for name, unit in UNITS.items()}


def measure(counts: Floats, model: PeakModel, mass: float) -> dict[str, Quantity]:
    """Z and yield of a signal at the known mass, the background in all bins, and the mass from a free fit.

    Negative counts, from negative weights, are taken as 0. A fit that fails gives a failed quantity.
    """
    counts = np.maximum(counts, 0.0)
    if not counts.any():
        return failed(f"no entry from {model.edges[0]:g} to {model.edges[-1]:g} GeV")
    try:
        z, fit, _ = significance.observed(model, counts, mass)
    except FitError as error:
        return failed(str(error))
    results = {
        "Z": Quantity(z, 1.0),
        "signal": Quantity(fit.signal, fit.signal_error, "events"),
        "background": Quantity(fit.background, fit.background_error, "events"),
    }
    try:
        mass_fit = model.fit_mass(counts, fit, within=(mass - 15.0, mass + 15.0))
    except FitError as error:
        return {**results, "mass": Quantity.failed(str(error), "GeV")}
    return {**results, "mass": Quantity(mass_fit.mass, mass_fit.mass_error, "GeV")}


def study(
    spectrum: Histogram,
    model: PeakModel,
    observable: Observable,
    template: Histogram,
    options: SearchOptions,
    progress: Progress | None,
) -> Study:
    """The full study of a spectrum: the scan over masses with its global p-value, and the choice of
    background.

    `template` is the simulated background, empty if there is none. The bins of `spectrum` divide those of
    `observable`, in the same range. Raises FitError.
    """
    mass, masses = options.mass, options.masses
    counts = spectrum.clipped().counts
    z, fit, background_fit = significance.observed(model, counts, mass)
    fitted = model.expected(fit.signal, mass, fit.parameters)
    scanner = look_elsewhere.Scanner(model, masses, background_fit)
    scan, asimov = scanner.significances(counts), scanner.significances(fitted)
    highest = float(scan.max())
    toys = look_elsewhere.scan_toys(scanner, options.toys, options.seed, progress)
    p_global = look_elsewhere.gross_vitells(highest, toys)
    tested, source = _tested(counts, model, template.clipped(), fit)
    return Study(
        quantities={
            f"p local at {mass:g} GeV": Quantity(significance.p_value(z)),
            "Z expected for the fitted signal": Quantity(
                significance.expected(model, fit.signal, mass, fit.parameters), 1.0
            ),
            "Z highest": Quantity(highest),
            "mass of highest Z": Quantity(float(masses[scan.argmax()]), unit="GeV"),
            "p local of highest Z": Quantity(significance.p_value(highest)),
            "p global (Gross and Vitells)": p_global,
            "Z global": Quantity(significance.z_of(p_global.value)),
            "p global (toys)": look_elsewhere.by_toys(highest, toys),
            "up-crossings of 0": Quantity(toys.crossings, toys.crossings_error),
        },
        curves={
            "spectrum": Curve(
                f"{observable.label} [{observable.unit}]",
                f"events / {(observable.high - observable.low) / observable.bins:g} {observable.unit}",
                _rebinned(spectrum.centres, observable.bins) * observable.bins / len(counts),
                {
                    "data": _rebinned(counts, observable.bins),
                    "signal and background": _rebinned(fitted, observable.bins),
                    "background": _rebinned(model.background.expected(fit.parameters), observable.bins),
                },
            ),
            "scan": Curve(
                f"mass [{observable.unit}]",
                "local p-value",
                masses,
                {"observed": _p_values(scan), "expected for the fitted signal": _p_values(asimov)},
                log_y=True,
            ),
        },
        documents={"background.json": [_row(candidate) for candidate in tested]},
        notes=(_verdict(tested, model, source), *_remarks(spectrum)),
    )


def _rebinned(values: Floats, bins: int) -> Floats:
    """Sums in `bins` wider bins."""
    return np.asarray(values.reshape(bins, -1).sum(axis=1))


def _p_values(z: Floats) -> Floats:
    return np.array([significance.p_value(float(value)) for value in z])


def _tested(
    counts: Floats, model: PeakModel, template: Histogram, fit: ModelFit
) -> tuple[list[spurious_signal.Candidate], str]:
    """(Functions tested for spurious signal, description of the template).

    The template is the simulated background if that is rich enough, or else a smooth function of another kind
    that is fitted to the data.
    """
    equivalent_events = template.counts.sum() ** 2 / max(float(template.variances.sum()), 1e-12)
    if equivalent_events > _MIN_RICHNESS * fit.background:
        source, expected = "simulated background", template.counts
    else:
        smooth = PeakModel(model.edges, model.peak, Exponential(model.edges, 3))
        smooth_fit = smooth.fit(counts, fit.mass, smooth.background_only(counts))
        source, expected = (
            f"the {smooth.background.name} that fits the data best",
            smooth.background.expected(smooth_fit.parameters),
        )
    tested = spurious_signal.candidates(
        expected * (fit.background / expected.sum()),
        model.edges,
        model.peak,
        [
            *(Exponential(model.edges, order) for order in (1, 2)),
            *(Bernstein(model.edges, order) for order in (2, 3, 4, 5)),
        ],
        np.arange(fit.mass - _MAX_DISTANCE, fit.mass + _MAX_DISTANCE + 0.01, 1.0),
        fit.signal,
    )
    return tested, source


def _row(candidate: spurious_signal.Candidate) -> dict[str, object]:
    return {
        "function": candidate.background.name,
        "parameters": candidate.background.size,
        "spurious signal": candidate.spurious,
        "statistical error": candidate.error,
        "passes": candidate.passes,
    }


def _verdict(tested: Sequence[spurious_signal.Candidate], model: PeakModel, source: str) -> str:
    tested_model = next(
        candidate for candidate in tested if candidate.background.name == model.background.name
    )
    try:
        choice = f"the test's choice is the {spurious_signal.choose(tested).background.name}"
    except FitError as error:
        choice = str(error)
    return (
        f"Background: {model.background.name}; it {'passes' if tested_model.passes else 'does not pass'} the test for spurious "
        f"signal on {source} (at most {tested_model.spurious:+.0f} events, with a statistical error of {tested_model.error:.0f}); "
        f"{choice}."
    )


def _remarks(spectrum: Histogram) -> list[str]:
    if not spectrum.negative:
        return []
    return [f"{spectrum.negative} bins with a negative sum of weights were taken as empty."]
