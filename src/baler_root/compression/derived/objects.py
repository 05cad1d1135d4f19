"""Groups of columns that may describe one particle, found by the ranges of their values and their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.table import SearchTable
from baler_root.format.encodings.functions import Doubles

MAX_PARTNERS = 256
"""Most columns that are tried as pt, and as η, of one direction φ: those nearest to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """Combinations of columns (pt, η, φ), (pt, φ) or (η, φ), as indices; likely ones first."""

    columns: NDArray[np.int64]
    """Of shape (combinations, 2 or 3); φ comes last."""

    @classmethod
    def transverse(cls, table: SearchTable, count: int) -> Particles:
        """At most `count` combinations (pt, φ)."""
        return cls._of(table, [table.is_positive], count)

    @classmethod
    def directions(cls, table: SearchTable, count: int) -> Particles:
        """At most `count` combinations (η, φ)."""
        return cls._of(table, [table.is_eta], count)

    @classmethod
    def momenta(cls, table: SearchTable, count: int) -> Particles:
        """At most `count` combinations (pt, η, φ)."""
        return cls._of(table, [table.is_positive, table.is_eta], count)

    @classmethod
    def _of(cls, table: SearchTable, pools: list[NDArray[np.bool_]], count: int) -> Particles:
        phis = np.flatnonzero(table.is_phi)[:count]
        members = [np.flatnonzero(pool & ~table.is_phi) for pool in pools]
        if not len(phis) or not all(map(len, members)) or count < 1:
            return cls(np.zeros((0, len(pools) + 1), np.int64))
        nearest = [_nearest(phis, pool) for pool in members]
        ranks = np.indices([order.shape[1] for order in nearest]).reshape(len(pools), -1)
        weight = np.prod(ranks + 1, axis=0)
        ranks = ranks[:, np.argsort(weight, kind="stable")[: -(-count // len(phis))]]
        rows = np.arange(len(phis))
        parts = [
            np.column_stack([*(order[rows, rank[i]] for i, order in enumerate(nearest)), phis])
            for rank in ranks.T
        ]
        return cls(np.concatenate(parts)[:count])

    def __len__(self) -> int:
        """Number of combinations."""
        return len(self.columns)

    def values(self, values: Doubles) -> list[Doubles]:
        """Each part of the combinations in some rows, of shape (rows, combinations)."""
        return [values[part].T for part in self.columns.T]


def _nearest(phis: NDArray[np.int64], pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each φ the columns of a pool, the nearest first; at most `MAX_PARTNERS`."""
    if len(pool) <= MAX_PARTNERS:
        return np.asarray(pool[np.argsort(_distance(phis[:, None], pool), axis=1, kind="stable")])
    starts = np.clip(np.searchsorted(pool, phis) - MAX_PARTNERS // 2, 0, len(pool) - MAX_PARTNERS)
    windows = pool[starts[:, None] + np.arange(MAX_PARTNERS)]
    order = np.argsort(_distance(phis[:, None], windows), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(windows, order, axis=1))


def _distance(phis: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Distance of columns from φ, three times as long behind it, where the next particle may begin."""
    return np.where(others < phis, phis - others, 3 * (others - phis))
