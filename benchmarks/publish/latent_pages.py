"""Tables of docs/measurements/latent-codecs.md; `pages` writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.publish.markdown import NOT_YET, kb, number, table
from benchmarks.record import results
from benchmarks.record.latent_files import PARTS
from benchmarks.run import latents

RESIDUALS = {None: "", "bounded": ", residual", "none": ", missed rows", "lossless": ", residual"}
MODELS = {
    "nothing learned": "none",
    "learned from itself": "trained on this file",
    "model inside": "of other files, inside",
    "model beside": "of other files, in another file",
    "model beside, 1% flagged": "in another file, 1 % outlier rows",
}
"""Words for the ways of the benchmark `transfer`."""

ROWS = {"learned from": "of the training", "unseen": "unseen", "flagged": "outlier rows", "others": "others"}
"""Words for files and rows of the benchmark `outlier_rows`."""


def sizes() -> list[str]:
    """Table of all codecs and residuals at all bounds."""
    rows = [row for row in results.rows("latents") if row["asked"] is None]
    if not rows:
        return NOT_YET
    lines_out = [
        "Bits per row: latents / residual / missed rows / low bits of exact floats, and the share of missed rows. Decoding in",
        "MB of arrays per second of processor time, one thread.",
    ]
    for file, bounds in latents.MATRIX.items():
        lines = []
        for bound in bounds:
            for row in (row for row in rows if (row["file"], row["bound"]) == (file, bound)):
                used = row["latents"] is not None
                lines.append(
                    [
                        bound,
                        f"`{row['codec']}`{RESIDUALS[row['residual']]}",
                        kb(row["size"]) + (" *" if row["residual"] and not used else ""),
                        number(row["/ conditional"], 2),
                        f"{kb(row['model bytes'])} ({row['model %']:.1f} %)" if row["model bytes"] else "–",
                        " / ".join(number(row[f"{part} bits/row"]) for part in PARTS) if used else "–",
                        number(row["missed %"]) if row["residual"] == "none" and used else "–",
                        number(row["training s"], 0),
                        number(row["decode MB/s"], 0),
                    ]
                )
        head = (
            "bound", "codec", "file, kB", "of `conditional`", "model, kB", "bits", "missed %", "training, s", "decoding",
        )  # fmt: skip
        lines_out += ["", f"**{file}**", "", *table(head, lines)]
    if any(row["residual"] and row["latents"] is None for row in rows):
        lines_out += ["", "\\* with latents the file would have been larger, so `classic` was used."]
    return lines_out


def sweep() -> list[str]:
    """Table of bits of latents and of the residual, by number of latents."""
    file, bound, codec, residual = latents.SWEPT
    rows = [
        row
        for row in results.rows("latents")
        if (row["file"], row["bound"], row["codec"], row["residual"]) == (file, bound, codec, residual)
    ]
    if not rows:
        return NOT_YET
    rows.sort(key=lambda row: row["latents"])
    lines = [
        [
            str(row["latents"]), number(row["latents bits/row"], 2), number(row["residual bits/row"], 2),
            number(row["latents bits/row"] + row["residual bits/row"], 2), kb(row["model bytes"]), kb(row["size"]),
            number(row["/ conditional"], 3),
        ]
        for row in rows
    ]  # fmt: skip
    head = ("latents", "bits of latents", "residual", "sum", "model, kB", "file, kB", "of `conditional`")
    return [f"`{codec}` of {file} at `{bound}`, bits per row.", "", *table(head, lines)]


def transfers() -> list[str]:
    """Table of models applied to files that they were not trained on."""
    rows = results.rows("transfer")
    if not rows:
        return NOT_YET
    lines = [
        [
            str(row["file"] or row["group"]), row["bound"], f"`{row['codec']}`", MODELS[row["way"]], kb(row["size"]),
            number(row["/ classic"], 2), kb(row["model bytes"]), number(row["largest error / bound"], 4),
            number(row["rms error / bound"], 2), number(row["flagged %"], 2),
        ]
        for row in rows
    ]  # fmt: skip
    head = (
        "file", "bound", "codec", "model", "file, kB", "of `classic`", "model, kB", "largest error", "RMS error", "outlier rows, %",
    )  # fmt: skip
    return ["Errors are in units of the bound.", "", *table(head, lines)]


def outlier_rows() -> list[str]:
    """Table of bits per row of outlier rows and of other rows."""
    rows = results.rows("outlier_row_bits")
    if not rows:
        return NOT_YET
    lines = [
        [
            str(row["clusters"]), ROWS[row["files"]], ROWS[row["rows"]], f"{row['number']:,}",
            number(row["bits/row with the model"]), number(row["bits/row classic"]),
        ]
        for row in rows
    ]  # fmt: skip
    head = ("clusters", "files", "rows", "number", "bits per row with the model", "`classic`")
    return table(head, lines)


def retrieval() -> list[str]:
    """Table of the share of signal among the highest scores."""
    rows = results.rows("outlier_row_retrieval")
    if not rows:
        return NOT_YET

    def cells(row: dict[str, Any]) -> list[str]:
        return [
            row["background"], str(row["clusters"]), number(row["top %"]), str(row["rows"]),
            number(row["signal among them %"]), number(row["signal in all %"]), number(row["times as much"], 2),
            number(row["AUC"], 3),
        ]  # fmt: skip

    head = (
        "background", "clusters", "highest scores, %", "rows", "signal in them, %", "in all rows, %", "ratio", "AUC",
    )  # fmt: skip
    return table(head, map(cells, rows))


def mass_loss() -> list[str]:
    """Table of training with and without a mass in the loss; means over seeds."""
    rows = results.rows("mass_loss")
    if not rows:
        return NOT_YET
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["bound"], row["residual"], row["term"]), []).append(row)

    def cells(key: tuple[str, ...], group_rows: list[dict[str, Any]]) -> list[str]:
        bound, residual, term = key

        def mean(name: str) -> float:
            return float(np.mean([row[name] for row in group_rows]))

        return [
            bound, f"`{residual}`", term, kb(mean("size")),
            number(mean("latents bits/row")), number(mean("residual bits/row") + mean("missed bits/row")),
            number(mean("file: RMS of mass %"), 2), number(mean("latents: RMS of mass %")),
            number(mean("latents: 68 % of masses %")),
        ]  # fmt: skip

    head = (
        "bound", "`--residual`", "mass in training", "file, kB", "latents, bits", "rest, bits", "mass in the file, RMS %",
        "from latents alone, RMS %", "68 % are within, %",
    )  # fmt: skip
    return table(head, [cells(key, group_rows) for key, group_rows in groups.items()])


def normalisations() -> list[str]:
    """Table of normalisations of network inputs."""
    rows = results.rows("normalisation")
    if not rows:
        return NOT_YET
    lines = [
        [
            row["file"], row["bound"], row["normalisation"], number(row["latents bits/row"]),
            number(row["residual bits/row"]), number(row["latents bits/row"] + row["residual bits/row"]), kb(row["size"]),
        ]
        for row in rows
    ]  # fmt: skip
    return table(("file", "bound", "inputs", "latents, bits", "residual, bits", "sum", "file, kB"), lines)


BLOCKS: dict[str, Callable[[], list[str]]] = {
    "latents": sizes,
    "sweep": sweep,
    "transfer": transfers,
    "outlier_rows": outlier_rows,
    "retrieval": retrieval,
    "mass_loss": mass_loss,
    "normalisation": normalisations,
}
