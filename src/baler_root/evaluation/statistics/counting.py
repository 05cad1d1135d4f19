"""Counts in bins compared with simulated templates: a quick significance, and the full study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from baler_root.errors import FitError
from baler_root.evaluation.analysis.histogram import Histogram
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Floats, Observable
from baler_root.evaluation.analysis.study import Curve, Study
from baler_root.evaluation.statistics import workspace
from baler_root.evaluation.statistics.significance import p_value
from baler_root.evaluation.statistics.workspace import Sample


def measure(channel: str, samples: Sequence[Sample], data: Histogram | None) -> dict[str, Quantity]:
    """Significance Z of the data, or the expected Z if `data` is None.

    Quick, since only the uncertainties of rates enter. A fit that fails gives a failed quantity.
    """
    rates = [replace(sample, shapes={}) for sample in samples]
    try:
        result = workspace.discover(_document(channel, rates, data, statistical=False))
    except FitError as error:
        return {"Z": Quantity.failed(str(error))}
    if data is None:
        return {"Z": Quantity(result.expected, 1.0)}
    return {
        "Z": Quantity(result.observed, 1.0),
        "Z expected": Quantity(result.expected, 1.0),
        "strength": Quantity(result.strength),
    }


def study(channel: str, samples: Sequence[Sample], data: Histogram | None, shown: Observable) -> Study:
    """The workspace with all uncertainties, and its discovery test. Raises FitError.

    The test uses asymptotic formulas: with few events in a bin, p-values far from one half are approximate.
    """
    document = _document(channel, samples, data, statistical=True)
    result = workspace.discover(document, with_error=True)
    quantities = {
        "Z expected": Quantity(result.expected, 1.0),
        "p expected": Quantity(p_value(result.expected)),
    }
    total = _total(samples)
    lines = {
        "signal and background": total,
        "background": _total([sample for sample in samples if not sample.is_signal]),
    }
    if data is not None:
        quantities |= {
            "Z observed": Quantity(result.observed, 1.0),
            "p observed": Quantity(p_value(result.observed)),
            "signal strength": Quantity(result.strength, result.strength_error),
        }
        lines["data"] = data.counts
    edges = samples[0].histogram.edges
    source = "data" if data is not None else "the expected signal and background, since there are no data"
    negative = sum(sample.histogram.negative for sample in samples)
    return Study(
        quantities,
        {
            "spectrum": Curve(
                f"{shown.label} [{shown.unit}]",
                f"events / {edges[1] - edges[0]:g} {shown.unit}",
                samples[0].histogram.centres,
                lines,
            )
        },
        {"workspace.json": document},
        (
            f"The workspace's observations are {source}.",
            *([f"{negative} bins with a negative sum of weights were taken as empty."] if negative else []),
        ),
    )


def _total(samples: Sequence[Sample]) -> Floats:
    return np.asarray(np.sum([sample.histogram.clipped().counts for sample in samples], axis=0))


def _document(
    channel: str, samples: Sequence[Sample], data: Histogram | None, *, statistical: bool
) -> dict[str, Any]:
    """The workspace of all non-empty samples. Raises FitError if no signal or no background remains."""
    filled = [sample for sample in samples if sample.histogram.clipped().counts.any()]
    if {sample.is_signal for sample in filled} != {True, False}:
        raise FitError("simulated signal and background are needed beside the data")
    observed = _total(filled) if data is None else data.counts
    return workspace.build(channel, filled, observed, statistical=statistical)
