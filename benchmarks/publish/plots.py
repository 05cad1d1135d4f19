"""Plots of docs/, drawn from stored results by `python -m benchmarks publish plots`.

Writes SVG files to docs/plots/ and, with `--png FOLDER`, PNG files to a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from benchmarks.publish import latent_plots
from benchmarks.publish.pages import FIRST, LAST, PARTS, SHORT, WORDS
from benchmarks.record import results, variants

FOLDER = Path(__file__).parents[2] / "docs" / "plots"

BOUNDS = ("lossless", "rel=1e-4", "rel=1e-3", "rel=1e-2")
LINES = {
    "ttree-lzma9": ("#999999", "s", "--"),
    "rntuple-zstd5": ("#56B4E9", "^", "--"),
    "zfp": ("#CC79A7", "v", "--"),
    "sz3": ("#E69F00", "D", "--"),
    "symbols+pcodec12": ("#009E73", "P", "--"),
}
"""Colour (Okabe and Ito, distinct for colour-blind people), marker and dashes of each rival."""
OURS = (("#0072B2", "o", "-"), ("#D55E00", "o", "-"), ("#000000", "o", "-"), ("#5B3A8E", "o", "-"))

STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "svg.hashsalt": "baler-root",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
}


def bounds() -> Figure | None:
    """Size against bound, one panel per file, from zero."""
    rows = {(row["file"], row["bound"]): row for row in results.rows("size")}
    files = [file for file in SHORT if any((file, bound) in rows for bound in BOUNDS)]
    if not files:
        return None
    figure, axes = plt.subplots(
        2, -(-len(files) // 2), figsize=(9.5, 6.2), squeeze=False, layout="constrained"
    )
    styles = {**LINES, **dict(zip(variants.NAMES, OURS, strict=False))}
    for panel, file in zip(axes.flat, files, strict=False):
        for name, (colour, marker, dashes) in styles.items():
            points = [
                (position, rows[file, bound][name] / 1e6)
                for position, bound in enumerate(BOUNDS)
                if (file, bound) in rows and rows[file, bound][name]
            ]
            if points:
                panel.plot(
                    *zip(*points, strict=True), dashes, color=colour, marker=marker, markersize=4.5,
                    linewidth=2 if name in variants.NAMES else 1.2, label=WORDS.get(name, f".baler {name}"),
                    zorder=3 if name in variants.NAMES else 2,
                )  # fmt: skip
        panel.set_title(SHORT[file], fontsize=10, loc="left")
        panel.set_xticks(range(len(BOUNDS)), [bound.replace("rel=", "") for bound in BOUNDS])
        panel.set_ylim(0)
        panel.margins(x=0.06)
    for panel in axes.flat[len(files) :]:
        panel.set_visible(False)
    for panel in axes[:, 0]:
        panel.set_ylabel("file size [MB]")
    for panel in axes[-1]:
        panel.set_xlabel("relative error bound")
    labels: dict[str, Any] = {}
    for panel in axes.flat:
        labels |= {label: handle for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def branches() -> Figure | None:
    """Size of each branch with the first and the last variant, largest first."""
    rows = [
        row for row in results.rows("branches") if row.get(FIRST) is not None and row.get(LAST) is not None
    ]
    if not rows:
        return None
    about = results.about("branches")["summary"]
    rows.sort(key=lambda row: row[FIRST])
    rows = rows[-40:]
    figure, axes = plt.subplots(figsize=(7.5, 0.9 + 0.24 * len(rows)), layout="constrained")
    for offset, name, (colour, _, _) in ((0.2, FIRST, OURS[0]), (-0.2, LAST, OURS[1])):
        places = [y + offset for y in range(len(rows))]
        axes.barh(places, [row[name] / 1000 for row in rows], 0.4, color=colour, label=name)
    axes.set_yticks(range(len(rows)), [row["branch"] for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("kB in the file, models not counted")
    axes.set_title(f"{SHORT.get(about['file'], about['file'])} at {about['bound']}", fontsize=10, loc="left")
    axes.legend(frameon=False, loc="lower right")
    return figure


def parts() -> Figure | None:
    """Columns, models, other objects and metadata in % of the file of the first variant."""
    rows = [row for row in results.rows("parts") if row["file"] in SHORT]
    if not rows:
        return None
    files = [file for file in SHORT if any(row["file"] == file for row in rows)]
    by_key = {(row["file"], row["variant"]): row for row in rows}
    colours = dict(zip(PARTS, ("#0072B2", "#E69F00", "#56B4E9", "#999999"), strict=True))
    names = variants.NAMES
    step = len(names) + 1.2
    figure, axes = plt.subplots(figsize=(7.5, 1 + 0.2 * step * len(files)), layout="constrained")
    ticks: dict[float, str] = {}
    for position, file in enumerate(files):
        axes.text(0, position * step - 0.9, SHORT[file], weight="bold", va="center")
        reference = by_key[file, FIRST]["file size"]
        for number, name in enumerate(names):
            row, y, left = by_key.get((file, name)), position * step + number, 0.0
            if row is None:
                continue
            ticks[y] = name
            for part, colour in colours.items():
                share = 100 * row[part] / reference
                axes.barh(y, share, 0.85, left, color=colour, label=None if ticks.keys() - {y} else part)
                left += share
            axes.text(left + 0.7, y, f"{row['file size'] / 1e6:.2f} MB", va="center", fontsize=8)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(files) * step - 1, -1.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlim(0)
    axes.set_xlabel(f"% of the {FIRST} file, {results.about('parts')['summary']['bound']}")
    figure.legend(loc="outside upper center", ncols=len(PARTS), frameon=False)
    return figure


PLOTS = {"bounds": bounds, "branches": branches, "parts": parts, **latent_plots.PLOTS}


def main(png: Path | None = None) -> None:
    """Draw all plots with stored results as SVG files; also as PNG files if `png` is a folder."""
    mpl.use("agg")
    mpl.rcParams.update(STYLE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in PLOTS.items():
        figure = draw()
        if figure is None:
            print(f"{name}: skipped, nothing measured yet")
            continue
        # Without a date, equal results give equal files.
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None})
        if png:
            figure.savefig(png / f"{name}.png", dpi=110)
        plt.close(figure)
