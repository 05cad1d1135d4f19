"""Histograms laid out for the coder: sums over cells, which places share as they do on the axis.

Everything is integers, and each place has at least one part of 2**30 (formats/codecs.md#histograms).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from baler_root.format.entropy.tables import SIGMA_BITS, TOTAL_BITS

Ints = NDArray[np.int64]


OWN_BITS = 8
"""The axis itself weighs one part in 2**8 of every histogram, so that no symbol costs more than 8 bits beyond it."""


LOOKUP_BITS = 8
"""A decoder finds the first cell from so many bits."""


NEAR_BITS = 12
"""And the place in it from so many."""


@dataclass(frozen=True, eq=False)
class HistogramTable:
    """All histograms of one column."""

    below: Ints
    """Parts of 2**28 of the axis below each place, and below the end."""
    cells: Ints
    """First place of each cell, and the end."""
    roots: NDArray[np.uint8]
    """(contexts, cells): square roots of what each cell weighs; none at all: as on the axis."""

    @cached_property
    def starts(self) -> Ints:
        """(contexts, cells + 1): parts of 2**28 below each cell."""
        own = self.below[self.cells]
        weights = np.zeros((len(self.roots), len(self.cells)), dtype=np.int64)
        np.cumsum(self.roots.astype(np.int64) ** 2, axis=1, out=weights[:, 1:])
        total = weights[:, -1:]
        told = own + ((1 << OWN_BITS) - 1) * ((weights << SIGMA_BITS) // np.maximum(1, total)) >> OWN_BITS
        return np.where(total > 0, told, own)

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
        at = np.arange(1 << LOOKUP_BITS) << (TOTAL_BITS - LOOKUP_BITS)
        found = [np.searchsorted(row[1:-1], at, side="right") for row in self.edges]
        return np.array(found, dtype=np.uint8)

    @cached_property
    def near(self) -> Ints:
        """The place in which each 4096th of the axis begins."""
        at = np.arange((1 << NEAR_BITS) + 1) << (SIGMA_BITS - NEAR_BITS)
        return np.searchsorted(self.below[1:-1], at, side="right").astype(np.int64)
