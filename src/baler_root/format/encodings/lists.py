"""Reductions of lists: one value for each list, from the items of all (formats/pages.md#lists)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

Doubles = NDArray[np.float64]


def total(lengths: Doubles, items: Doubles) -> Doubles:
    """The sum of each list, in the order of its items; 0 for an empty one."""
    counts = _counts(lengths, items)
    numbers = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(numbers, items, minlength=len(counts)).astype(np.float64)


def total_above(lengths: Doubles, items: Doubles, threshold: float) -> Doubles:
    """The sum of the items of each list that are above a threshold."""
    return total(lengths, np.where(items > threshold, items, 0.0))


def count_above(lengths: Doubles, items: Doubles, threshold: float) -> Doubles:
    """The number of items of each list that are above a threshold."""
    return total(lengths, (items > threshold).astype(np.float64))


def largest(lengths: Doubles, items: Doubles) -> Doubles:
    """The largest item of each list; NaN for an empty one, or if an item is NaN."""
    return _reduced(np.maximum, lengths, items)


def smallest(lengths: Doubles, items: Doubles) -> Doubles:
    """The smallest item of each list; NaN for an empty one, or if an item is NaN."""
    return _reduced(np.minimum, lengths, items)


def item(lengths: Doubles, items: Doubles, position: float) -> Doubles:
    """The item at this position of each list; NaN for a list without it."""
    counts = _counts(lengths, items)
    has_item = (position >= 0) & (position < counts)
    result = np.full(len(counts), np.nan)
    starts = np.cumsum(counts) - counts
    result[has_item] = items[starts[has_item] + int(position)]
    return result


def _reduced(function: np.ufunc, lengths: Doubles, items: Doubles) -> Doubles:
    counts = _counts(lengths, items)
    result = np.full(len(counts), np.nan)
    filled = np.flatnonzero(counts)
    if len(filled):
        starts = (np.cumsum(counts) - counts)[filled]
        result[filled] = function.reduceat(items, starts) + 0.0  # which of two zeros it is varies
    return result


def _counts(lengths: Doubles, items: Doubles) -> NDArray[np.int64]:
    """The lengths of the lists as integers; raises CorruptFileError if the items are not that many."""
    whole = np.isfinite(lengths) & (lengths >= 0) & (lengths <= len(items))
    if not whole.all():
        raise CorruptFileError("lengths of lists that are negative, or exceed the number of items")
    counts = lengths.astype(np.int64)
    if int(counts.sum()) != len(items):
        raise CorruptFileError(f"lists of {int(counts.sum())} items in all, of which there are {len(items)}")
    return counts
