"""Figures of an analysis: spectra before and after, how far events move, shifts of results, migrations."""

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


def spectrum(observable: ObservableImpact, one: Spectrum) -> Plot:
    """The spectrum before and after, and their ratio below."""
    figure = new_figure((9, 8))
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1]})
    hep = needed("mplhep")
    before, after = _hist(one.before), _hist(one.after)
    hep.histplot(before, ax=upper, color=BEFORE, label="original", histtype="step", yerr=False, linewidth=2)
    hep.histplot(
        after,
        ax=upper,
        color=AFTER,
        label="compressed",
        histtype="errorbar",
        markersize=8,
        yerr=False,
        xerr=False,
    )
    shown = observable.shown
    width = one.before.edges[1] - one.before.edges[0]
    upper.set_ylabel(f"{one.label} / {width:.3g} {shown.unit}".rstrip())
    upper.set_ylim(0, 1.35 * max(float(one.before.counts.max()), float(one.after.counts.max()), 1e-9))
    upper.set_xlabel("")
    upper.legend(loc="upper right")
    label(upper, one.label)
    with np.errstate(all="ignore"):
        ratio = np.where(one.before.counts > 0, one.after.counts / one.before.counts, np.nan)
        error = np.where(one.before.counts > 0, one.scatter / one.before.counts, np.nan)
        statistical = np.where(one.before.counts > 0, np.sqrt(one.before.variances) / one.before.counts, 0.0)
    lower.fill_between(
        np.repeat(one.before.edges, 2)[1:-1], np.repeat(1 - statistical, 2), np.repeat(1 + statistical, 2),
        color="gray", alpha=0.3, linewidth=0,
    )  # fmt: skip
    lower.axhline(1.0, color=BEFORE, linewidth=1)
    lower.errorbar(one.before.centres, ratio, error, fmt="o", color=AFTER, markersize=4, linewidth=1.2)
    full = one.before.counts > 0.05 * one.before.counts.max()
    reach = float(np.nanmax((np.abs(ratio - 1) + error)[full], initial=0.0))
    reach = max(1e-4, 1.3 * min(reach, 0.5))
    lower.set_ylim(1 - reach, 1 + reach)
    lower.set_ylabel("ratio")
    lower.set_xlabel(_axis(observable))
    lower.set_xlim(one.before.edges[0], one.before.edges[-1])
    deviation = np.abs(one.after.counts - one.before.counts) / np.sqrt(
        np.maximum(one.before.variances, 1e-300)
    )
    largest = float(np.max(deviation[full & (one.before.variances > 0)], initial=0.0))
    return finished(
        f"spectrum-{observable.name}-{one.label.replace(' ', '-')}",
        f"{shown.label}: {one.label} before and after; no well filled bin moves by more than {100 * largest:.2g} % of its "
        "statistical error (band). Bars: scatter by events that change bins.",
        figure,
    )


def movement(observable: ObservableImpact) -> Plot:
    """How far the observable moves, event by event."""
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
    every = observable.every
    return finished(
        f"movement-{observable.name}",
        f"{observable.shown.label}, event by event: mean {every.mean:+.2g} ± {every.mean_error:.2g} {unit}, "
        f"RMS {every.rms:.3g} {unit}, at most {every.largest:.3g} {unit}.",
        figure,
    )


def study_curve(observable: ObservableImpact, name: str, before: Curve, after: Curve) -> Plot:
    """A curve of the study, on both sides."""
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
        f"{name} of {observable.shown.label}: solid original, dashed compressed.",
        figure,
    )


def shifts(impact: AnalysisImpact) -> Plot:
    """All shifts in units of the statistical error, with paired errors, and those on other lattices."""
    rows = [(one.name, shift) for one in impact.observables for shift in one.shifts]
    figure = new_figure((10, 1.6 + 0.5 * len(rows)))
    axes = figure.subplots()
    axes.axvline(0.0, color=INK, linewidth=1)
    for y, (_, shift) in enumerate(rows):
        own = shift.statistical_error
        if not (math.isfinite(own) and own > 0 and math.isfinite(shift.shift)):
            axes.text(0.0, y, " not measured", va="center", size="small")
            continue
        axes.plot(
            np.array(shift.lattices) / own, [y] * len(shift.lattices), "|", color=THIRD, markersize=14, mew=2
        )
        error = shift.paired_error / own if math.isfinite(shift.paired_error) else 0.0
        axes.errorbar(shift.relative, y, xerr=error, fmt="o", color=AFTER, markersize=8)
    axes.set_yticks(range(len(rows)), [f"{shift.name}, {name}" for name, shift in rows])
    axes.minorticks_off()
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("shift / statistical error")
    label(axes, "dots: this file; ticks: other lattices")
    return finished(
        "shifts",
        "Shifts of all results in units of their statistical error, with paired bootstrap errors.",
        figure,
    )


def migrations(impact: AnalysisImpact) -> Plot:
    """Entries that cross each cut, in and out."""
    cuts = impact.cuts
    figure = new_figure((10, 1.6 + 0.6 * len(cuts)))
    axes = figure.subplots()
    rows = np.arange(len(cuts))
    axes.barh(rows, [cut.cumulative.came for cut in cuts], color=THIRD, label="in", height=0.6)
    axes.barh(rows, [-cut.cumulative.went for cut in cuts], color=AFTER, label="out", height=0.6)
    axes.axvline(0.0, color=INK, linewidth=1)
    axes.set_yticks(rows, [cut.cut for cut in cuts])
    axes.minorticks_off()
    axes.set_ylim(len(cuts) - 0.4, -0.6)
    reach = max([1, *(max(cut.cumulative.came, cut.cumulative.went) for cut in cuts)])
    axes.set_xlim(-1.25 * reach, 1.25 * reach)
    axes.set_xlabel("entries that come in or go out, with all cuts before")
    axes.legend()
    label(axes, impact.title)
    crossed = impact.selected
    return finished(
        "migrations",
        f"Of {crossed.before} selected entries {crossed.went} go out and {crossed.came} come in.",
        figure,
    )


def _axis(observable: ObservableImpact) -> str:
    shown = observable.shown
    return f"{shown.label} [{shown.unit}]" if shown.unit else shown.label


def _hist(found: Histogram) -> Any:
    hist = needed("hist")
    edges = found.edges
    out = hist.Hist(hist.axis.Regular(len(edges) - 1, edges[0], edges[-1]), storage=hist.storage.Weight())
    out.view().value = found.counts
    out.view().variance = found.variances
    return out
