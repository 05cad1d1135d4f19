"""A picture of what firmware takes: bits, resources, latency beside others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baler_root.fpga.build.published import ANCHORS
from baler_root.fpga.build.report import Report
from baler_root.fpga.build.tools import package

OWN, OTHER = "#1f5fa8", "#b8c4d0"


def draw(report: Report, path: Path) -> None:
    """Write a PNG; raises MissingExtraError without matplotlib."""
    package("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    bits, resources, latency = figure.subplots(1, 3)
    shape = "→".join(str(n) for n in report.to_json()["network"])
    figure.suptitle(f"{shape}, {report.target.name} at {report.clock:g} MHz", fontsize=11)
    _bits(report, bits)
    _resources(report, resources)
    _latency(report, latency)
    for axes in (bits, resources, latency):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=150)


def _bars(axes: Any, names: list[str], values: list[float], colours: list[str], texts: list[str]) -> None:
    """Horizontal bars, the first on top, each with what it says."""
    places = list(range(len(names)))
    axes.barh(places, values, color=colours)
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max([*values, 1.0]))
    axes.locator_params(axis="x", nbins=4)
    for place, value, text in zip(places, values, texts, strict=True):
        axes.text(value, place, f" {text}", va="center", fontsize=8)


def _bits(report: Report, axes: Any) -> None:
    known = {figure.what: figure for figure in report.figures()}
    shown = ["bits in, per row", "bits out, per row", "bits on the wire, per row"]
    figures = [known[name] for name in shown]
    names = [name.removesuffix(", per row") for name in shown]
    values = [figure.value or 0.0 for figure in figures]
    _bars(axes, names, values, [OTHER, OWN, OWN], [figure.text for figure in figures])
    axes.set_title("Bits of a row", fontsize=10)


def _resources(report: Report, axes: Any) -> None:
    figures = [
        figure
        for figure in report.figures()
        if figure.value is not None
        and figure.how.startswith("estimated")
        and figure.what.startswith(("LUT,", "FF,"))
    ]
    axes.set_title("Cells", fontsize=10)
    if not figures:
        axes.text(0.5, 0.5, "not known here", ha="center", transform=axes.transAxes)
        return
    names = [f"{figure.what}\n({figure.how.removeprefix('estimated by ')})" for figure in figures]
    values = [figure.value or 0.0 for figure in figures]
    _bars(axes, names, values, [OWN] * len(values), [figure.text for figure in figures])


def _latency(report: Report, axes: Any) -> None:
    others = [anchor for anchor in ANCHORS if anchor.latency is not None]
    names = [anchor.work.partition(",")[0] for anchor in others]
    values = [anchor.latency or 0.0 for anchor in others]
    colours = [OTHER] * len(others)
    texts = [f"{value:g} ns, published" for value in values]
    if report.latency is not None:
        names.insert(0, "this network")
        values.insert(0, report.latency)
        colours.insert(0, OWN)
        texts.insert(0, f"{report.latency:g} ns, if the clock is met")
    _bars(axes, names, values, colours, texts)
    axes.set_xlim(0, 1.9 * max(values))
    axes.set_title("Latency [ns]", fontsize=10)
