"""Finds the histograms of a column by counting: one or two parents, as many buckets and cells as pay for themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import CODE_LIMIT, QuantileAxis
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.entropy.histogram_table import OWN_BITS
from baler_root.training.dependencies import Ancestors
from baler_root.training.quantile_bins import quantile_cuts

Counts = NDArray[np.float64]


BUCKETS = 32
"""Of a parent, at most."""


CELLS = 64
"""Of the column, at most."""


CANDIDATES = 8
"""Columns that are tried as a parent."""


HELD = 4
"""One row in so many is not counted, but tells what the others are worth."""


STEP = 1.73
"""Of square roots of counts, in units of their statistical error: finer steps cost more bytes than they save."""


PRIOR = 1.0
"""Rows' worth of what is known without the last parent."""


CUT_BYTES, CELL_BYTES, COLUMN_BYTES = 3.0, 1.2, 30.0
"""What describing a histogram costs, besides its roots."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedColumn:
    """One column of the sample, ready for counting."""

    axis: QuantileAxis
    places: NDArray[np.int64]
    cuts: tuple[int, ...]
    """Codes at which its buckets begin, as a parent."""
    buckets: NDArray[np.uint8]

    @classmethod
    def of(cls, axis: QuantileAxis, places: NDArray[np.int64]) -> BinnedColumn:
        """A column on its axis."""
        found = np.bincount(places, minlength=axis.length)
        counts = np.bincount(axis.codes.astype(np.int64) + CODE_LIMIT, found, 2 * CODE_LIMIT)
        cuts = quantile_cuts(counts, BUCKETS) - CODE_LIMIT
        buckets = np.searchsorted(cuts, axis.codes, side="right").astype(np.uint8)
        return cls(axis, places, tuple(cuts.tolist()), buckets[places])


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Histograms, and what they are worth."""

    histograms: Histograms
    saved: float
    """Bits per value, compared with the axis alone, on rows that were not counted."""
    size: float
    """Bytes in the model, about."""


def fit_histograms(
    columns: Sequence[BinnedColumn],
    number: int,
    candidates: Sequence[int],
    ancestors: Ancestors,
    held: NDArray[np.bool_],
    weight: float,
) -> Found | None:
    """The best histograms of a column, given the columns that may tell of it; None if none pays for its bytes.

    `held` marks the rows that are not counted; each row stands for `weight` rows of the whole file.
    """
    search = _Search(columns, number, held, weight)
    first = search.best([(other,) for other in candidates[:CANDIDATES] if ancestors.allow([other])])
    if first is None:
        return None
    (parent,) = first.histograms.parents
    others = [other for other in candidates[: CANDIDATES + 1] if other != parent]
    pairs = [tuple(sorted((parent, other))) for other in others if ancestors.allow([parent, other])]
    second = search.best(pairs)
    if second is None or search.worth(second) <= search.worth(first):
        return first
    return second


class _Search:
    """Counts and compares, for one column."""

    def __init__(
        self, columns: Sequence[BinnedColumn], number: int, held: NDArray[np.bool_], weight: float
    ) -> None:
        self.columns, self.own, self.held, self.weight = columns, columns[number], held, weight
        axis, places = self.own.axis, self.own.places
        inner = quantile_cuts(np.bincount(places, minlength=axis.length), CELLS)
        self.cells = np.concatenate([[0], inner, [axis.length]])
        below = axis.cumulative[self.cells] / axis.cumulative[-1]
        self.base = np.maximum(np.diff(below), 1e-12)
        self.cell = np.searchsorted(inner, np.arange(axis.length), side="right")[places]
        self.row = np.where(held, 0, 1)

    def worth(self, found: Found) -> float:
        """Bytes saved in the whole file."""
        return found.saved * len(self.held) * self.weight / 8 - found.size

    def best(self, choices: Sequence[tuple[int, ...]]) -> Found | None:
        """The best histograms given some of these parents; None if all cost more than they save."""
        counted = [(self._coarse(parents), at) for at, parents in enumerate(choices)]
        if not counted:
            return None
        parents = choices[max(counted, key=lambda entry: (entry[0], -entry[1]))[1]]
        counts = self._count(parents)
        merges = [[m for m in (1, 2, 4, 8) if m == 1 or m < 2 * n] for n in counts.shape[1:-1]]
        found = [self._evaluate(parents, counts, merged) for merged in product(*merges, (1, 2, 4))]
        best = max(found, key=self.worth)
        if self.worth(best) <= 0:
            return None
        return best

    def _count(self, parents: Sequence[int]) -> Counts:
        """Rows by (held or not, bucket of each parent, cell), as far as possible."""
        index, shape = self.row, [2]
        for parent in parents:
            shape.append(len(self.columns[parent].cuts) + 1)
            index = index * shape[-1] + self.columns[parent].buckets
        shape.append(len(self.base))
        index = index * shape[-1] + self.cell
        return np.bincount(index, minlength=math.prod(shape)).reshape(shape).astype(np.float64)

    def _coarse(self, parents: Sequence[int]) -> float:
        """About how much these parents save."""
        counts = self._count(parents)
        merges = [(1, 2), (4, 4)] if len(parents) == 1 else [(2, 2, 2), (4, 4, 2), (8, 8, 4)]
        return max(self.worth(self._evaluate(parents, counts, merged)) for merged in merges)

    def _evaluate(self, parents: Sequence[int], counts: Counts, merged: Sequence[int]) -> Found:
        """Histograms of buckets and cells of which so many are merged."""
        base, cells = self.base, self.cells
        for axis, step in enumerate(merged, start=1):
            if step > 1:
                counts = np.add.reduceat(counts, np.arange(0, counts.shape[axis], step), axis=axis)
        if merged[-1] > 1:
            base = np.add.reduceat(base, np.arange(0, len(base), merged[-1]))
            cells = np.append(cells[:-1][:: merged[-1]], cells[-1])
        held, seen = counts
        cuts = tuple(
            self.columns[parent].cuts[step - 1 :: step] for parent, step in zip(parents, merged, strict=False)
        )
        # What is known without the last parent, and without both.
        prior = _shares(seen.sum(axis=tuple(range(seen.ndim - 1))), base)
        if seen.ndim == 3:
            prior = _shares(seen.sum(axis=1), prior)[:, None]
        prior = np.broadcast_to(prior, seen.shape).reshape(-1, len(base))
        told = (seen + held).reshape(prior.shape)
        trial = _roots(
            seen.reshape(prior.shape), prior, base, self.weight * told.sum() / max(1.0, seen.sum())
        )
        saved = (held.reshape(prior.shape) * np.log2(_probabilities(trial, base) / base)).sum() / max(
            1.0, held.sum()
        )
        roots = _roots(told, prior, base, self.weight)
        size = COLUMN_BYTES + CELL_BYTES * len(cells) + CUT_BYTES * sum(map(len, cuts)) + _entropy(roots) / 8
        return Found(Histograms(tuple(parents), cuts, cells, roots), float(saved), size)


def _shares(counts: Counts, prior: Counts) -> Counts:
    """Shares of the cells, where few rows say little beyond `prior`."""
    counts = counts + PRIOR * prior
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _roots(counts: Counts, prior: Counts, base: Counts, weight: float) -> NDArray[np.uint8]:
    """Square roots as the model stores them; none where a histogram would cost more than it saves."""
    smooth = np.sqrt(counts + PRIOR * prior) * (max(1.0, weight) ** 0.5 / STEP)
    smooth *= np.minimum(1.0, 255 / np.maximum(1e-9, smooth.max(axis=1, keepdims=True)))
    roots: NDArray[np.uint8] = np.floor(smooth + 0.5).astype(np.uint8)
    gain = (counts * np.log2(_probabilities(roots, base) / base)).sum(axis=1) * weight
    roots[gain < 2.0 * np.count_nonzero(roots, axis=1)] = 0
    return roots


def _probabilities(roots: NDArray[np.uint8], base: Counts) -> Counts:
    """What the coder makes of roots."""
    weights = roots.astype(np.float64) ** 2
    total = weights.sum(axis=1, keepdims=True)
    own = np.where(total > 0, 2.0**-OWN_BITS, 1.0)
    return np.asarray(own * base + (1 - own) * weights / np.maximum(total, 1.0))


def _entropy(roots: NDArray[np.uint8]) -> float:
    """Bits of the roots, each coded by itself."""
    counts = np.bincount(roots.reshape(-1))
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / counts.sum())).sum())
