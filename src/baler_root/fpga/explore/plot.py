"""The plot of a scan: errors and resolutions of branches against LUTs and against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baler_root.extras import needed
from baler_root.fpga.explore.point import ScanPoint

COLUMNS = ("luts", "latency")
"""Attribute of a point on the horizontal axis of each column of panels."""


def draw(points: Sequence[ScanPoint], path: Path, rows: str) -> None:
    """Write the plot; `rows` names the measured rows in its title.

    Raises MissingExtraError without matplotlib.

    The first row of panels has errors, the second one resolutions, if there are any.
    """
    needed("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    branches = list(points[0].responses)
    count = 2 if branches else 1
    figure = Figure(figsize=(11, 0.4 + 4.1 * count), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"From latents alone, {rows}", fontsize=10)
    panels = figure.subplots(count, 2, sharex="col", sharey="row", squeeze=False)
    for panel, key in zip(panels[0], COLUMNS, strict=True):
        _scatter(panel, points, key, [point.error for point in points], "C{n}", "{latents} latents")
    front = sorted((point.luts, point.error) for point in points if point.on_front)
    panels[0, 0].plot(*zip(*front, strict=True), color="0.5", lw=1, label="Pareto front")
    panels[0, 0].set_ylabel("error on the axes, RMS")
    if branches:
        for panel, key in zip(panels[1], COLUMNS, strict=True):
            for number, name in enumerate(branches):
                resolutions = [point.responses[name] for point in points]
                percent = [None if value is None else 100 * value for value in resolutions]
                _scatter(panel, points, key, percent, f"C{number + 2}", f"{name}, {{latents}} latents")
        panels[1, 0].set_ylabel("resolution [%]: half of the shortest\n68 % interval of decoded / original")
    origin = " and ".join(sorted({point.estimated_by for point in points}))
    panels[-1, 0].set(xlabel=f"LUTs (estimated by {origin})", xscale="log")
    panels[-1, 1].set_xlabel(f"latency [ns] (estimated by {origin})")
    for panel in panels[:, 0]:
        panel.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _scatter(
    panel: Any,
    points: Sequence[ScanPoint],
    key: str,
    heights: Sequence[float | None],
    colour: str,
    label: str,
) -> None:
    """Points with their names, one marker per number of latents; points without a height are left out."""
    sizes = sorted({point.latents for point in points})
    for n, (latents, marker) in enumerate(zip(sizes, "os^Dv<>ph*", strict=False)):
        shown = [
            (getattr(point, key), height, point.name)
            for point, height in zip(points, heights, strict=True)
            if point.latents == latents and height is not None
        ]
        panel.scatter(
            [x for x, _, _ in shown],
            [y for _, y, _ in shown],
            marker=marker,
            color=colour.format(n=n),
            label=label.format(latents=latents),
        )
        for x, y, name in shown:
            panel.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
    panel.grid(alpha=0.3)
