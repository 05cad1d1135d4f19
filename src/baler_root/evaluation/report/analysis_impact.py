"""Impact of compression on one analysis: original and decompressed events pass through the same code."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from baler_root.dataset.file import open as open_file
from baler_root.errors import AnalysisError, FitError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.histogram import Histogram, of_selection
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Floats, Observable, Selection
from baler_root.evaluation.analysis.study import Progress, Study
from baler_root.evaluation.report.event_movements import Movement, movement, peak, signal_of
from baler_root.evaluation.report.migrations import Crossing, CutMigration, by_process, migrations, selected
from baler_root.evaluation.report.options import ReportOptions
from baler_root.evaluation.report.result_shifts import Shift, replicas, shifts
from baler_root.evaluation.report.rounding_offsets import Bounds, offset_selections

Stage = Callable[[str], Progress | None]
"""Callback with the name of the stage that begins; returns a callback for its progress, or None."""

Results = Mapping[str, Quantity]


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Histograms of one observable before and after, in the same bins."""

    label: str
    """Events of the spectrum: data, simulation, or simulated signal."""
    before: Histogram
    after: Histogram
    scatter: Floats
    """Standard deviation of the change of each bin, from the events that change bins, (bins,)."""


@dataclass(frozen=True, slots=True)
class ObservableImpact:
    """Impact on one observable."""

    name: str
    shown: Observable
    """Axis of the observable."""
    spectra: tuple[Spectrum, ...]
    all_selected: Movement
    """Movement of all selected events."""
    signal: Movement
    """Movement of the signal: the processes that the analysis names, else all simulation, else all events."""
    difference: Histogram
    """Distribution of after − before over all selected events, unweighted."""
    shifts: tuple[Shift, ...]
    study_before: Study
    study_after: Study
    study_failure: str
    """Reason why the study failed; empty if it did not, or if the analysis has none."""


@dataclass(frozen=True, slots=True)
class AnalysisImpact:
    """Impact on one analysis."""

    name: str
    title: str
    entries: int
    cuts: tuple[CutMigration, ...]
    selected: Crossing
    processes: Mapping[int, Crossing]
    observables: tuple[ObservableImpact, ...]
    options: ReportOptions
    note: str
    """Note of the analysis for the end of the report."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """Selections of the same events before and after compression."""

    before: Selection
    after: Selection
    signal: Flags
    """Entries of signal, (entries,)."""


def measure(
    analysis: Analysis,
    originals: Sequence[str],
    compressed: Sequence[str],
    bounds: Sequence[Bounds],
    independent: Sequence[str],
    options: ReportOptions,
    stage: Stage,
) -> AnalysisImpact:
    """Runs the analysis on both sides. Raises SourceError, AnalysisError and ConfigError.

    `bounds` and `independent` are those with which the files were compressed. A fit that fails gives a failed
    quantity, and a study with a failed fit is reported as failed.
    """
    before = analysis.run(list(originals), stage("analysis of the original"))
    with contextlib.ExitStack() as files:
        opened = [files.enter_context(open_file({path: None})) for path in compressed]
        after = analysis.run(opened, stage("analysis of the compressed file"))
    cuts = migrations(before, after)
    sides = _Sides(before, after, signal_of(before, getattr(analysis.module, "SIGNAL", ())))
    names = [name for name in analysis.observables or before.observables if name in before.observables]
    offset_results: dict[str, list[Results]] = {name: [] for name in names}
    if options.offsets:
        progress = stage("rounding offsets")
        with tempfile.TemporaryDirectory(prefix="baler-root-report-") as folder:
            selections = offset_selections(
                analysis, originals, bounds, independent, options.offsets, Path(folder)
            )
            for number, selection in enumerate(selections, 1):
                for name in names:
                    offset_results[name].append(_results(analysis, name, sides.signal, selection))
                if progress is not None:
                    progress(number, options.offsets)
    return AnalysisImpact(
        analysis.name,
        analysis.title,
        len(before),
        tuple(cuts),
        selected(before, after),
        by_process(before, after),
        tuple(_observable(analysis, name, sides, offset_results[name], options, stage) for name in names),
        options,
        str(getattr(analysis.module, "NOTE", "")),
    )


def _results(analysis: Analysis, name: str, signal: Flags, selection: Selection) -> dict[str, Quantity]:
    """Quantities inferred from an observable, and the position and width of its peak."""
    inferred = analysis.infer(selection, name) if name in analysis.inferable else {}
    axis = analysis.observables.get(name)
    return {**inferred, **peak(selection, name, axis.unit if axis else "", signal)}


def _observable(
    analysis: Analysis,
    name: str,
    sides: _Sides,
    offset_results: Sequence[Results],
    options: ReportOptions,
    stage: Stage,
) -> ObservableImpact:
    before, after, signal = sides.before, sides.after, sides.signal
    infer = partial(_results, analysis, name, signal)
    original, decompressed = infer(before), infer(after)
    bootstrap = None
    if options.bootstrap:
        bootstrap = replicas(
            before, after, infer, list(original),
            number=options.bootstrap, seed=options.seed, progress=stage(f"bootstrap of {name}"),
        )  # fmt: skip
    studies, failure = [Study(), Study()], ""
    if name in analysis.inferable and analysis.has_study:
        for side, selection, words in ((0, before, "original"), (1, after, "compressed")):
            try:
                progress = stage(f"study of {name}, {words}")
                studies[side] = analysis.study(
                    selection, name, toys=options.toys, seed=options.seed, progress=progress
                )
            except FitError as error:
                failure = f"{words}: {error}"
    axis = analysis.observables.get(name) or _default_axis(name, before)
    return ObservableImpact(
        name,
        axis,
        tuple(_spectra(axis, name, sides)),
        movement(before, after, name, np.ones(len(before), np.bool_)),
        movement(before, after, name, signal),
        _difference(sides, name),
        tuple(shifts(original, decompressed, bootstrap, offset_results)),
        studies[0],
        studies[1],
        failure,
    )


def _default_axis(name: str, selection: Selection) -> Observable:
    """Axis of an observable that the analysis doesn't describe: the central 98 % of its values."""
    values = selection.observables[name][selection.passing()]
    values = values[np.isfinite(values)]
    if not values.size:
        raise AnalysisError(f"observable {name!r} has no value in any selected event")
    low, high = np.quantile(values, [0.01, 0.99])
    return Observable(name, "", float(low), float(high) if high > low else float(low) + 1.0, 50)


def _spectra(axis: Observable, name: str, sides: _Sides) -> list[Spectrum]:
    edges = np.linspace(axis.low, axis.high, axis.bins + 1)
    data = sides.before.process == 0
    groups = [
        ("data", data),
        ("simulated signal", sides.signal & ~data),
        ("simulation", ~data & ~sides.signal),
    ]
    return [
        Spectrum(
            label,
            of_selection(sides.before, name, edges, chosen),
            of_selection(sides.after, name, edges, chosen),
            _scatter(sides, name, edges, chosen),
        )
        for label, chosen in groups
        if (chosen & sides.before.passing()).any()
    ]


def _scatter(sides: _Sides, name: str, edges: Floats, chosen: Flags) -> Floats:
    """Square root of the summed squared weights of events that enter or leave each bin."""
    bins = []
    for selection in (sides.before, sides.after):
        index = np.full(len(selection), -1)
        usable = selection.passing() & chosen & np.isfinite(selection.observables[name])
        index[usable] = np.searchsorted(edges, selection.observables[name][usable], side="right") - 1
        index[index >= len(edges) - 1] = -1
        bins.append(index)
    crossed = bins[0] != bins[1]
    squares = np.zeros(len(edges) - 1)
    for index, selection in zip(bins, (sides.before, sides.after), strict=True):
        counted = crossed & (index >= 0)
        squares += np.bincount(index[counted], selection.weights[counted] ** 2, len(edges) - 1)
    return np.sqrt(squares)


def _difference(sides: _Sides, name: str) -> Histogram:
    both = sides.before.passing() & sides.after.passing()
    values = sides.after.observables[name][both] - sides.before.observables[name][both]
    values = values[np.isfinite(values)]
    reach = float(np.quantile(np.abs(values), 0.995)) if values.size else 0.0
    reach = reach or 1e-6
    counts, edges = np.histogram(values, 80, (-reach, reach))
    return Histogram(edges, counts.astype(np.float64), counts.astype(np.float64))
