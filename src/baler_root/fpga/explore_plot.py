"""The picture of a scan: errors against LUTs and against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baler_root.fpga.tools import package

if TYPE_CHECKING:
    from baler_root.fpga.explore import Point


def draw(points: Sequence[Point], path: Path) -> None:
    """Write the picture; raises MissingExtraError without matplotlib."""
    package("matplotlib", "report")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    by = " and ".join(sorted({point.estimated_by for point in points}))
    for panel, key in ((left, "luts"), (right, "latency")):
        for latents, marker in zip(sorted({point.latents for point in points}), "os^Dv<>ph*", strict=False):
            own = [point for point in points if point.latents == latents]
            values = [getattr(point, key) for point in own]
            panel.scatter(values, [point.error for point in own], marker=marker, label=f"{latents} latents")
            for point, value in zip(own, values, strict=True):
                panel.annotate(
                    point.name, (value, point.error), xytext=(4, 4), textcoords="offset points", fontsize=7
                )
        panel.grid(alpha=0.3)
    front = sorted((point.luts, point.error) for point in points if point.on_front)
    left.plot(*zip(*front, strict=True), color="0.5", lw=1, label="Pareto front")
    left.set(xlabel=f"LUTs (estimated by {by})", ylabel="error on the axes, RMS", xscale="log")
    right.set(xlabel=f"latency [ns] (estimated by {by})")
    left.legend(fontsize=8)
    figure.savefig(path, dpi=110)
