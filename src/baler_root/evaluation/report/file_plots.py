"""Figures of files: errors of branches, correlations, and sizes compared with other files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baler_root.evaluation.report.figures import (
    AFTER,
    DASHES,
    FOURTH,
    INK,
    THIRD,
    Plot,
    finished,
    label,
    new_figure,
)
from baler_root.evaluation.report.results import PairReport

RESIDUALS = 12
"""Most branches in the figure of errors."""

MATRIX = 40
"""Most columns in the figure of correlations: those that change most."""


@dataclass(frozen=True, slots=True)
class Point:
    """One file in a plot against size or bound; unknown numbers are NaN."""

    label: str
    series: str
    """Name of the series; its points are connected."""
    size: float
    """Size as a share of the original file."""
    bound: float = math.nan
    z: float = math.nan
    z_error: float = math.nan


def residuals(pair: PairReport) -> Plot | None:
    """Errors of the largest branches, in units of their bounds; None if no branch has errors."""
    lossy = [branch for branch in pair.fidelity if branch.errors and sum(branch.errors)]
    lossy.sort(key=lambda branch: -pair.sizes.get(f"{branch.tree}: {branch.name}", 0))
    chosen = lossy[:RESIDUALS]
    if not chosen:
        return None
    columns = min(4, len(chosen))
    rows = math.ceil(len(chosen) / columns)
    figure = new_figure((12, 0.8 + 2.2 * rows))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, branch in zip(grid.flat, chosen, strict=False):
        counts = np.array(branch.errors, np.float64)
        edges = np.linspace(-1.0, 1.0, len(counts) + 1)
        density = counts / counts.sum() / (edges[1] - edges[0])
        axes.stairs(density, edges, color=AFTER, fill=True, alpha=0.6)
        axes.axvline(0.0, color=INK, linewidth=0.8)
        axes.set_title(branch.name, size=13)
        axes.set_ylim(0, max(1.0, 1.15 * float(density.max())))
        axes.tick_params(labelsize=11)
    for axes in list(grid.flat)[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("error / bound", size=16)
    figure.supylabel("density", size=16)
    return finished(
        "residuals",
        f"Errors of the {len(chosen)} largest branches in units of the bound; they are guaranteed to be between −1 and 1.",
        figure,
    )


def correlations(pair: PairReport) -> Plot | None:
    """Change of the correlations in the table that changes most; None if no table has over 100 rows."""
    table = max(
        (change for change in pair.correlations if change.rows > 100),
        key=lambda change: change.largest,
        default=None,
    )
    if table is None:
        return None
    change = np.nan_to_num(table.after - table.before)
    shown = np.sort(np.argsort(-np.abs(change).max(axis=0), kind="stable")[:MATRIX])
    names = [table.columns[k] for k in shown]
    size = len(names)
    figure = new_figure((10, 9))
    axes = figure.subplots()
    reach = table.largest or 1e-12
    image = axes.imshow(
        change[np.ix_(shown, shown)], cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest"
    )
    small = max(5, min(13, 320 // size))
    axes.set_xticks(range(size), names, rotation=90, size=small)
    axes.set_yticks(range(size), names, size=small)
    axes.minorticks_off()
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("change of the correlation coefficient", size=16)
    bar.ax.tick_params(labelsize=13)
    label(axes, table.table)
    return finished(
        "correlations",
        f"Change of correlation coefficients in {table.table}: at most {table.largest:.2g}, RMS {table.rms:.2g}.",
        figure,
    )


def sizes(pairs: Sequence[PairReport]) -> Plot:
    """Bars with the sizes of all files together: ROOT files, and the compressed files."""
    names = [root.compression for root in pairs[0].cost.root]
    as_is = [sum(pair.cost.root[k].as_is for pair in pairs) for k in range(len(names))]
    rounded = [sum(pair.cost.root[k].rounded for pair in pairs) for k in range(len(names))]
    bars = [("original", sum(pair.cost.original for pair in pairs), INK)]
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
        "Size of the file compared with ROOT files of the same events, unchanged and rounded within the bounds.",
        figure,
    )


def size_against_bound(points: Sequence[Point]) -> Plot:
    """Size of files against their error bound."""
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
    return finished("size-against-bound", "Size of the file against error bound.", figure)


def z_against_size(points: Sequence[Point]) -> Plot:
    """Significance against size, with paired errors of the shift."""
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
    label(axes, "bars: paired error of the shift")
    return finished("z-against-size", "Significance against size of the file.", figure)


def _series(points: Sequence[Point]) -> Iterator[tuple[str, dict[str, Any]]]:
    colours, markers = (INK, AFTER, THIRD, FOURTH, "#a06cd5"), "osD^v"
    for k, series in enumerate(dict.fromkeys(point.series for point in points)):
        line = DASHES[k % len(DASHES)] if sum(p.series == series for p in points) > 1 else ""
        yield series, {
            "color": colours[k % 5], "marker": markers[k % 5], "linestyle": line or "none", "markersize": 9
        }  # fmt: skip
