"""Plots of codecs that store latents, and of outlier rows; `plots` writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.record import results
from benchmarks.run import latents

COLOURS = {
    "classic": "#0072B2", "conditional": "#000000", "autoencoder": "#D55E00", "transformer": "#009E73",
}  # fmt: skip
DASHES = {None: ("-", "o"), "lossless": ("-", "o"), "bounded": ("-", "o"), "none": (":", "s")}
PROCESSES = {"DY": "#999999", "TT": "#56B4E9", "W1J": "#E69F00", "W2J": "#009E73", "VBF": "#D55E00"}
Rows = list[dict[str, Any]]


def sizes() -> Figure | None:
    """Size against bound, and bits against the number of latents."""
    rows = results.rows("latents")
    files = [file for file in latents.MATRIX if any(row["file"] == file for row in rows)]
    if not files:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    _against_bound(left, [row for row in rows if row["file"] == files[0] and row["asked"] is None], files[0])
    _sweep(right, rows)
    return figure


def _against_bound(panel: Axes, rows: Rows, file: str) -> None:
    bounds = latents.MATRIX[file]
    for codec in dict.fromkeys(row["codec"] for row in rows):
        for residual in (None, "bounded", "none"):
            curve = [
                row for row in rows
                if row["codec"] == codec and (row["residual"] or residual) in (residual, "lossless")
                and not (residual == "none" and row["bound"] == "lossless")
            ]  # fmt: skip
            if residual is None and any(row["residual"] for row in curve):
                continue
            points = [(bounds.index(row["bound"]), row["size"] / 1e6) for row in curve]
            if points and (residual is None) == (codec in latents.WITHOUT):
                dashes, marker = DASHES[residual]
                label = codec if residual is None else f"{codec}, {_words(residual)}"
                panel.plot(
                    *zip(*points, strict=True), dashes, color=COLOURS.get(codec, "#CC79A7"), marker=marker,
                    markersize=4.5, label=label,
                )  # fmt: skip
    panel.set_xticks(range(len(bounds)), [bound.replace("rel=", "") for bound in bounds])
    panel.set_ylim(0)
    panel.set_ylabel("file size [MB]")
    panel.set_xlabel("relative error bound")
    panel.set_title(f"{file}: size against bound", fontsize=10, loc="left")
    panel.legend(frameon=False)


def _words(residual: str) -> str:
    return {"none": "rows missed", "bounded": "residual"}[residual]


def _sweep(panel: Axes, rows: Rows) -> None:
    file, bound, codec, residual = latents.SWEPT
    same_bound = [row for row in rows if (row["file"], row["bound"]) == (file, bound)]
    bars = sorted(
        (
            row
            for row in same_bound
            if (row["codec"], row["residual"]) == (codec, residual) and row["latents"]
        ),
        key=lambda row: row["latents"],
    )
    places = range(len(bars))
    low = [row["latents bits/row"] for row in bars]
    panel.bar(places, low, color="#56B4E9", label="latents")
    panel.bar(
        places, [row["residual bits/row"] for row in bars], bottom=low, color="#0072B2", label="residual"
    )
    for row in same_bound:
        if row["codec"] in latents.WITHOUT and bars:
            bits = 8 * row["size"] / bars[0]["rows"]
            panel.axhline(
                bits, color=COLOURS[row["codec"]], linestyle="--", linewidth=1.2, label=row["codec"]
            )
    panel.set_xticks(places, [str(row["latents"]) for row in bars])
    panel.set_xlabel("latents")
    panel.set_ylabel("bits per row")
    panel.set_title(f"{codec} at {bound}: bits of latents, and left", fontsize=10, loc="left")
    _headroom(panel)


def outlier_rows() -> Figure | None:
    """Scores of each process, size with rows stored exactly, and bits per row of outlier rows and others."""
    scores, costs, bits = (
        results.rows(name) for name in ("outlier_row_scores", "outlier_rows", "outlier_row_bits")
    )
    if not (scores and costs and bits):
        return None
    figure, axes = plt.subplots(2, 2, figsize=(9.5, 7), layout="constrained")
    for panel, clusters in zip(axes[0], _distinct(scores, "clusters"), strict=False):
        for file, colour in PROCESSES.items():
            curve = [row for row in scores if row["file"] == file and row["clusters"] == clusters]
            seen = any(row["learned from"] == "True" for row in costs if row["file"] == file)
            panel.plot(
                [row["score"] for row in curve], [100 * row["share above"] for row in curve],
                "--" if seen else "-", color=colour, label=f"{file}, learned from" if seen else file,
            )  # fmt: skip
        panel.set_yscale("log")
        panel.set_xlabel("score: standard deviations from the nearest centre")
        panel.set_ylabel("rows above [%]")
        panel.set_title(f"{clusters} cluster{'s' if clusters > 1 else ''}", fontsize=10, loc="left")
        panel.legend(frameon=False)
    _cost(axes[1][0], costs)
    _bits(axes[1][1], bits)
    return figure


def _cost(panel: Axes, rows: Rows) -> None:
    for file, colour in PROCESSES.items():
        for clusters, dashes in ((1, "-"), (4, ":")):
            curve = [row for row in rows if row["file"] == file and row["clusters"] in (0, clusters)]
            panel.plot(
                [row["flagged %"] or 0 for row in curve], [row["/ none"] for row in curve], dashes, color=colour,
                marker="o", markersize=3.5, label=file if clusters == 1 else None,
            )  # fmt: skip
    panel.set_xlabel("rows kept exactly [%] (dotted: 4 clusters)")
    panel.set_ylabel("size, of that with none")
    panel.set_title("What it costs", fontsize=10, loc="left")
    panel.legend(frameon=False)


def _bits(panel: Axes, rows: Rows) -> None:
    bars = [row for row in rows if row["clusters"] == 1]
    labels = [f"{row['rows']},\n{row['files']}" for row in bars]
    for offset, name, colour in ((-0.2, "with the model", "#D55E00"), (0.2, "classic", "#0072B2")):
        panel.bar(
            [position + offset for position in range(len(bars))], [row[f"bits/row {name}"] for row in bars], 0.4,
            color=colour, label=name,
        )  # fmt: skip
    panel.set_xticks(range(len(bars)), labels)
    panel.set_ylabel("bits per row")
    panel.set_title("What rows take in files of their own", fontsize=10, loc="left")
    _headroom(panel)


def _headroom(panel: Axes) -> None:
    """Place the legend above the bars."""
    panel.set_ylim(0, 1.22 * panel.get_ylim()[1])
    panel.legend(frameon=False, loc="upper center", ncols=2)


def _distinct(rows: Iterable[dict[str, Any]], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


PLOTS: dict[str, Callable[[], Figure | None]] = {"latents": sizes, "outlier_rows": outlier_rows}
