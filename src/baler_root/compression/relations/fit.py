"""Planned relations; balanced errors and residuals, with which they keep the error bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.quantisation.quantise import MAX_OUTLIER_SHARE
from baler_root.format.binary.bit_patterns import MANTISSA_BITS
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import ENERGIES, FUNCTIONS
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.residual import apply_residual, residual


@dataclass(frozen=True, slots=True)
class PlannedRelation:
    """The relation by which a column of a tree is stored."""

    relation: Relation
    dropped_bits: int | None = None
    """Low bits dropped from the bit patterns of a residual; None if the relation has no residual."""
    shared: bool = False
    """Whether the first source is moved so that its error and the error of this column are equal."""
    saved: float = 0.0
    """Estimated bits saved per value."""


def droppable_bits(bound: ErrorBound, dtype: np.dtype[Any]) -> int | None:
    """Low bits of patterns of the float `dtype` that may be rounded away within the bound; None for `abs`
    bounds."""
    kept = bound.mantissa_bits(dtype)
    return None if kept is None else MANTISSA_BITS[dtype.itemsize] - kept


def balance_error(
    formula: Formula,
    first: Values,
    others: Sequence[Values],
    values: Values,
    bound: ErrorBound,
    tightened: ErrorBound,
) -> Values:
    """The first argument, moved half-way to the value for which the function gives `values` exactly.

    `others` are the other arguments as decoded. The argument and the function then have equal errors, so that
    each can use nearly all of its bound. A value stays where it is if it would move further than the
    difference between its `bound` and the `tightened` bound with which it is encoded.
    """
    with np.errstate(all="ignore"):
        x = first.astype(np.float64)
        wide = formula.arguments([first, *others])[1:]
        goal = (values.astype(np.float64) - formula.offset) / formula.scale
        if formula.function in ENERGIES:
            goal = np.sqrt(goal * goal - wide[1] * wide[1])
            name = "cosh"
        else:
            name = formula.function
        exact = goal / FUNCTIONS[name].compute(np.ones(len(goal)), wide[0])
        moved = ((x + exact) * 0.5).astype(first.dtype)
        margin = bound.value - tightened.value
        reach = margin * np.abs(x) if bound.kind == "rel" else np.full(len(x), margin)
        fits = np.abs(moved.astype(np.float64) - x) <= reach * (1 - 2.0**-20)
    return np.where(fits & np.isfinite(moved) & (first != 0), moved, first)


def encode_residual(
    formula: Relation, sources: Sequence[Values], values: Values, bound: ErrorBound, dropped_bits: int
) -> tuple[Values, NDArray[np.int64]] | None:
    """The steps from a formula's results to `values`, in the smallest type, and the rows in which they miss
    the bound.

    None if there are too many such rows.
    """
    predicted = formula.values(sources, values.dtype)
    steps = residual(values, predicted, dropped_bits)
    too_large = np.abs(steps) > np.iinfo(np.int16).max
    steps[too_large] = 0
    missed = violations(values, apply_residual(predicted, steps, dropped_bits), bound)
    if len(missed) > MAX_OUTLIER_SHARE * len(values):
        return None
    small = np.abs(steps).max(initial=0) <= np.iinfo(np.int8).max
    return steps.astype(np.int8 if small else np.int16), missed
