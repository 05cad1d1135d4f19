"""Weighted histograms of selected events, quick enough for the hundreds of fills of a bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler_root.evaluation.analysis.selection import Flags, Floats, Selection


@dataclass(frozen=True, slots=True)
class Histogram:
    """Sums of weights in bins of equal width."""

    edges: Floats
    """Bin edges, (bins + 1,)."""
    counts: Floats
    """Sum of weights, (bins,)."""
    variances: Floats
    """Sum of squared weights, (bins,)."""

    @property
    def centres(self) -> Floats:
        """Middle of each bin, (bins,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def negative(self) -> int:
        """Number of bins with a negative sum of weights."""
        return int((self.counts < 0).sum())

    def clipped(self) -> Histogram:
        """A copy in which negative sums are 0, since no rate is negative."""
        return Histogram(self.edges, np.maximum(self.counts, 0.0), self.variances)


def fill(values: Floats, weights: Floats, edges: Floats) -> Histogram:
    """The histogram of `values` with equidistant `edges`; NaN and values outside the edges are left out."""
    low, high, bins = edges[0], edges[-1], len(edges) - 1
    in_range = (values >= low) & (values < high)  # False for NaN
    index = ((values[in_range] - low) * (bins / (high - low))).astype(np.int64)
    index = np.minimum(index, bins - 1)
    used_weights = weights[in_range]
    return Histogram(
        edges,
        np.bincount(index, used_weights, bins).astype(np.float64),
        np.bincount(index, used_weights * used_weights, bins).astype(np.float64),
    )


def of_selection(selection: Selection, observable: str, edges: Floats, flags: Flags) -> Histogram:
    """The histogram of an observable for the flagged entries that pass every cut."""
    selected = selection.passing() & flags
    return fill(selection.observables[observable][selected], selection.weights[selected], edges)
