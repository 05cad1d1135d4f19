"""The search for a peak of known mass on a smooth background, from the quick numbers to the full study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats, Observable
from baler_root.evaluation.analysis.study import Curve, Progress, Study
from baler_root.evaluation.statistics import look_elsewhere as lookelsewhere
from baler_root.evaluation.statistics import significance as discovery
from baler_root.evaluation.statistics import spurious_signal as spurious
from baler_root.evaluation.statistics.background import Bernstein, Exponential
from baler_root.evaluation.statistics.peak_model import Bump, BumpFit

UNITS = {"Z": "", "signal": "events", "background": "events", "mass": "GeV"}
"""What `measure` gives, and its units."""


_NEAR = 4.0
"""Spurious signal is looked for so far [GeV] from the peak."""


_RICHER = 10.0
"""Simulated background is a template when it is worth so many times the data."""


def failed(why: str) -> dict[str, Quantity]:
    """What `measure` gives where nothing can be fitted."""
    return {name: Quantity.failed(why, unit) for name, unit in UNITS.items()}


def measure(counts: Floats, model: Bump, mass: float) -> dict[str, Quantity]:
    """Z and yield of a signal at the known mass, the background in all bins, and the mass where it is left free.

    Counts below 0, where negative weights prevail, are taken as 0. Fits that fail are failed quantities.
    """
    counts = np.maximum(counts, 0.0)
    if not counts.any():
        return failed(f"no entry from {model.edges[0]:g} to {model.edges[-1]:g} GeV")
    try:
        z, fit, _ = discovery.observed(model, counts, mass)
    except FitError as error:
        return failed(str(error))
    results = {
        "Z": Quantity(z, 1.0),
        "signal": Quantity(fit.signal, fit.signal_error, "events"),
        "background": Quantity(fit.background, fit.background_error, "events"),
    }
    try:
        free = model.fit_mass(counts, fit, within=(mass - 15.0, mass + 15.0))
    except FitError as error:
        return {**results, "mass": Quantity.failed(str(error), "GeV")}
    return {**results, "mass": Quantity(free.mass, free.mass_error, "GeV")}


def study(
    spectrum: Histogram,
    model: Bump,
    shown: Observable,
    *,
    template: Histogram,
    mass: float,
    masses: Floats,
    toys: int,
    seed: int,
    progress: Progress | None,
) -> Study:
    """Everything about the spectrum: the scan over `masses` with its global p-value, the choice of background.

    `template`: simulated background, empty where there is none. The spectrum has the range of `shown`, and a multiple of
    its bins. Raises FitError.
    """
    counts = spectrum.clipped().counts
    z, fit, without = discovery.observed(model, counts, mass)
    fitted = model.expected(fit.signal, mass, fit.parameters)
    scanner = lookelsewhere.Scanner(model, masses, without)
    scan, asimov = scanner.significances(counts), scanner.significances(fitted)
    highest = float(scan.max())
    alone = lookelsewhere.throw(scanner, toys, seed, progress)
    anywhere = lookelsewhere.gross_vitells(highest, alone)
    tested, source = _tested(counts, model, template.clipped(), fit)
    return Study(
        quantities={
            f"p local at {mass:g} GeV": Quantity(discovery.p_value(z)),
            "Z expected for the fitted signal": Quantity(
                discovery.expected(model, fit.signal, mass, fit.parameters), 1.0
            ),
            "Z highest": Quantity(highest),
            "mass of highest Z": Quantity(float(masses[scan.argmax()]), unit="GeV"),
            "p local of highest Z": Quantity(discovery.p_value(highest)),
            "p global (Gross and Vitells)": anywhere,
            "Z global": Quantity(discovery.z_of(anywhere.value)),
            "p global (toys)": lookelsewhere.by_toys(highest, alone),
            "up-crossings of 0": Quantity(alone.crossings, alone.crossings_error),
        },
        curves={
            "spectrum": Curve(
                f"{shown.label} [{shown.unit}]",
                f"events / {(shown.high - shown.low) / shown.bins:g} {shown.unit}",
                _wider(spectrum.centres, shown.bins) * shown.bins / len(counts),
                {
                    "data": _wider(counts, shown.bins),
                    "signal and background": _wider(fitted, shown.bins),
                    "background": _wider(model.continuum.expected(fit.parameters), shown.bins),
                },
            ),
            "scan": Curve(
                f"mass [{shown.unit}]",
                "local p-value",
                masses,
                {"observed": _p_values(scan), "expected for the fitted signal": _p_values(asimov)},
                log_y=True,
            ),
        },
        documents={"background.json": [_row(candidate) for candidate in tested]},
        notes=(_verdict(tested, model, source), *_remarks(spectrum)),
    )


def _wider(values: Floats, bins: int) -> Floats:
    """Sums in wider bins, of which there are so many."""
    return np.asarray(values.reshape(bins, -1).sum(axis=1))


def _p_values(z: Floats) -> Floats:
    return np.array([discovery.p_value(float(value)) for value in z])


def _tested(
    counts: Floats, model: Bump, template: Histogram, fit: BumpFit
) -> tuple[list[spurious.Candidate], str]:
    """The functions tested for spurious signal, and on what: rich simulation, or else a smooth function of another kind
    fitted to data."""
    worth = template.counts.sum() ** 2 / max(float(template.variances.sum()), 1e-12)
    if worth > _RICHER * fit.background:
        source, expected = "simulated background", template.counts
    else:
        smooth = Bump(model.edges, model.peak, Exponential(model.edges, 3))
        found = smooth.fit(counts, fit.mass, smooth.background_only(counts))
        source, expected = (
            f"the {smooth.continuum.name} that fits the data best",
            smooth.continuum.expected(found.parameters),
        )
    tested = spurious.candidates(
        expected * (fit.background / expected.sum()),
        model.edges,
        model.peak,
        [
            *(Exponential(model.edges, order) for order in (1, 2)),
            *(Bernstein(model.edges, order) for order in (2, 3, 4, 5)),
        ],
        np.arange(fit.mass - _NEAR, fit.mass + _NEAR + 0.01, 1.0),
        fit.signal,
    )
    return tested, source


def _row(candidate: spurious.Candidate) -> dict[str, object]:
    return {
        "function": candidate.continuum.name,
        "parameters": candidate.continuum.size,
        "spurious signal": candidate.spurious,
        "statistical error": candidate.error,
        "passes": candidate.passes,
    }


def _verdict(tested: Sequence[spurious.Candidate], model: Bump, source: str) -> str:
    used = next(one for one in tested if one.continuum.name == model.continuum.name)
    try:
        choice = f"the test's choice is the {spurious.choose(tested).continuum.name}"
    except FitError as error:
        choice = str(error)
    return (
        f"Background: {model.continuum.name}; it {'passes' if used.passes else 'does not pass'} the test for spurious "
        f"signal on {source} ({used.spurious:+.0f} events at most, of a statistical error of {used.error:.0f}); "
        f"{choice}."
    )


def _remarks(spectrum: Histogram) -> list[str]:
    if not spectrum.negative:
        return []
    return [f"{spectrum.negative} bins in which negative weights prevail were taken as empty."]
