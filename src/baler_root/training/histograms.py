"""Fits the histograms of a column by counting: one or two parents, as many bins and cells as pay for
themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.axis import CODE_LIMIT, QuantileAxis
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.entropy.histogram_table import AXIS_WEIGHT_BITS
from baler_root.training.mutual_information import Ancestors
from baler_root.training.quantile_bins import quantile_cuts

Counts = NDArray[np.float64]


MAX_BINS = 32
"""Most bins of a parent."""


MAX_CELLS = 64
"""Most cells of the column."""


CANDIDATES = 8
"""Most columns that are tried as a parent."""


VALIDATION_SHARE = 1 / 4
"""Share of the rows that are not counted, but measure the gain of histograms of the others."""


STEP = 1.73
"""Step of the square roots of counts, in units of their statistical error: finer steps cost more than they
save.
"""


PRIOR = 1.0
"""Weight, in rows, of the distribution without the last parent in each histogram."""


CUT_BYTES, CELL_BYTES, COLUMN_BYTES = 3.0, 1.2, 30.0
"""Estimated bytes of a cut, a cell and a column in a model, besides the roots."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedColumn:
    """One column of the sample, in quantile bins."""

    axis: QuantileAxis
    places: NDArray[np.int64]
    cuts: tuple[int, ...]
    """Codes at which the second and later bins begin."""
    bins: NDArray[np.uint8]
    """Bin of each row."""

    @classmethod
    def of(cls, axis: QuantileAxis, places: NDArray[np.int64]) -> BinnedColumn:
        """Cut a column, whose places on its axis are given, into bins."""
        frequencies = np.bincount(places, minlength=axis.length)
        counts = np.bincount(axis.codes.astype(np.int64) + CODE_LIMIT, frequencies, 2 * CODE_LIMIT)
        cuts = quantile_cuts(counts, MAX_BINS) - CODE_LIMIT
        bins = np.searchsorted(cuts, axis.codes, side="right").astype(np.uint8)
        return cls(axis, places, tuple(cuts.tolist()), bins[places])


@dataclass(frozen=True, slots=True, eq=False)
class FittedHistograms:
    """Histograms of one column, their gain and their size."""

    histograms: Histograms
    saved: float
    """Bits per value saved, compared with the axis only, on validation rows."""
    size: float
    """Estimated bytes in the model."""


def fit_histograms(
    columns: Sequence[BinnedColumn],
    number: int,
    candidates: Sequence[int],
    ancestors: Ancestors,
    validation: NDArray[np.bool_],
    weight: float,
) -> FittedHistograms | None:
    """The best histograms of a column with one or two of the candidates as parents; None if none pays for its
    bytes.

    `validation` marks the rows that are not counted. Each row stands for `weight` rows of the whole file.
    """
    search = _Search(columns, number, validation, weight)
    first = search.find_best(
        [(candidate,) for candidate in candidates[:CANDIDATES] if ancestors.allow([candidate])]
    )
    if first is None:
        return None
    (parent,) = first.histograms.parents
    candidates_of_pair = [candidate for candidate in candidates[: CANDIDATES + 1] if candidate != parent]
    pairs = [
        tuple(sorted((parent, candidate)))
        for candidate in candidates_of_pair
        if ancestors.allow([parent, candidate])
    ]
    second = search.find_best(pairs)
    if second is None or search.net_saving(second) <= search.net_saving(first):
        return first
    return second


class _Search:
    """Counts and compares histograms of one column."""

    def __init__(
        self, columns: Sequence[BinnedColumn], number: int, validation: NDArray[np.bool_], weight: float
    ) -> None:
        self.columns, self.rows, self.weight = columns, len(validation), weight
        axis, places = columns[number].axis, columns[number].places
        inner = quantile_cuts(np.bincount(places, minlength=axis.length), MAX_CELLS)
        self.cells = np.concatenate([[0], inner, [axis.length]])
        below = axis.cumulative[self.cells] / axis.cumulative[-1]
        self.base = np.maximum(np.diff(below), 1e-12)
        self.cell = np.searchsorted(inner, np.arange(axis.length), side="right")[places]
        self.row = np.where(validation, 0, 1)

    def net_saving(self, fitted: FittedHistograms) -> float:
        """Bytes saved in the whole file."""
        return fitted.saved * self.rows * self.weight / 8 - fitted.size

    def find_best(self, choices: Sequence[tuple[int, ...]]) -> FittedHistograms | None:
        """The best histograms with one of these choices of parents; None if all cost more than they save."""
        savings = [(self._coarse(parents), index) for index, parents in enumerate(choices)]
        if not savings:
            return None
        parents = choices[max(savings, key=lambda entry: (entry[0], -entry[1]))[1]]
        counts = self._count(parents)
        merges = [[m for m in (1, 2, 4, 8) if m == 1 or m < 2 * n] for n in counts.shape[1:-1]]
        fitted = [self._evaluate(parents, counts, merged) for merged in product(*merges, (1, 2, 4))]
        best = max(fitted, key=self.net_saving)
        if self.net_saving(best) <= 0:
            return None
        return best

    def _count(self, parents: Sequence[int]) -> Counts:
        """Number of rows for each (validation or not, bin of each parent, cell), as floats."""
        index, shape = self.row, [2]
        for parent in parents:
            shape.append(len(self.columns[parent].cuts) + 1)
            index = index * shape[-1] + self.columns[parent].bins
        shape.append(len(self.base))
        index = index * shape[-1] + self.cell
        return np.bincount(index, minlength=math.prod(shape)).reshape(shape).astype(np.float64)

    def _coarse(self, parents: Sequence[int]) -> float:
        """Estimate of the bytes that these parents save."""
        counts = self._count(parents)
        merges = [(1, 2), (4, 4)] if len(parents) == 1 else [(2, 2, 2), (4, 4, 2), (8, 8, 4)]
        return max(self.net_saving(self._evaluate(parents, counts, merged)) for merged in merges)

    def _evaluate(self, parents: Sequence[int], counts: Counts, merged: Sequence[int]) -> FittedHistograms:
        """Histograms after each `merged` neighbouring bins of a parent, or cells, are merged."""
        base, cells = self.base, self.cells
        for axis, step in enumerate(merged, start=1):
            if step > 1:
                counts = np.add.reduceat(counts, np.arange(0, counts.shape[axis], step), axis=axis)
        if merged[-1] > 1:
            base = np.add.reduceat(base, np.arange(0, len(base), merged[-1]))
            cells = np.append(cells[:-1][:: merged[-1]], cells[-1])
        validation, counted = counts
        cuts = tuple(
            self.columns[parent].cuts[step - 1 :: step] for parent, step in zip(parents, merged, strict=False)
        )
        # Distribution without any parent, then without the last one.
        prior = _shares(counted.sum(axis=tuple(range(counted.ndim - 1))), base)
        if counted.ndim == 3:
            prior = _shares(counted.sum(axis=1), prior)[:, None]
        prior = np.broadcast_to(prior, counted.shape).reshape(-1, len(base))
        total = (counted + validation).reshape(prior.shape)
        weight = self.weight * total.sum() / max(1.0, counted.sum())
        trial = _roots(counted.reshape(prior.shape), prior, base, weight)
        gains = validation.reshape(prior.shape) * np.log2(_probabilities(trial, base) / base)
        saved = gains.sum() / max(1.0, validation.sum())
        roots = _roots(total, prior, base, self.weight)
        size = COLUMN_BYTES + CELL_BYTES * len(cells) + CUT_BYTES * sum(map(len, cuts)) + _entropy(roots) / 8
        return FittedHistograms(Histograms(tuple(parents), cuts, cells, roots), float(saved), size)


def _shares(counts: Counts, prior: Counts) -> Counts:
    """Shares of the cells; where rows are few, they stay near `prior`."""
    counts = counts + PRIOR * prior
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _roots(counts: Counts, prior: Counts, base: Counts, weight: float) -> NDArray[np.uint8]:
    """Square roots as the model stores them; zeros where a histogram would cost more than it saves."""
    smooth = np.sqrt(counts + PRIOR * prior) * (max(1.0, weight) ** 0.5 / STEP)
    smooth *= np.minimum(1.0, 255 / np.maximum(1e-9, smooth.max(axis=1, keepdims=True)))
    roots: NDArray[np.uint8] = np.floor(smooth + 0.5).astype(np.uint8)
    gain = (counts * np.log2(_probabilities(roots, base) / base)).sum(axis=1) * weight
    roots[gain < 2.0 * np.count_nonzero(roots, axis=1)] = 0
    return roots


def _probabilities(roots: NDArray[np.uint8], base: Counts) -> Counts:
    """Probabilities that the coder derives from roots."""
    weights = roots.astype(np.float64) ** 2
    total = weights.sum(axis=1, keepdims=True)
    axis_share = np.where(total > 0, 2.0**-AXIS_WEIGHT_BITS, 1.0)
    return np.asarray(axis_share * base + (1 - axis_share) * weights / np.maximum(total, 1.0))


def _entropy(roots: NDArray[np.uint8]) -> float:
    """Bits of the roots, each coded independently."""
    counts = np.bincount(roots.reshape(-1))
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / counts.sum())).sum())
