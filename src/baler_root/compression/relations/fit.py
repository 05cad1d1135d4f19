"""Carried out of relations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import MAX_OUTLIERS
from baler_root.format.binary.bit_patterns import MANTISSA_BITS
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.base import Values
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import ENERGIES, FUNCTIONS
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.residual import apply_residual, residual


@dataclass(frozen=True, slots=True)
class PlannedRelation:
    """How a column of a tree is stored as a relation."""

    relation: Relation
    dropped_bits: int | None = None
    """Low bits dropped from the patterns in which what the relation misses is counted; None where it must not miss."""
    shared: bool = False
    """Whether the first source is moved so that its own error and that of this column are equal."""
    saved: float = 0.0
    """Estimated bits of a value that are saved."""


def droppable(bound: ErrorBound, dtype: np.dtype[Any]) -> int | None:
    """How many low bits of patterns of `dtype` may be rounded away within the bound; None where that is not known."""
    mantissa = MANTISSA_BITS[dtype.itemsize]
    if bound.kind == "lossless":
        return 0
    if bound.kind == "bits":
        return max(0, mantissa - int(bound.value))
    if bound.kind == "rel":
        # Half a step is at most 2**(drop - mantissa - 1) of the value.
        return max(0, min(mantissa, int(np.floor(np.log2(bound.value))) + mantissa + 1))
    return None


def balance_error(
    formula: Formula,
    first: Values,
    others: Sequence[Values],
    values: Values,
    own: ErrorBound,
    held: ErrorBound,
) -> Values:
    """The first argument moved half-way to where the function gives `values` exactly, given the other ones decoded.

    Its own error and that of the function then are equal: each can have nearly all of its bound. Where it would move
    further than `own` allows when it is `held` to a tighter bound, it stays.
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
        exact = goal / FUNCTIONS[name].of(np.ones(len(goal)), wide[0])
        moved = ((x + exact) * 0.5).astype(first.dtype)
        room = own.value - held.value
        reach = room * np.abs(x) if own.kind == "rel" else np.full(len(x), room)
        fits = np.abs(moved.astype(np.float64) - x) <= reach * (1 - 2.0**-20)
    return np.where(fits & np.isfinite(moved) & (first != 0), moved, first)


def encode_residual(
    formula: Relation, sources: Sequence[Values], values: Values, bound: ErrorBound, dropped_bits: int
) -> tuple[Values, NDArray[np.int64]] | None:
    """The steps from what a function gives to `values`, in the smallest type, and the rows that they miss.

    None where these are too many.
    """
    predicted = formula.values(sources, values.dtype)
    steps = residual(values, predicted, dropped_bits)
    far = np.abs(steps) > np.iinfo(np.int16).max
    steps[far] = 0
    missed = violations(values, apply_residual(predicted, steps, dropped_bits), bound)
    if len(missed) > MAX_OUTLIERS * len(values):
        return None
    small = np.abs(steps).max(initial=0) <= np.iinfo(np.int8).max
    return steps.astype(np.int8 if small else np.int16), missed
