"""Errors of the values of each branch: residuals, responses, bias, and distances between distributions.

Residual and response are defined as in Baler's tables (arXiv:2305.02283): y − x and (y − x) / x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from baler_root._types import Values
from baler_root.evaluation.report.pairs import PairedColumn
from baler_root.format.bounds import LOSSLESS, violations

MAX_PAIRS = 40_000_000
"""Most pairs of values in memory for distances between distributions, over all columns."""

MAX_PAIRS_OF_COLUMN = 1_000_000
"""Most pairs of values of one column for distances between distributions."""

BINS = 40
"""Bins of the error histogram, from minus to plus the limit."""


@dataclass(slots=True)
class Moments:
    """Mean, RMS and largest magnitude of numbers, accumulated in parts."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: float = 0.0

    def add(self, numbers: Values) -> None:
        """Adds numbers, which must be finite."""
        if numbers.size:
            self.count += numbers.size
            self.total += float(np.sum(numbers))
            self.squares += float(np.sum(np.square(numbers)))
            self.largest = max(self.largest, float(np.max(np.abs(numbers))))

    @property
    def mean(self) -> float:
        """Mean; NaN without numbers."""
        return self.total / self.count if self.count else math.nan

    @property
    def rms(self) -> float:
        """Root mean square around 0; NaN without numbers."""
        return math.sqrt(self.squares / self.count) if self.count else math.nan


@dataclass(slots=True)
class Thinned:
    """Pairs of values, thinned beyond a limit: every pair, every second, every fourth, …"""

    limit: int
    step: int = 1
    _next: int = 0
    _parts: list[tuple[Values, Values]] = field(default_factory=list)
    _length: int = 0

    def add(self, x: Values, y: Values) -> None:
        """Adds pairs of values; the arrays are copied."""
        chosen = slice(self._next, None, self.step)
        self._next = (self._next - len(x)) % self.step if self.step > 1 else 0
        self._parts.append((x[chosen].copy(), y[chosen].copy()))
        self._length += len(self._parts[-1][0])
        while self._length > self.limit:
            x, y = self.pairs()
            self._next += self.step * (len(x) % 2)
            self._parts, self.step = [(x[::2].copy(), y[::2].copy())], 2 * self.step
            self._length = len(self._parts[0][0])

    def pairs(self) -> tuple[Values, Values]:
        """(x, y) of the pairs that are left."""
        if not self._parts:
            return np.empty(0), np.empty(0)
        return np.concatenate([part[0] for part in self._parts]), np.concatenate(
            [part[1] for part in self._parts]
        )


@dataclass(frozen=True, slots=True)
class BranchFidelity:
    """Errors of one column over all entries, in its unit unless stated otherwise; NaN if undefined."""

    tree: str
    name: str
    dtype: str
    bound: str
    values: int
    changed: int
    """Values that differ."""
    missed: int
    """Values that miss their bound."""
    residual_mean: float
    residual_rms: float
    residual_max: float
    response_mean: float
    """Mean of (y − x) / x over values with x ≠ 0."""
    response_rms: float
    response_max: float
    limit: float
    """Largest error that the bound allows: a residual for `abs`, else a response; 0 for lossless."""
    max_of_limit: float
    """Largest error as a share of `limit`."""
    bias_of_limit: float
    """Mean signed error as a share of `limit`."""
    ks: float
    """Largest distance between the two cumulative distributions (Kolmogorov and Smirnov)."""
    wasserstein: float
    """Area between the two cumulative distributions."""
    wasserstein_of_spread: float
    """`wasserstein` as a share of the standard deviation of the original."""
    compared: int
    """Number of values behind `ks` and `wasserstein`."""
    errors: tuple[int, ...]
    """Histogram of the errors: counts in 40 equal bins from minus to plus the limit; empty for lossless."""


class Fidelity:
    """Accumulates `BranchFidelity` for every column, cluster by cluster."""

    def __init__(self) -> None:
        self._columns: dict[tuple[str, str], _Column] = {}

    def add(self, columns: list[PairedColumn]) -> None:
        """Adds the columns of a cluster."""
        bounded = sum(column.bound != LOSSLESS for column in columns)
        limit = max(1000, min(MAX_PAIRS_OF_COLUMN, MAX_PAIRS // max(1, bounded)))
        for column in columns:
            key = column.tree, column.name
            if key not in self._columns:
                self._columns[key] = _Column(column, Thinned(limit))
            self._columns[key].add(column.original, column.decompressed)

    def result(self) -> list[BranchFidelity]:
        """All columns, in the order of the file."""
        return [column.result() for column in self._columns.values()]


class _Column:
    def __init__(self, first: PairedColumn, sample: Thinned) -> None:
        self.first, self.sample = first, sample
        self.values = self.changed = self.missed = 0
        self.residual, self.response = Moments(), Moments()
        self.errors = np.zeros(BINS, np.int64)

    def add(self, x: Values, y: Values) -> None:
        self.values += len(x)
        if self.first.bound == LOSSLESS:
            return  # equal bit for bit, or the files would not be a pair
        self.missed += len(violations(x, y, self.first.bound))
        wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
        usable = np.isfinite(wide_x) & np.isfinite(wide_y)
        if not usable.all():
            wide_x, wide_y = wide_x[usable], wide_y[usable]
        error = wide_y - wide_x
        self.changed += int(np.count_nonzero(error))
        nonzero = wide_x != 0
        response = error[nonzero] / wide_x[nonzero]
        self.residual.add(error)
        self.response.add(response)
        bound = self.first.bound
        share = (error if bound.is_absolute else response) / bound.largest_error
        self.errors += np.histogram(share, BINS, (-1.0, 1.0))[0]
        dtype = x.dtype if x.dtype.kind == "f" else np.float64
        self.sample.add(wide_x.astype(dtype), wide_y.astype(dtype))

    def result(self) -> BranchFidelity:
        first, bound = self.first, self.first.bound
        common = (first.tree, first.name, str(first.original.dtype), str(bound), self.values)
        if bound == LOSSLESS:
            return BranchFidelity(*common, 0, 0, *(0.0,) * 12, self.values, ())
        error = self.residual if bound.is_absolute else self.response
        limit = bound.largest_error
        x, y = self.sample.pairs()
        ks, area = distances(x, y)
        spread = float(np.std(x.astype(np.float64))) if len(x) else math.nan
        return BranchFidelity(
            *common,
            self.changed,
            self.missed,
            self.residual.mean,
            self.residual.rms,
            self.residual.largest,
            self.response.mean,
            self.response.rms,
            self.response.largest,
            limit,
            error.largest / limit,
            error.mean / limit,
            ks,
            area,
            area / spread if spread > 0 else math.nan,
            len(x),
            tuple(self.errors.tolist()),
        )


def distances(x: Values, y: Values) -> tuple[float, float]:
    """(Kolmogorov–Smirnov, Wasserstein) distance of two samples of equal length; NaN if they are empty."""
    if not len(x):
        return math.nan, math.nan
    if np.array_equal(x, y):
        return 0.0, 0.0
    x, y = np.sort(x), np.sort(y)
    ks = max(_largest_step(x, y), _largest_step(y, x))
    return ks, float(np.mean(np.abs(x.astype(np.float64) - y.astype(np.float64))))


def _largest_step(x: Values, y: Values) -> float:
    """Largest difference of the cumulative distributions at the values of `x`; both are sorted."""
    last = np.flatnonzero(np.append(x[1:] != x[:-1], True))
    return float(np.max(np.abs((last + 1) - np.searchsorted(y, x[last], side="right")))) / len(x)
