"""Encodes a column by its prediction: the steps from predictions to values, within the bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.quantisation.quantise import MAX_OUTLIER_SHARE
from baler_root.format.binary.bit_patterns import MANTISSA_BITS, patterns
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import FUNCTIONS, Doubles
from baler_root.format.encodings.grid import MAX_STEPS, rounding, steps_per_octave
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.predicted import MAX_LIMIT, MAX_SPECIAL, PredictedEncoding, PredictionGrid
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.residual import residual
from baler_root.format.encodings.sum import Sum
from baler_root.format.page import EncodedColumn

MIN_SPECIAL_ROWS = 4
"""Fewest rows of a value that gets a symbol to itself; rarer ones are outliers."""


RARE_SHARE = 0.002
"""Most rows, as a share, that lie further from their prediction than steps reach."""


@dataclass(frozen=True, slots=True)
class PlannedPrediction:
    """A formula that predicts a column of a tree."""

    relation: Formula
    saved: float = 0.0
    """Estimated bits saved per value."""


def as_formula(relation: Relation) -> Formula | None:
    """The formula with which a relation predicts; None for lookups, and for sums that begin with a minus or
    have both signs later."""
    if not isinstance(relation, Sum):
        return relation if isinstance(relation, Formula) else None
    signs = [sign for sign, _ in relation.terms]
    if len(signs) > 1 and signs[0] == 1:
        if set(signs) == {1}:
            return Formula("total", relation.sources)
        if set(signs[1:]) == {-1}:
            return Formula("difference" if len(signs) == 2 else "remainder", relation.sources)
    return None


def prediction_grid(bound: ErrorBound, values: Values) -> PredictionGrid | None:
    """The grid around predictions of `values` with points as far apart as the bound allows; None if there is
    none."""
    dtype = values.dtype
    if dtype.kind not in "iuf":
        return None
    if dtype.kind != "f":
        reach = math.floor(bound.value) if bound.is_absolute else 0
        return PredictionGrid("linear", dtype, 2 * reach + 1) if reach < 1 << 31 else None
    if bound.is_absolute:
        sizes = np.abs(values[np.isfinite(values)].astype(np.float64))
        largest = float(np.quantile(sizes, 0.99, method="higher")) if len(sizes) else 0.0
        step = 2.0 * (bound.value - 2.0 * rounding(dtype) * largest) * (1.0 - 2.0**-30)
        return PredictionGrid("linear", dtype, step) if 0 < step < math.inf else None
    if bound.kind == "rel":
        tolerance = (bound.value - rounding(dtype)) * (1.0 - 2.0**-20)
        if tolerance > 0 and (steps := steps_per_octave(tolerance)) <= MAX_STEPS:
            return PredictionGrid("log", dtype, steps)
    kept = bound.mantissa_bits(dtype)
    return None if kept is None else PredictionGrid("shift", dtype, MANTISSA_BITS[dtype.itemsize] - kept)


def encode_predicted(
    relation: Formula, sources: Sequence[Values], values: Values, bound: ErrorBound
) -> EncodedColumn | None:
    """The column `values` predicted by a formula of decoded `sources`, within its bound.

    None if too many values are far from their predictions, or if the sources have other lengths.
    """
    grid = prediction_grid(bound, values)
    if grid is None or not len(values) or not _fit(relation, sources, len(values)):
        return None
    predictions = relation.doubles(sources)
    steps, usable = _steps(grid, predictions, values)
    limit = min(_limit(steps[usable]), grid.max_limit)
    usable &= np.abs(steps) <= limit
    steps[~usable] = 0
    usable[violations(values, grid.values(predictions, steps), bound)] = False
    special, numbers, others = _special(values, np.flatnonzero(~usable))
    if len(others) > MAX_OUTLIER_SHARE * len(values):
        return None
    is_special = numbers >= 0
    steps[is_special] = limit + 1 + numbers[is_special]
    dtype = np.dtype(np.int8 if limit + len(special) <= np.iinfo(np.int8).max else np.int16)
    encoding = PredictedEncoding(
        len(values), relation, grid, dtype, limit, special, Outliers(others, values[others])
    )
    return EncodedColumn(encoding, steps.astype(dtype))


def _fit(relation: Formula, sources: Sequence[Values], length: int) -> bool:
    """Whether the formula gives this number of values."""
    if not FUNCTIONS[relation.function].reduces:
        return all(len(source) == length for source in sources)
    lengths, items = sources
    is_list = lengths.dtype.kind in "iu" and len(lengths) == length
    return is_list and bool(np.all(lengths >= 0)) and int(np.sum(lengths, dtype=np.int64)) == len(items)


def _steps(
    grid: PredictionGrid, predictions: Doubles, values: Values
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Steps from predictions to the points near the values, and whether there are such."""
    wide = values.astype(np.float64)
    with np.errstate(all="ignore"):
        if grid.kind == "shift":
            steps = residual(values, predictions.astype(values.dtype), int(grid.size))
            usable = np.isfinite(wide) & np.isfinite(predictions) & (np.abs(steps) <= MAX_LIMIT)
        else:
            distance = (
                np.log2(wide / predictions) * grid.size
                if grid.kind == "log"
                else (wide - _rounded(grid, predictions)) / grid.size
            )
            usable = np.abs(distance) <= MAX_LIMIT
            steps = np.rint(np.where(usable, distance, 0.0)).astype(np.int64)
    steps[~usable] = 0
    return steps, usable


def _rounded(grid: PredictionGrid, predictions: Doubles) -> Doubles:
    return predictions if grid.dtype.kind == "f" else np.rint(predictions)


def _limit(steps: NDArray[np.int64]) -> int:
    """Number of steps from predictions that all values but a few need; 2**n - 1 for some n."""
    if not len(steps):
        return 0
    sizes = np.abs(steps)
    rank = len(sizes) - 1 - int(RARE_SHARE * len(sizes))
    return int((1 << int(np.partition(sizes, rank)[rank]).bit_length()) - 1)


def _special(
    values: Values, positions: NDArray[np.int64]
) -> tuple[Values, NDArray[np.int64], NDArray[np.int64]]:
    """Special values, the number of the special value of each row (-1: none), and the rows at `positions`
    that have none."""
    numbers = np.full(len(values), -1, np.int64)
    bits, index, counts = np.unique(patterns(values[positions]), return_inverse=True, return_counts=True)
    frequent = np.flatnonzero(counts >= MIN_SPECIAL_ROWS)
    frequent = np.sort(frequent[np.argsort(-counts[frequent], kind="stable")[:MAX_SPECIAL]])
    number_of = np.full(len(bits), -1, np.int64)
    number_of[frequent] = np.arange(len(frequent))
    numbers[positions] = number_of[index]
    special: NDArray[Any] = bits[frequent].view(values.dtype)
    return special, numbers, positions[number_of[index] < 0]
