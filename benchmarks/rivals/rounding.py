"""Floats rounded to mantissa bits that meet a bound, for rivals without error bounds."""

from __future__ import annotations

import math
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.format.bounds import ErrorBound

MANTISSA = {2: 10, 4: 23, 8: 52}


def rounded_values(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Floats rounded to `bits` mantissa bits, ties to even; values other than normal floats stay."""
    size = values.dtype.itemsize
    dropped_bits = MANTISSA[size] - bits
    if values.dtype.kind != "f" or dropped_bits <= 0:
        return values
    word = np.dtype(f"u{size}").type
    raw = values.view(word)
    half = word((1 << (dropped_bits - 1)) - 1) + ((raw >> word(dropped_bits)) & word(1))
    result = ((raw + half) & ~word((1 << dropped_bits) - 1)).view(values.dtype)
    normal = np.isfinite(values) & (np.abs(values) >= np.finfo(values.dtype).tiny) & np.isfinite(result)
    return np.where(normal, result, values)


def rounded_to(values: NDArray[Any], bound: ErrorBound) -> NDArray[Any]:
    """Floats rounded as far as the bound allows; other values unchanged."""
    if values.dtype.kind != "f" or bound.is_lossless:
        return values
    if (bits := bound.mantissa_bits(values.dtype)) is not None:
        return rounded_values(values, bits)
    # Multiples of one power of two, so that all values have the same last bit.
    step = 2.0 ** math.floor(math.log2(2 * bound.value))
    with np.errstate(all="ignore"):
        result = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
    return np.where(np.isfinite(result) & (result != 0), result, values)


def rounded(array: ak.Array, bound: str) -> ak.Array:
    """The array with all floats rounded as far as the bound allows."""
    parsed = ErrorBound.parse(bound)
    if parsed.kind == "lossless":
        return array

    def visit(layout: Any, **_: Any) -> Any:
        if layout.is_numpy and layout.dtype.kind == "f":
            values = rounded_to(np.ascontiguousarray(layout.data), parsed)
            return ak.contents.NumpyArray(values, parameters=layout.parameters)
        return None

    return ak.transform(visit, array)
