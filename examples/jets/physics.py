"""Quality of decoded jets: responses, and errors of all variables on their axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import CODE_BITS, symbols_at
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.fpga.link import Link

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

RESPONSE = ("jet_pt", "jet_mass", "jet_mChargedHadronEnergy")
"""Branches whose response, decoded / original, is measured and drawn."""

FULL_BITS = 12
"""Bits of a code at full precision."""


def values_of(link: Link, codes: Codes) -> dict[str, Floats]:
    """Values of the columns, (rows,) each, from full-precision codes on their axes, (rows, columns)."""
    values = {}
    for number, column in enumerate(link.model.columns):
        axis = column.axis
        place = np.clip(np.searchsorted(axis.codes, codes[:, number], side="right") - 1, 0, axis.length - 1)
        quantiser, _ = Quantiser.from_bytes(column.quantiser)
        if quantiser.kind == "exact":
            values[column.name] = (place + axis.low).astype(np.float64)
        else:
            dtype = np.min_scalar_type(quantiser.span - 1)
            values[column.name] = quantiser.values(symbols_at(place, axis.low, dtype)).astype(np.float64)
    return values


def truncated(codes: Codes, bits: int) -> Codes:
    """All codes with an equal share of the bits each; bits that are left over go to the first columns."""
    columns = codes.shape[1]
    bits_per_column = np.full(columns, bits // columns)
    bits_per_column[: bits % columns] += 1
    result = np.empty_like(codes)
    for number, width in enumerate(bits_per_column):
        # Intervals with equal shares of the values, as a front end's table can have, and the median of each.
        column = codes[:, number]
        cuts = np.unique(np.quantile(column, np.arange(1, 1 << width) / (1 << width)).astype(np.int64))
        interval = np.searchsorted(cuts, column, side="right")
        medians = np.array(
            [
                np.median(column[interval == index]) if np.any(interval == index) else 0
                for index in range(len(cuts) + 1)
            ]
        )
        result[:, number] = np.round(medians[interval]).astype(np.int64)
    return result


def best_columns(codes: Codes, bits: int) -> Codes:
    """The first columns at full precision, as many as fit, and the medians of all others."""
    count = bits // FULL_BITS
    result = np.broadcast_to(np.round(np.median(codes, axis=0)).astype(np.int64), codes.shape).copy()
    result[:, :count] = codes[:, :count]
    return result


def measure(methods: dict[str, Codes], link: Link, original: Codes) -> dict[str, Any]:
    """Errors of each method's codes, (rows, columns), against the originals; median and width of
    responses."""
    true = values_of(link, original)
    result: dict[str, Any] = {}
    for name, codes in methods.items():
        errors = (codes - original) / (1 << CODE_BITS)
        decoded = values_of(link, codes)
        responses = {}
        for column in RESPONSE:
            positive = true[column] > 0
            ratio = decoded[column][positive] / true[column][positive]
            low, middle, high = np.percentile(ratio, [16, 50, 84])
            responses[column] = {"median": float(middle), "half_width": float(high - low) / 2}
        result[name] = {"error": float(np.sqrt(np.mean(errors**2))), "responses": responses}
    return result


def draw(methods: dict[str, Codes], link: Link, original: Codes, path: Path) -> None:
    """Draw the responses as histograms."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    true = values_of(link, original)
    decoded = {name: values_of(link, codes) for name, codes in methods.items()}
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, column in zip(figure.subplots(1, len(RESPONSE)), RESPONSE, strict=True):
        positive = true[column] > 0
        for name, values in decoded.items():
            ratio = values[column][positive] / true[column][positive]
            panel.hist(np.clip(ratio, 0.5, 1.5), bins=100, range=(0.5, 1.5), histtype="step", label=name)
        panel.set(title=column, xlabel="decoded / original", ylabel="jets", yscale="log")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
