"""The figures of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from baler_root.evaluation.report import analysis_plots, file_plots
from baler_root.evaluation.report.analysis_impact import ObservableImpact
from baler_root.evaluation.report.figures import Plot, styled
from baler_root.evaluation.report.file_plots import Point
from baler_root.evaluation.report.results import PairReport, Report


def plots(report: Report) -> Iterator[Plot]:
    """All figures that there is something to draw in."""
    with styled():
        if report.impact is not None:
            for observable in report.impact.observables:
                yield from _of_observable(observable)
            yield analysis_plots.shifts(report.impact)
            yield analysis_plots.migrations(report.impact)
        yield from filter(
            None, (file_plots.residuals(report.pairs[0]), file_plots.correlations(report.pairs[0]))
        )
        yield file_plots.sizes(report.pairs)
        yield file_plots.size_against_bound(_bound_points(report.pairs))
        if points := _z_points(report):
            yield file_plots.z_against_size(points)


def _of_observable(observable: ObservableImpact) -> Iterator[Plot]:
    for one in observable.spectra:
        yield analysis_plots.spectrum(observable, one)
    yield analysis_plots.movement(observable)
    for name, curve in observable.study_before.curves.items():
        if name in observable.study_after.curves:
            yield analysis_plots.study_curve(observable, name, curve, observable.study_after.curves[name])


def _bound_points(pairs: Sequence[PairReport]) -> list[Point]:
    original = sum(pair.cost.original for pair in pairs)
    points = [
        Point(
            bound,
            "classic, all branches",
            sum(pair.cost.by_bound[bound] for pair in pairs) / original,
            _relative(bound),
        )
        for bound in pairs[0].cost.by_bound
    ]
    default = _relative(str(pairs[0].provenance["rules"]["default"]))
    size = sum(pair.cost.compressed for pair in pairs) / original
    return [*points, Point("this file", "this file", size, default)]


def _z_points(report: Report) -> list[Point]:
    """Of the first observable that has a Z: ROOT files keep it, this file may not."""
    if report.impact is None:
        return []
    found = (shift for one in report.impact.observables for shift in one.shifts if shift.name == "Z")
    shift = next(found, None)
    if shift is None:
        return []
    original = sum(pair.cost.original for pair in report.pairs)
    points = [
        Point(
            f"ROOT {one.compression}", "ROOT, lossless",
            sum(pair.cost.root[k].as_is for pair in report.pairs) / original, z=shift.before.value,
        )
        for k, one in enumerate(report.pairs[0].cost.root)
    ]  # fmt: skip
    size = sum(pair.cost.compressed for pair in report.pairs) / original
    this = Point("this file", "this file", size, z=shift.after.value, z_error=shift.paired_error)
    others = [
        Point("other lattice", "other lattices", size, z=shift.before.value + moved)
        for moved in shift.lattices
    ]
    return [*points, this, *others]


def _relative(bound: str) -> float:
    kind, _, value = bound.partition("=")
    return float(value) if kind == "rel" else math.nan
