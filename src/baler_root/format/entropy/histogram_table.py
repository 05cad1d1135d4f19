"""Histograms of one column as the coder uses them: cumulative sums over cells, in integers.

The places of a cell share its probability as they do on the axis, and each place has at least one part of
2**30 (formats/codecs.md#histograms).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.format.entropy.probability_tables import SIGMA_BITS, TOTAL_BITS

AXIS_WEIGHT_BITS = 8
"""The axis has one part in 2**8 of the weight of every histogram: no symbol costs more than 8 bits beyond it.
"""


LOOKUP_BITS = 8
"""Leading bits from which a decoder looks up the first cell that is possible."""


PLACE_LOOKUP_BITS = 12
"""Leading bits from which a decoder looks up the first place that is possible."""


class HistogramArrays(NamedTuple):
    """Arrays of a `HistogramTable`, as one argument of compiled functions."""

    below: Ints
    cells: Ints
    starts: Ints
    slopes: Ints
    edges: Ints
    lookup: NDArray[np.uint8]
    place_lookup: Ints


@dataclass(frozen=True, eq=False)
class HistogramTable:
    """All histograms of one column, one for each context."""

    below: Ints
    """Parts of 2**28 of the axis below each place, and below the end."""
    cells: Ints
    """First place of each cell, and the end."""
    roots: NDArray[np.uint8]
    """(contexts, cells): square roots of the weights of cells; a context with zeros only has the axis itself.
    """

    @cached_property
    def arrays(self) -> HistogramArrays:
        """All arrays, computed once."""
        return HistogramArrays(
            self.below, self.cells, self.starts, self.slopes, self.edges, self.lookup, self.place_lookup
        )

    @cached_property
    def starts(self) -> Ints:
        """(contexts, cells + 1): parts of 2**28 below each cell."""
        axis = self.below[self.cells]
        weights = np.zeros((len(self.roots), len(self.cells)), dtype=np.int64)
        np.cumsum(self.roots.astype(np.int64) ** 2, axis=1, out=weights[:, 1:])
        total = weights[:, -1:]
        mixed = (
            axis + ((1 << AXIS_WEIGHT_BITS) - 1) * ((weights << SIGMA_BITS) // np.maximum(1, total))
            >> AXIS_WEIGHT_BITS
        )
        return np.where(total > 0, mixed, axis)

    @cached_property
    def slopes(self) -> Ints:
        """(contexts, cells): parts of a histogram for each part of the axis, in units of 2**-28."""
        return (np.diff(self.starts, axis=1) << SIGMA_BITS) // np.maximum(1, np.diff(self.below[self.cells]))

    @cached_property
    def edges(self) -> Ints:
        """(contexts, cells + 1): parts of 2**30 below each cell."""
        return self.cells + (self.starts * ((1 << TOTAL_BITS) - len(self.below) + 1) >> SIGMA_BITS)

    @cached_property
    def lookup(self) -> NDArray[np.uint8]:
        """(contexts, 256): the cell in which each 256th of a histogram begins."""
        slots = np.arange(1 << LOOKUP_BITS) << (TOTAL_BITS - LOOKUP_BITS)
        lookup = np.empty((len(self.edges), len(slots)), dtype=np.uint8)
        for context, row in enumerate(self.edges):
            lookup[context] = np.searchsorted(row[1:-1], slots, side="right")
        return lookup

    @cached_property
    def place_lookup(self) -> Ints:
        """The place in which each 4096th of the axis begins."""
        shares = np.arange((1 << PLACE_LOOKUP_BITS) + 1) << (SIGMA_BITS - PLACE_LOOKUP_BITS)
        return np.searchsorted(self.below[1:-1], shares, side="right").astype(np.int64)
