"""Which columns tell something about which, and how many a column may lean on in the end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEAR_COLUMNS = 64
"""Columns before one among which its parents are looked for."""


MIN_INFORMATION = 0.02
"""Bits that a parent must tell, beyond chance."""


SIGMAS = 3.0
"""And more than chance by so many standard deviations."""


RANK_ROWS = 20_000
"""Rows from which this is found."""


FEW_ROWS = 5000
"""Rows below which neighbouring buckets are taken together for that."""


MAX_ANCESTORS = 32
"""Columns that must be decoded for one, at most: parents, their parents and so on."""


def rank(buckets: Sequence[NDArray[np.integer]], given: int = 0) -> list[list[int]]:
    """For each column those before it that tell anything about it, the most telling first.

    Of the first columns, which are `given`, nothing is asked.
    """
    step = max(1, len(buckets[0]) // RANK_ROWS)
    few = int(len(buckets[0]) < FEW_ROWS)  # pairs of buckets would hold too few of them to tell chance
    thin = [np.ascontiguousarray(column[::step]).astype(np.int64) >> few for column in buckets]
    out: list[list[int]] = [[] for _ in range(given)]
    for number in range(given, len(thin)):
        near = (*range(given), *range(max(given, number - NEAR_COLUMNS), number))
        told = [(mutual_information(thin[number], thin[other]), other) for other in near]
        out.append([other for bits, other in sorted(told, reverse=True) if bits > 0])
    return out


def mutual_information(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Bits that one column of small integers tells of another; 0 where that may be chance, or is not worth it."""
    bits, spread = information_estimate(one, other)
    return bits if bits > max(MIN_INFORMATION, SIGMAS * spread) else 0.0


def information_estimate(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[float, float]:
    """Mutual information of two columns of small integers, in bits, less what chance makes; and chance's spread."""
    shape = (int(one.max()) + 1, int(other.max()) + 1)
    joint = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1]).reshape(shape)
    share = joint / len(one)
    apart = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    found = share > 0
    bits = float((share[found] * np.log2(share[found] / apart[found])).sum())
    # Of independent columns it is chi-squared distributed.
    freedom = (np.count_nonzero(joint.any(axis=1)) - 1) * (np.count_nonzero(joint.any(axis=0)) - 1)
    unit = 1 / (2 * len(one) * math.log(2))
    return bits - freedom * unit, math.sqrt(2 * freedom) * unit


class Ancestors:
    """What must be decoded before each column; grows as parents are chosen, in the order of the columns."""

    def __init__(self, most: int = MAX_ANCESTORS) -> None:
        self.most = most
        self._of: dict[int, frozenset[int]] = {}

    def of(self, parents: Sequence[int]) -> frozenset[int]:
        """These parents, and what must be decoded before them."""
        return frozenset(parents).union(*(self._of.get(parent, frozenset()) for parent in parents))

    def allow(self, parents: Sequence[int]) -> bool:
        """Whether a column may have these parents."""
        return len(self.of(parents)) <= self.most

    def set(self, column: int, parents: Sequence[int]) -> None:
        """Remember the parents of a column."""
        self._of[column] = self.of(parents)

    def choose(self, column: int, candidates: Sequence[int], most: int) -> list[int]:
        """At most `most` of the candidates, the first ones that are allowed, in order; they become its parents."""
        chosen: list[int] = []
        for candidate in candidates:
            if len(chosen) == most:
                break
            if self.allow([*chosen, candidate]):
                chosen.append(candidate)
        self.set(column, chosen)
        return sorted(chosen)
