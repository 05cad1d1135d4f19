"""Code length of a column given contexts, as adaptive counters need it: the measure by which contexts are
chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.entropy._numba import compiled


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A column in a few bins, whose code length is measured."""

    bins: NDArray[np.int32]
    prior: NDArray[np.float64]
    """Counts with which each context begins: those of the whole column, as few as the root of the bins."""

    @classmethod
    def of(cls, bins: NDArray[np.int32], num_bins: int) -> Target:
        """The target with these bins, below `num_bins`."""
        counts = np.bincount(bins, minlength=num_bins) + 0.5
        return cls(np.ascontiguousarray(bins), counts / counts.sum() * math.sqrt(num_bins))

    def bits(self, contexts: NDArray[np.int32], num_contexts: int) -> float:
        """Bits per value of the target, coded with counts that adapt in each context."""
        return float(_bits(contexts, num_contexts, self.bins, self.prior)) / max(1, len(self.bins))


@compiled()
def _bits(contexts: Any, num_contexts: Any, bins: Any, prior: Any) -> Any:
    # The product of the estimates (count + prior) / (rows + priors) does not depend on the order of the rows.
    num_bins, total = len(prior), prior.sum()
    counts = np.zeros((num_contexts, num_bins), np.int32)
    for row in range(len(bins)):
        counts[contexts[row], bins[row]] += 1
    log_total = math.lgamma(total)
    log_prior = np.empty(num_bins)
    for value in range(num_bins):
        log_prior[value] = math.lgamma(prior[value])
    nats = 0.0
    for context in range(num_contexts):
        rows = 0
        for value in range(num_bins):
            count = counts[context, value]
            if count:
                rows += count
                nats -= math.lgamma(count + prior[value]) - log_prior[value]
        if rows:
            nats += math.lgamma(rows + total) - log_total
    return nats / math.log(2.0)
