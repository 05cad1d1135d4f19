"""Ranks columns by mutual information, and limits how deep they may depend on each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR_COLUMNS = 64
"""Columns directly before a column among which its parents are searched."""


MIN_INFORMATION = 0.02
"""Least mutual information [bits] of a column and its parent, after the expectation for independent columns
is subtracted.
"""


SIGMAS = 3.0
"""Least significance of a mutual information, in standard deviations of that of independent columns."""


RANK_ROWS = 20_000
"""Rows from which mutual information is estimated."""


FEW_ROWS = 5000
"""Rows below which pairs of neighbouring bins are merged, so that enough rows remain in each pair of bins."""


MAX_ANCESTORS = 32
"""Most columns that must be decoded before a column: its parents, their parents and so on."""


def rank(bins: Sequence[NDArray[np.integer]], num_context: int = 0) -> list[list[int]]:
    """For each column, the earlier columns with significant mutual information, the largest first.

    `bins` has the bin of each row, for each column. The first `num_context` columns are context: they can be
    parents and have none.
    """
    step = max(1, len(bins[0]) // RANK_ROWS)
    merged = int(len(bins[0]) < FEW_ROWS)
    thinned = [np.ascontiguousarray(column[::step]).astype(np.int64) >> merged for column in bins]
    ranked: list[list[int]] = [[] for _ in range(num_context)]
    for number in range(num_context, len(thinned)):
        candidates = (*range(num_context), *range(max(num_context, number - NEAR_COLUMNS), number))
        information = [
            (mutual_information(thinned[number], thinned[candidate]), candidate) for candidate in candidates
        ]
        ranked.append([candidate for bits, candidate in sorted(information, reverse=True) if bits > 0])
    return ranked


def mutual_information(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Mutual information [bits] of two columns of small integers; 0 if not significant or below
    MIN_INFORMATION.
    """
    bits, spread = information_estimate(first, second)
    return bits if bits > max(MIN_INFORMATION, SIGMAS * spread) else 0.0


def information_estimate(first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[float, float]:
    """Mutual information [bits] of two columns of small integers, less its mean for independent columns, and
    the standard deviation of that.
    """
    shape = (int(first.max()) + 1, int(second.max()) + 1)
    joint = np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)
    share = joint / len(first)
    independent = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    occurring = share > 0
    bits = float((share[occurring] * np.log2(share[occurring] / independent[occurring])).sum())
    # For independent columns it is chi-squared distributed (Wilks).
    freedom = (np.count_nonzero(joint.any(axis=1)) - 1) * (np.count_nonzero(joint.any(axis=0)) - 1)
    unit = 1 / (2 * len(first) * math.log(2))
    return bits - freedom * unit, math.sqrt(2 * freedom) * unit


class Ancestors:
    """Columns that must be decoded before each column; grows as parents are chosen, in the order of the
    columns.
    """

    def __init__(self, limit: int = MAX_ANCESTORS) -> None:
        self.limit = limit
        self._of: dict[int, frozenset[int]] = {}

    def of(self, parents: Sequence[int]) -> frozenset[int]:
        """These parents, and all columns that must be decoded before them."""
        return frozenset(parents).union(*(self._of.get(parent, frozenset()) for parent in parents))

    def allow(self, parents: Sequence[int]) -> bool:
        """Whether a column may have these parents."""
        return len(self.of(parents)) <= self.limit

    def set(self, column: int, parents: Sequence[int]) -> None:
        """Record the parents of a column."""
        self._of[column] = self.of(parents)

    def choose(self, column: int, candidates: Sequence[int], limit: int) -> list[int]:
        """The first `limit` candidates that are allowed, sorted; they become the parents of the column."""
        chosen: list[int] = []
        for candidate in candidates:
            if len(chosen) == limit:
                break
            if self.allow([*chosen, candidate]):
                chosen.append(candidate)
        self.set(column, chosen)
        return sorted(chosen)
