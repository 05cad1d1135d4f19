"""Histograms of a column, one for each context: each combination of the bins of its parents.

They are the fast alternative to a network: fitted by counting, decoded by lookup
(formats/codecs.md#histograms).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.limits import MAX_CONTEXTS, MAX_ROOTS

MAX_CELLS = 1 << 8
"""Most cells of one histogram."""


@dataclass(frozen=True, eq=False)
class Histograms:
    """Distribution of a column given its parents: a histogram for each combination of their bins."""

    parents: tuple[int, ...]
    cuts: tuple[tuple[int, ...], ...]
    """Codes of each parent at which its second and later bins begin."""
    cells: Ints
    """First place of each cell of the column's axis, and the end of the axis."""
    roots: NDArray[np.uint8]
    """(contexts, cells): square roots of the weights of cells; a context with zeros only has the axis itself.
    """

    def __post_init__(self) -> None:
        if len(self.cuts) != len(self.parents):
            raise CorruptFileError("the parents of a histogram are not those that are cut into bins")
        for cuts in self.cuts:
            limits = (-CODE_LIMIT, *cuts, CODE_LIMIT)
            if any(start >= stop for start, stop in pairwise(limits)):
                raise CorruptFileError(
                    f"the cuts between buckets do not increase from {-CODE_LIMIT} to below {CODE_LIMIT}"
                )
        if not 2 <= len(self.cells) <= MAX_CELLS + 1 or self.cells[0] or np.any(np.diff(self.cells) <= 0):
            raise CorruptFileError("the cells of a histogram do not increase, or are none or too many")
        if contexts_of(self.cuts) > MAX_CONTEXTS:
            raise CorruptFileError(f"histograms of more than {MAX_CONTEXTS} contexts")
        if self.roots.shape != (contexts_of(self.cuts), len(self.cells) - 1):
            raise CorruptFileError("a histogram is not as large as its contexts and cells say")

    @cached_property
    def _steps(self) -> list[NDArray[np.int32]]:
        """Term of each parent in the number of the context, by the lowest 12 bits of its code."""
        codes = np.arange(-CODE_LIMIT, CODE_LIMIT)
        steps, stride = [], 1
        for cuts in reversed(self.cuts):
            bins = np.searchsorted(np.array(cuts, dtype=np.int64), codes, side="right") * stride
            steps.append(np.roll(bins, CODE_LIMIT).astype(np.int32))
            stride *= len(cuts) + 1
        return steps[::-1]

    def contexts(self, codes: Mapping[int, NDArray[np.int16]], rows: slice) -> NDArray[np.int32]:
        """Number of the context of each of these rows, from the codes of the parents."""
        contexts = np.zeros(rows.stop - rows.start, dtype=np.int32)
        for parent, steps in zip(self.parents, self._steps, strict=True):
            contexts += steps[codes[parent][rows] & 2 * CODE_LIMIT - 1]
        return contexts


def contexts_of(cuts: Sequence[Sequence[int]]) -> int:
    """Number of contexts with these cuts; any number above MAX_ROOTS if there are more."""
    contexts = 1
    for values in cuts:
        contexts = min(contexts * (len(values) + 1), MAX_ROOTS + 1)
    return contexts
