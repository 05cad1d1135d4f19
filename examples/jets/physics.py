"""What becomes of jets: response, mass, and errors of all variables on their axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import CODE_BITS
from baler_root.format.codecs.conditional.codec import symbols_at
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.fpga.link import Link

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

RESPONSE = ("jet_pt", "jet_mass", "jet_mChargedHadronEnergy")
"""Whose ratio to the original is drawn."""

CENTRAL = 12
"""Bits of a code that is sent whole."""


def values_of(link: Link, codes: Codes) -> dict[str, Floats]:
    """Values of the columns, (rows,) each, of which the codes on their axes, with all bits, are these."""
    out = {}
    for number, column in enumerate(link.model.columns):
        axis = column.axis
        place = np.clip(np.searchsorted(axis.codes, codes[:, number], side="right") - 1, 0, axis.length - 1)
        quantiser, _ = Quantiser.from_bytes(column.quantiser)
        if quantiser.kind == "exact":
            out[column.name] = (place + axis.low).astype(np.float64)
        else:
            dtype = np.min_scalar_type(quantiser.span - 1)
            out[column.name] = quantiser.values(symbols_at(place, axis.low, dtype)).astype(np.float64)
    return out


def truncated(codes: Codes, bits: int) -> Codes:
    """Each code cut to the bits that it has a share of; what is left of a bit goes to the first columns."""
    columns = codes.shape[1]
    each = np.full(columns, bits // columns)
    each[: bits % columns] += 1
    out = np.empty_like(codes)
    for number, kept in enumerate(each):
        # Equal shares of the values, as a front end's table can cut them, and the middle one for all of a share.
        own = codes[:, number]
        cuts = np.unique(np.quantile(own, np.arange(1, 1 << kept) / (1 << kept)).astype(np.int64))
        share = np.searchsorted(cuts, own, side="right")
        middle = np.array(
            [np.median(own[share == at]) if np.any(share == at) else 0 for at in range(len(cuts) + 1)]
        )
        out[:, number] = np.round(middle[share]).astype(np.int64)
    return out


def best_columns(codes: Codes, bits: int) -> Codes:
    """The first columns whole, as many as fit, and the medians of all others."""
    count = bits // CENTRAL
    out = np.broadcast_to(np.round(np.median(codes, axis=0)).astype(np.int64), codes.shape).copy()
    out[:, :count] = codes[:, :count]
    return out


def measure(methods: dict[str, Codes], link: Link, fine: Codes) -> dict[str, Any]:
    """Errors of each way to send codes with all bits (rows, columns), and bias and width of responses."""
    true = values_of(link, fine)
    out: dict[str, Any] = {}
    for name, codes in methods.items():
        wrong = (codes - fine) / (1 << CODE_BITS)
        told = values_of(link, codes)
        responses = {}
        for column in RESPONSE:
            good = true[column] > 0
            low, middle, high = np.percentile(told[column][good] / true[column][good], [16, 50, 84])
            responses[column] = {"median": float(middle), "half_width": float(high - low) / 2}
        out[name] = {"error": float(np.sqrt(np.mean(wrong**2))), "responses": responses}
    return out


def draw(methods: dict[str, Codes], link: Link, fine: Codes, path: Path) -> None:
    """Responses as histograms."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    true = values_of(link, fine)
    told = {name: values_of(link, codes) for name, codes in methods.items()}
    figure = Figure(figsize=(13, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, column in zip(figure.subplots(1, len(RESPONSE)), RESPONSE, strict=True):
        good = true[column] > 0
        for name, values in told.items():
            ratio = values[column][good] / true[column][good]
            panel.hist(np.clip(ratio, 0.5, 1.5), bins=100, range=(0.5, 1.5), histtype="step", label=name)
        panel.set(title=column, xlabel="decoded / original", ylabel="jets", yscale="log")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=110)
