"""Comparison of two arrays: type, structure and every bit."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np


def difference(left: ak.Array, right: ak.Array) -> str:
    """First difference in words; empty if type, structure and all bits are equal."""
    if str(left.type) != str(right.type):
        return f"type: {str(left.type)[:60]} became {str(right.type)[:60]}"
    return _layouts(packed(left), packed(right))


def packed(array: Any) -> Any:
    """Packed layout of an array or layout."""
    return ak.to_packed(array, highlevel=False)


def _layouts(a: Any, b: Any) -> str:
    """First difference of packed layouts of equal type, in words."""
    if a.is_indexed and not a.is_option:
        a = a.project()
    if b.is_indexed and not b.is_option:
        b = b.project()
    if a.is_unknown or b.is_unknown:
        return "" if len(a) == len(b) == 0 else "unknown type"
    if a.is_option or b.is_option:
        if not np.array_equal(_missing(a), _missing(b)):
            return "missing values"
        return _layouts(_present(a), _present(b))
    if a.is_numpy and b.is_numpy:
        x, y = np.ascontiguousarray(a.data), np.ascontiguousarray(b.data)
        if x.dtype != y.dtype or x.shape != y.shape:
            return f"{x.dtype}{x.shape} became {y.dtype}{y.shape}"
        return "" if x.tobytes() == y.tobytes() else "values"
    if a.is_record and b.is_record:
        return next((d for x, y in zip(a.contents, b.contents, strict=True) if (d := _layouts(x, y))), "")
    if a.is_union and b.is_union:
        return "" if ak.to_list(a) == ak.to_list(b) else "values of a union"
    if (a.is_list or a.is_regular) and (b.is_list or b.is_regular):
        a, b = a.to_ListOffsetArray64(True), b.to_ListOffsetArray64(True)
        if not np.array_equal(np.asarray(a.offsets), np.asarray(b.offsets)):
            return "list lengths"
        stop = int(a.offsets[-1])
        return _layouts(packed(a.content[:stop]), packed(b.content[:stop]))
    if a.is_numpy or b.is_numpy:  # fixed-size arrays have two representations
        return _layouts(a.to_RegularArray() if a.is_numpy else a, b.to_RegularArray() if b.is_numpy else b)
    return f"{type(a).__name__} became {type(b).__name__}"


def _missing(layout: Any) -> Any:
    """Mask of missing values."""
    return (
        np.asarray(layout.mask_as_bool(valid_when=False)) if layout.is_option else np.zeros(len(layout), bool)
    )


def _present(layout: Any) -> Any:
    """Packed layout of the values that are not missing."""
    return packed(layout.project() if layout.is_option else layout)
