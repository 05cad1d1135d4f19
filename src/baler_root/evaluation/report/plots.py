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
    """All figures of the report that are not empty."""
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
    for spectrum in observable.spectra:
        yield analysis_plots.spectrum(observable, spectrum)
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
    """Points for the first observable with a Z, which ROOT files keep and the compressed file may change."""
    if report.impact is None:
        return []
    shifts = (shift for observable in report.impact.observables for shift in observable.shifts)
    shift = next((shift for shift in shifts if shift.name == "Z"), None)
    if shift is None:
        return []
    original = sum(pair.cost.original for pair in report.pairs)
    points = [
        Point(
            f"ROOT {root.compression}", "ROOT, lossless",
            sum(pair.cost.root[k].as_is for pair in report.pairs) / original, z=shift.before.value,
        )
        for k, root in enumerate(report.pairs[0].cost.root)
    ]  # fmt: skip
    size = sum(pair.cost.compressed for pair in report.pairs) / original
    this = Point("this file", "this file", size, z=shift.after.value, z_error=shift.paired_error)
    others = [
        Point("other offset", "other rounding offsets", size, z=shift.before.value + moved)
        for moved in shift.offset_shifts
    ]
    return [*points, this, *others]


def _relative(bound: str) -> float:
    kind, _, value = bound.partition("=")
    return float(value) if kind == "rel" else math.nan
