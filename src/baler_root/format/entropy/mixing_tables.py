"""Tables, limits and inputs of adaptive mixing (formats/codecs.md#mixing)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.format.entropy.probability_tables import SIGMA_BITS, sigma

MAX_LEVELS = 8
"""Most levels of the tree of cells."""


LOG_LIMIT = 1535
"""Largest logarithm of odds, in units of 1/128."""


COUNT_LIMIT = 1023
"""Largest count of a counter."""


CLASSES = 8
"""Classes of counts, by which the weight of a counter is chosen."""


COARSE_BINS = 8
"""Bins of the context of the decisions inside a cell."""


DEEP_SETS = 16
"""Sets of weights for the decisions inside cells; those further down share the last one."""


class MixingTables(NamedTuple):
    """Tables of the coder, as one argument."""

    logarithms: NDArray[np.int32]
    """Logarithm of the odds of a probability of (i + 1/2) / 4096, in units of 1/128."""
    probabilities: NDArray[np.int32]
    """Probability, in parts of 2**16, of each logarithm of odds from -LOG_LIMIT."""
    rates: NDArray[np.int64]
    """Parts of 2**16 of its error by which a counter moves, by its count."""
    classes: NDArray[np.int64]
    """Class of each count."""


@cache
def mixing_tables() -> MixingTables:
    """The tables, computed in integers from that of the logistic distribution."""
    logistic = sigma()
    middle = len(logistic) // 2
    probabilities = logistic[middle - LOG_LIMIT : middle + LOG_LIMIT + 1] >> (SIGMA_BITS - 16)
    centres = (2 * np.arange(1 << 12) + 1) << (SIGMA_BITS - 13)
    logarithms = np.searchsorted(logistic, centres, side="right") - 1 - middle
    counts = np.arange(COUNT_LIMIT + 1)
    tables = MixingTables(
        np.clip(logarithms, -LOG_LIMIT, LOG_LIMIT).astype(np.int32),
        probabilities.astype(np.int32),
        655360 // (10 * counts + 16),
        np.array([min(CLASSES - 1, count.bit_length()) for count in counts.tolist()], dtype=np.int64),
    )
    for table in tables:
        table.flags.writeable = False
    return tables


@dataclass(frozen=True, slots=True, eq=False)
class MixingInput:
    """Everything from which the values of a column are predicted, besides the values before."""

    bounds: Ints
    """First value of each of the 2**levels cells, and the number of values at the end; cells may be empty."""
    contexts: NDArray[np.int32]
    """(contexts, rows): context of each row, without the part of the previous value."""
    sizes: Ints
    """Number of contexts of each kind, that part included."""
    previous_bins: Ints
    """Bins of the previous value in each kind of context, one of them for no previous value; 0 without."""
    is_first: NDArray[np.uint8]
    """Whether a row has no previous one."""
    coarse: NDArray[np.uint8]
    """Context of the decisions inside cells, below COARSE_BINS, for each row; empty if they are not
    learned."""

    @property
    def counters(self) -> int:
        """Number of counters, each of four bytes."""
        cells = int(self.sizes.sum()) * (len(self.bounds) - 1)
        return cells + (int(self.bounds[-1]) * (COARSE_BINS + 1) if len(self.coarse) else 0)
