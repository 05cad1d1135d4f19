"""What compression does to one analysis: original and decompressed events through the same code, side by side."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

import baler_root
from baler_root.errors import AnalysisError, FitError
from baler_root.evaluation.analysis.analysis import Analysis
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.histogram import of as histogram_of
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Flags, Floats, Observable, Selection
from baler_root.evaluation.analysis.study import Progress, Study
from baler_root.evaluation.report.bootstrap import Shift, replicas, shifts
from baler_root.evaluation.report.event_shifts import Movement, movement, peak, signal_of
from baler_root.evaluation.report.migrations import Crossing, CutMigration, by_process, migrations, selected
from baler_root.evaluation.report.rounding_offsets import Bounds, lattices

Stage = Callable[[str], Progress | None]
"""Called with what begins; gives what to call with (done, total), or None."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One observable of selected events, before and after, in the same bins."""

    label: str
    """Which events: data, simulation, or signal."""
    before: Histogram
    after: Histogram
    scatter: Floats
    """Standard deviation of what crosses each bin's edges, from events that are not in the same bin before and after."""


@dataclass(frozen=True, slots=True)
class ObservableImpact:
    """One observable."""

    name: str
    shown: Observable
    spectra: tuple[Spectrum, ...]
    every: Movement
    """Of all selected events."""
    signal: Movement
    """Of those of the processes that the analysis calls signal; else of the simulated ones, else of all."""
    difference: Histogram
    """Of after minus before, all selected events, unweighted."""
    shifts: tuple[Shift, ...]
    study_before: Study
    study_after: Study
    study_failure: str
    """Why there is no study; empty where there is one, or the analysis has none."""


@dataclass(frozen=True, slots=True)
class AnalysisImpact:
    """Everything of one analysis."""

    name: str
    title: str
    entries: int
    cuts: tuple[CutMigration, ...]
    selected: Crossing
    processes: Mapping[int, Crossing]
    observables: tuple[ObservableImpact, ...]
    toys: int
    bootstrap: int
    lattices: int
    seed: int
    note: str


def measure(
    analysis: Analysis,
    originals: Sequence[str],
    compressed: Sequence[str],
    bounds: Sequence[Bounds],
    independent: Sequence[str],
    *,
    toys: int,
    bootstrap: int,
    offsets: int,
    seed: int,
    stage: Stage,
) -> AnalysisImpact:
    """Runs the analysis on both sides; raises SourceError, AnalysisError and ConfigError.

    Fits that fail are failed quantities, and a study whose fit fails is reported as failed.
    """
    before = analysis.run(list(originals), stage("analysis of the original"))
    with contextlib.ExitStack() as files:
        opened = [files.enter_context(baler_root.open({path: None})) for path in compressed]
        after = analysis.run(opened, stage("analysis of the compressed file"))
    cuts = migrations(before, after)
    signal = signal_of(before, getattr(analysis.module, "SIGNAL", ()))
    names = [name for name in analysis.observables or before.observables if name in before.observables]
    measures = {name: partial(_measured, analysis, name, signal) for name in names}
    others: dict[str, list[Mapping[str, Quantity]]] = {name: [] for name in names}
    if offsets:
        report = stage("other lattices")
        with tempfile.TemporaryDirectory(prefix="baler-root-report-") as folder:
            found = lattices(analysis, originals, bounds, independent, offsets, Path(folder))
            for number, selection in enumerate(found, 1):
                for name in names:
                    others[name].append(measures[name](selection))
                if report is not None:
                    report(number, offsets)
    return AnalysisImpact(
        analysis.name, analysis.title, len(before), tuple(cuts), selected(before, after), by_process(before, after),
        tuple(
            _observable(
                analysis, name, before, after, signal, measures[name], others[name], toys=toys, bootstrap=bootstrap,
                seed=seed, stage=stage,
            )
            for name in names
        ),
        toys, bootstrap, offsets, seed, str(getattr(analysis.module, "NOTE", "")),
    )  # fmt: skip


def _measured(analysis: Analysis, name: str, signal: Flags, selection: Selection) -> dict[str, Quantity]:
    """What is inferred from an observable, and where its peak is."""
    found = analysis.infer(selection, name) if name in analysis.inferable else {}
    shown = analysis.observables.get(name)
    return {**found, **peak(selection, name, shown.unit if shown else "", signal)}


def _observable(
    analysis: Analysis,
    name: str,
    before: Selection,
    after: Selection,
    signal: Flags,
    measured: Callable[[Selection], dict[str, Quantity]],
    lattice_results: Sequence[Mapping[str, Quantity]],
    *,
    toys: int,
    bootstrap: int,
    seed: int,
    stage: Stage,
) -> ObservableImpact:
    one, other = measured(before), measured(after)
    found = None
    if bootstrap:
        progress = stage(f"bootstrap of {name}")
        found = replicas(before, after, measured, list(one), number=bootstrap, seed=seed, progress=progress)
    studies, failure = [Study(), Study()], ""
    if name in analysis.inferable and analysis.has_study:
        for side, selection, words in ((0, before, "original"), (1, after, "compressed")):
            try:
                progress = stage(f"study of {name}, {words}")
                studies[side] = analysis.study(selection, name, toys=toys, seed=seed, progress=progress)
            except FitError as error:
                failure = f"{words}: {error}"
    shown = analysis.observables.get(name) or _shown(name, before)
    return ObservableImpact(
        name, shown, tuple(_spectra(shown, name, before, after, signal)),
        movement(before, after, name, np.ones(len(before), np.bool_)), movement(before, after, name, signal),
        _difference(before, after, name), tuple(shifts(one, other, found, lattice_results)), studies[0], studies[1], failure,
    )  # fmt: skip


def _shown(name: str, selection: Selection) -> Observable:
    """Axis of an observable that the analysis does not describe: the middle 98 % of its values."""
    values = selection.observables[name][selection.passing()]
    values = values[np.isfinite(values)]
    if not values.size:
        raise AnalysisError(f"observable {name!r} has no value in any selected event")
    low, high = np.quantile(values, [0.01, 0.99])
    return Observable(name, "", float(low), float(high) if high > low else float(low) + 1.0, 50)


def _spectra(
    shown: Observable, name: str, before: Selection, after: Selection, signal: Flags
) -> list[Spectrum]:
    edges = np.linspace(shown.low, shown.high, shown.bins + 1)
    data = before.process == 0
    groups = [("data", data), ("simulated signal", signal & ~data), ("simulation", ~data & ~signal)]
    return [
        Spectrum(
            label,
            histogram_of(before, name, edges, chosen),
            histogram_of(after, name, edges, chosen),
            _scatter(before, after, name, edges, chosen),
        )
        for label, chosen in groups
        if (chosen & before.passing()).any()
    ]


def _scatter(before: Selection, after: Selection, name: str, edges: Floats, chosen: Flags) -> Floats:
    """Root of the summed squares of the weights that a bin wins or loses."""
    bins = []
    for selection in (before, after):
        index = np.full(len(selection), -1)
        usable = selection.passing() & chosen & np.isfinite(selection.observables[name])
        index[usable] = np.searchsorted(edges, selection.observables[name][usable], side="right") - 1
        index[index >= len(edges) - 1] = -1
        bins.append(index)
    crossed = bins[0] != bins[1]
    squares = np.zeros(len(edges) - 1)
    for index, selection in zip(bins, (before, after), strict=True):
        kept = crossed & (index >= 0)
        squares += np.bincount(index[kept], selection.weights[kept] ** 2, len(edges) - 1)
    return np.sqrt(squares)


def _difference(before: Selection, after: Selection, name: str) -> Histogram:
    both = before.passing() & after.passing()
    values = after.observables[name][both] - before.observables[name][both]
    values = values[np.isfinite(values)]
    reach = float(np.quantile(np.abs(values), 0.995)) if values.size else 0.0
    reach = reach or 1e-6
    counts, edges = np.histogram(values, 80, (-reach, reach))
    return Histogram(edges, counts.astype(np.float64), counts.astype(np.float64))
