"""Weighted histograms of selected events, quick enough to be filled hundreds of times by a bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler_root.evaluation.analysis.selection import Flags, Floats, Selection


@dataclass(frozen=True, slots=True)
class Histogram:
    """Sums of weights, and of their squares, in bins of equal width."""

    edges: Floats
    counts: Floats
    variances: Floats

    @property
    def centres(self) -> Floats:
        """Middle of each bin."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def negative(self) -> int:
        """Bins in which negative weights prevail."""
        return int((self.counts < 0).sum())

    def clipped(self) -> Histogram:
        """The same with bins of negative sum set to 0: no rate is negative."""
        return Histogram(self.edges, np.maximum(self.counts, 0.0), self.variances)


def fill(values: Floats, weights: Floats, edges: Floats) -> Histogram:
    """The histogram of values (NaN and values beyond the edges are left out); edges are equidistant."""
    low, high, bins = edges[0], edges[-1], len(edges) - 1
    inside = (values >= low) & (values < high)  # False for NaN
    index = ((values[inside] - low) * (bins / (high - low))).astype(np.int64)
    index = np.minimum(index, bins - 1)
    kept = weights[inside]
    return Histogram(
        edges,
        np.bincount(index, kept, bins).astype(np.float64),
        np.bincount(index, kept * kept, bins).astype(np.float64),
    )


def of(selection: Selection, observable: str, edges: Floats, process: Flags) -> Histogram:
    """The histogram of entries that pass every cut and belong to the flagged processes."""
    chosen = selection.passing() & process
    return fill(selection.observables[observable][chosen], selection.weights[chosen], edges)
