"""The figures of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from baler_root.report import analysis_plots, file_plots
from baler_root.report.build import PairReport, Report
from baler_root.report.drawing import Plot, styled
from baler_root.report.file_plots import Point
from baler_root.report.impact import ObservableImpact


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
<<<<<<< HEAD
            yield study_curve(observable, name, curve, observable.study_after.curves[name])


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
        markersize=5,
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
    largest = float(np.max(deviation[one.before.variances > 0], initial=0.0))
    return finished(
        f"spectrum-{observable.name}-{one.label.replace(' ', '-')}",
        f"{shown.label}: {one.label} before and after; no bin moves by more than {100 * largest:.2g} % of its "
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


def residuals(pair: PairReport) -> Plot | None:
    """The errors of the branches that take most space, in units of their bounds."""
    lossy = [one for one in pair.fidelity if one.errors and sum(one.errors)]
    lossy.sort(key=lambda one: -pair.sizes.get(f"{one.tree}: {one.name}", 0))
    chosen = lossy[:RESIDUALS]
    if not chosen:
        return None
    columns = min(4, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    figure = new_figure((12, 0.8 + 2.2 * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, one in zip(grid.flat, chosen, strict=False):
        counts = np.array(one.errors, np.float64)
        edges = np.linspace(-1.0, 1.0, len(counts) + 1)
        density = counts / counts.sum() / (edges[1] - edges[0])
        axes.stairs(density, edges, color=AFTER, fill=True, alpha=0.6)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_title(one.name, size=13)
        axes.set_ylim(0, max(1.0, 1.15 * float(density.max())))
        axes.tick_params(labelsize=11)
    for axes in list(grid.flat)[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("error / bound", size=16)
    figure.supylabel("density", size=16)
    return finished(
        "residuals",
        f"Errors in units of the bound, of the {len(chosen)} branches that take most space; between −1 and 1 by guarantee.",
        figure,
    )


def correlations(pair: PairReport) -> Plot | None:
    """The change of the correlation matrix of the table in which most changes."""
    found = max(
        (one for one in pair.correlations if one.rows > 100), key=lambda one: one.largest, default=None
    )
    if found is None:
        return None
    size = len(found.columns)
    figure = new_figure((10, 9))
    axes = figure.subplots()
    reach = found.largest or 1e-12
    image = axes.imshow(
        found.after - found.before, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest"
    )
    small = max(5, min(13, 320 // size))
    axes.set_xticks(range(size), found.columns, rotation=90, size=small)
    axes.set_yticks(range(size), found.columns, size=small)
    axes.minorticks_off()
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("change of the correlation coefficient", size=16)
    bar.ax.tick_params(labelsize=13)
    label(axes, found.table)
    return finished(
        "correlations",
        f"Change of correlation coefficients in {found.table}: at most {found.largest:.2g}, RMS {found.rms:.2g}.",
        figure,
    )


def sizes(pairs: Sequence[PairReport]) -> Plot:
    """Bars of the sizes of all files together: ROOT files, and this one."""
    names = [one.compression for one in pairs[0].cost.root]
    as_is = [sum(pair.cost.root[k].as_is for pair in pairs) for k in range(len(names))]
    rounded = [sum(pair.cost.root[k].rounded for pair in pairs) for k in range(len(names))]
    bars = [("as it came", sum(pair.cost.original for pair in pairs), INK)]
    bars += [(f"ROOT {name}", size, THIRD) for name, size in zip(names, as_is, strict=True)]
    bars += [(f"ROOT {name}, rounded", size, FOURTH) for name, size in zip(names, rounded, strict=True)]
    bars.append((".baler", sum(pair.cost.compressed for pair in pairs), AFTER))
    figure = new_figure((10, 1.4 + 0.55 * len(bars)))
    axes = figure.subplots()
    values = [size / 1e6 for _, size, _ in bars]
    axes.barh(range(len(bars)), values, color=[colour for *_, colour in bars], height=0.65)
    for y, value in enumerate(values):
        axes.text(value, y, f" {value:.3g}", va="center", size=14)
    axes.set_yticks(range(len(bars)), [name for name, *_ in bars])
    axes.minorticks_off()
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * max(values))
    axes.set_xlabel("MB")
    label(axes, "rounded: within the same bounds")
    return finished(
        "sizes",
        "Size of the file beside ROOT files of the same events, as they are and rounded within the bounds.",
        figure,
    )


def size_against_bound(points: Sequence[Point]) -> Plot:
    """Size of files with different bounds."""
    figure = new_figure()
    axes = figure.subplots()
    for series, style in _series(points):
        chosen = sorted(
            (p for p in points if p.series == series and math.isfinite(p.bound)), key=lambda p: p.bound
        )
        axes.plot([p.bound for p in chosen], [p.size for p in chosen], label=series, **style)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("relative error bound")
    axes.set_ylabel("size / original file")
    axes.legend()
    label(axes)
    return finished("size-against-bound", "Size against error bound.", figure)


def z_against_size(points: Sequence[Point]) -> Plot:
    """Significance against size, with paired errors."""
    figure = new_figure()
    axes = figure.subplots()
    for series, style in _series(points):
        chosen = sorted(
            (p for p in points if p.series == series and math.isfinite(p.z)), key=lambda p: p.size
        )
        errors = [p.z_error if math.isfinite(p.z_error) else 0.0 for p in chosen]
        axes.errorbar([p.size for p in chosen], [p.z for p in chosen], errors, label=series, **style)
    axes.set_xlim(left=0)
    axes.set_xlabel("size / original file")
    axes.set_ylabel("Z")
    axes.legend()
    label(axes, "bars: paired error of the difference to the original")
    return finished("z-against-size", "Significance against size.", figure)


def _series(points: Sequence[Point]) -> Iterator[tuple[str, dict[str, Any]]]:
    colours, markers = (INK, AFTER, THIRD, FOURTH, "#a06cd5"), "osD^v"
    for k, series in enumerate(dict.fromkeys(point.series for point in points)):
        line = DASHES[k % len(DASHES)] if sum(p.series == series for p in points) > 1 else ""
        yield series, {
            "color": colours[k % 5], "marker": markers[k % 5], "linestyle": line or "none", "markersize": 9
        }  # fmt: skip
=======
            yield analysis_plots.study_curve(observable, name, curve, observable.study_after.curves[name])
>>>>>>> refs/heads/report


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
