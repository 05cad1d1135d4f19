"""The report's plot: bits, resources and latency, the latency beside published results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baler_root.extras import needed
from baler_root.fpga.build.published import PUBLISHED_RESULTS
from baler_root.fpga.build.report import Report

ACCENT, NEUTRAL = "#1f5fa8", "#b8c4d0"
"""Colours of this network's own results, and of all others."""


def draw(report: Report, path: Path) -> None:
    """Write a PNG; raises MissingExtraError without matplotlib."""
    needed("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    bits, resources, latency = figure.subplots(1, 3)
    shape = "→".join(map(str, report.network))
    figure.suptitle(f"{shape}, {report.target.name} at {report.clock:g} MHz", fontsize=11)
    _draw_bits(report, bits)
    _draw_resources(report, resources)
    _draw_latency(report, latency)
    for axes in (bits, resources, latency):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=150)


def _bars(axes: Any, names: list[str], values: list[float], colours: list[str], texts: list[str]) -> None:
    """Horizontal bars with a text each, the first on top."""
    positions = list(range(len(names)))
    axes.barh(positions, values, color=colours)
    axes.set_yticks(positions, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max([*values, 1.0]))
    axes.locator_params(axis="x", nbins=4)
    for position, value, text in zip(positions, values, texts, strict=True):
        axes.text(value, position, f" {text}", va="center", fontsize=8)


def _draw_bits(report: Report, axes: Any) -> None:
    figures = {figure.name: figure for figure in report.figures()}
    names = ["bits in, per row", "bits out, per row", "bits on the wire, per row"]
    _bars(
        axes,
        [name.removesuffix(", per row") for name in names],
        [figures[name].value or 0.0 for name in names],
        [NEUTRAL, ACCENT, ACCENT],
        [figures[name].text for name in names],
    )
    axes.set_title("Bits of a row", fontsize=10)


def _draw_resources(report: Report, axes: Any) -> None:
    figures = [
        figure
        for figure in report.figures()
        if figure.value is not None
        and figure.origin.startswith("estimated")
        and figure.name.startswith(("LUT,", "FF,"))
    ]
    axes.set_title("Cells", fontsize=10)
    if not figures:
        axes.text(0.5, 0.5, "not known here", ha="center", transform=axes.transAxes)
        return
    names = [f"{figure.name}\n({figure.origin.removeprefix('estimated by ')})" for figure in figures]
    values = [figure.value or 0.0 for figure in figures]
    _bars(axes, names, values, [ACCENT] * len(values), [figure.text for figure in figures])


def _draw_latency(report: Report, axes: Any) -> None:
    published = [result for result in PUBLISHED_RESULTS if result.latency is not None]
    names = [result.work.partition(",")[0] for result in published]
    values = [result.latency or 0.0 for result in published]
    colours = [NEUTRAL] * len(published)
    texts = [f"{value:g} ns, published" for value in values]
    if report.latency is not None:
        names.insert(0, "this network")
        values.insert(0, report.latency)
        colours.insert(0, ACCENT)
        texts.insert(0, f"{report.latency:g} ns, if the clock is met")
    _bars(axes, names, values, colours, texts)
    axes.set_xlim(0, 1.9 * max(values))
    axes.set_title("Latency [ns]", fontsize=10)
