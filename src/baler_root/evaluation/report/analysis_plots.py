"""Figures of an analysis: spectra before and after, movements of events, shifts of results, migrations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.study import Curve
from baler_root.evaluation.report.analysis_impact import AnalysisImpact, ObservableImpact, Spectrum
from baler_root.evaluation.report.figures import (
    AFTER,
    BEFORE,
    DASHES,
    FOURTH,
    INK,
    THIRD,
    Plot,
    finished,
    label,
    new_figure,
)
from baler_root.extras import needed


def spectrum(observable: ObservableImpact, compared: Spectrum) -> Plot:
    """The spectrum before and after, with their ratio below."""
    figure = new_figure((9, 8))
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    hep = needed("mplhep")
    before, after = compared.before, compared.after
    hep.histplot(
        _hist(before), ax=upper, color=BEFORE, label="original", histtype="step", yerr=False, linewidth=2
    )
    hep.histplot(
        _hist(after),
        ax=upper,
        color=AFTER,
        label="compressed",
        histtype="errorbar",
        markersize=8,
        yerr=False,
        xerr=False,
    )
    shown = observable.shown
    width = before.edges[1] - before.edges[0]
    upper.set_ylabel(f"{compared.label} / {width:.3g} {shown.unit}".rstrip())
    upper.set_ylim(0, 1.35 * max(float(before.counts.max()), float(after.counts.max()), 1e-9))
    upper.set_xlabel("")
    upper.legend(loc="upper right")
    label(upper, compared.label)
    filled = before.counts > 0
    with np.errstate(all="ignore"):
        ratio = np.where(filled, after.counts / before.counts, np.nan)
        error = np.where(filled, compared.scatter / before.counts, np.nan)
        statistical = np.where(filled, np.sqrt(before.variances) / before.counts, 0.0)
    lower.fill_between(
        np.repeat(before.edges, 2)[1:-1], np.repeat(1 - statistical, 2), np.repeat(1 + statistical, 2),
        color="gray", alpha=0.3, linewidth=0,
    )  # fmt: skip
    lower.axhline(1.0, color=BEFORE, linewidth=1)
    lower.errorbar(before.centres, ratio, error, fmt="o", color=AFTER, markersize=4, linewidth=1.2)
    well_filled = before.counts > 0.05 * before.counts.max()
    reach = float(np.nanmax((np.abs(ratio - 1) + error)[well_filled], initial=0.0))
    reach = max(1e-4, 1.3 * min(reach, 0.5))
    lower.set_ylim(1 - reach, 1 + reach)
    lower.set_ylabel("ratio")
    lower.set_xlabel(_axis(observable))
    lower.set_xlim(before.edges[0], before.edges[-1])
    deviation = np.abs(after.counts - before.counts) / np.sqrt(np.maximum(before.variances, 1e-300))
    largest = float(np.max(deviation[well_filled & (before.variances > 0)], initial=0.0))
    return finished(
        f"spectrum-{observable.name}-{compared.label.replace(' ', '-')}",
        f"{shown.label}: {compared.label} before and after; no well-filled bin moves by more than {100 * largest:.2g} % of "
        "its statistical error (band). Bars: error from events that change bins.",
        figure,
    )


def movement(observable: ObservableImpact) -> Plot:
    """Distribution of the movement of an observable, event by event."""
    figure = new_figure()
    axes = figure.subplots()
    needed("mplhep").histplot(
        _hist(observable.difference), ax=axes, color=AFTER, histtype="fill", alpha=0.6, yerr=False
    )
    axes.axvline(0.0, color=INK, linewidth=1)
    unit = observable.shown.unit
    axes.set_xlabel(f"compressed − original{f' [{unit}]' if unit else ''}")
    axes.set_ylabel("selected events")
    axes.set_ylim(bottom=0)
    label(axes, observable.shown.label)
    movement = observable.all_selected
    return finished(
        f"movement-{observable.name}",
        f"{observable.shown.label}, event by event: mean {movement.mean:+.2g} ± {movement.mean_error:.2g} {unit}, "
        f"RMS {movement.rms:.3g} {unit}, largest {movement.largest:.3g} {unit}.",
        figure,
    )


def study_curve(observable: ObservableImpact, name: str, before: Curve, after: Curve) -> Plot:
    """A curve of the study, before and after."""
    figure = new_figure()
    axes = figure.subplots()
    colours = (BEFORE, THIRD, FOURTH, "#a06cd5")
    for k, (words, line) in enumerate(before.lines.items()):
        colour = colours[k % len(colours)]
        axes.plot(before.x, line, color=colour, label=words)
        if words in after.lines:
            axes.plot(
                after.x, after.lines[words], color=AFTER if k == 0 else colour, linestyle=DASHES[1],
                label=f"{words}, compressed",
            )  # fmt: skip
    if before.log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(before.x_label)
    axes.set_ylabel(before.y_label)
    axes.legend()
    label(axes, f"{observable.name}: {name}")
    return finished(
        f"{name}-{observable.name}",
        f"{name} of {observable.shown.label}: original solid, compressed dashed.",
        figure,
    )


def shifts(impact: AnalysisImpact) -> Plot:
    """All shifts in units of the statistical error, with paired errors, and with other rounding offsets."""
    rows = [(observable.name, shift) for observable in impact.observables for shift in observable.shifts]
    figure = new_figure((10, 1.6 + 0.5 * len(rows)))
    axes = figure.subplots()
    axes.axvline(0.0, color=INK, linewidth=1)
    for y, (_, shift) in enumerate(rows):
        unit = shift.statistical_error
        if not (math.isfinite(unit) and unit > 0 and math.isfinite(shift.shift)):
            axes.text(0.0, y, " not measured", va="center", size="small")
            continue
        others = np.array(shift.offset_shifts) / unit
        axes.plot(others, [y] * len(others), "|", color=THIRD, markersize=14, mew=2)
        error = shift.paired_error / unit if math.isfinite(shift.paired_error) else 0.0
        axes.errorbar(shift.relative, y, xerr=error, fmt="o", color=AFTER, markersize=8)
    axes.set_yticks(range(len(rows)), [f"{shift.name}, {name}" for name, shift in rows])
    axes.minorticks_off()
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("shift / statistical error")
    label(axes, "dots: this file; ticks: other rounding offsets")
    return finished(
        "shifts",
        "Shifts of all results in units of their statistical error, with paired bootstrap errors.",
        figure,
    )


def migrations(impact: AnalysisImpact) -> Plot:
    """Number of entries that enter or leave at each cut."""
    cuts = impact.cuts
    figure = new_figure((10, 1.6 + 0.6 * len(cuts)))
    axes = figure.subplots()
    rows = np.arange(len(cuts))
    axes.barh(rows, [cut.cumulative.gained for cut in cuts], color=THIRD, label="in", height=0.6)
    axes.barh(rows, [-cut.cumulative.lost for cut in cuts], color=AFTER, label="out", height=0.6)
    axes.axvline(0.0, color=INK, linewidth=1)
    axes.set_yticks(rows, [cut.cut for cut in cuts])
    axes.minorticks_off()
    axes.set_ylim(len(cuts) - 0.4, -0.6)
    reach = max([1, *(max(cut.cumulative.gained, cut.cumulative.lost) for cut in cuts)])
    axes.set_xlim(-1.25 * reach, 1.25 * reach)
    axes.set_xlabel("entries that enter or leave, with all earlier cuts")
    axes.legend()
    label(axes, impact.title)
    crossed = impact.selected
    return finished(
        "migrations",
        f"Of {crossed.before} selected entries, {crossed.lost} leave and {crossed.gained} enter.",
        figure,
    )


def _axis(observable: ObservableImpact) -> str:
    shown = observable.shown
    return f"{shown.label} [{shown.unit}]" if shown.unit else shown.label


def _hist(histogram: Histogram) -> Any:
    hist = needed("hist")
    edges = histogram.edges
    filled = hist.Hist(hist.axis.Regular(len(edges) - 1, edges[0], edges[-1]), storage=hist.storage.Weight())
    filled.view().value = histogram.counts
    filled.view().variance = histogram.variances
    return filled
