"""What rivals may do within a bound: floats rounded to the mantissa bits that meet it."""

from __future__ import annotations

import math
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_root.format.bounds import ErrorBound

MANTISSA = {2: 10, 4: 23, 8: 52}


def bits_for(bound: ErrorBound) -> int:
    """Mantissa bits whose rounding meets `rel=ε` or `bits=m`."""
    if bound.kind == "bits":
        return int(bound.value)
    bits = 0
    while 2.0 ** -(bits + 1) > bound.value:
        bits += 1
    return bits


def rounded_values(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Floats to the nearest with `bits` mantissa bits, ties to even; what is not a normal float stays."""
    size = values.dtype.itemsize
    drop = MANTISSA[size] - bits
    if values.dtype.kind != "f" or drop <= 0:
        return values
    word = np.dtype(f"u{size}").type
    raw = values.view(word)
    half = word((1 << (drop - 1)) - 1) + ((raw >> word(drop)) & word(1))
    out = ((raw + half) & ~word((1 << drop) - 1)).view(values.dtype)
    normal = np.isfinite(values) & (np.abs(values) >= np.finfo(values.dtype).tiny) & np.isfinite(out)
    return np.where(normal, out, values)


def rounded_to(values: NDArray[Any], bound: ErrorBound) -> NDArray[Any]:
    """Floats rounded as far as the bound allows; others as they are."""
    if values.dtype.kind != "f" or bound.kind == "lossless":
        return values
    if bound.kind != "abs":
        return rounded_values(values, bits_for(bound))
    # The same bits from the point on for all: multiples of a power of two.
    step = 2.0 ** math.floor(math.log2(2 * bound.value))
    with np.errstate(all="ignore"):
        out = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
    return np.where(np.isfinite(out) & (out != 0), out, values)


def rounded(array: ak.Array, bound: str) -> ak.Array:
    """The same array with every float rounded as far as the bound allows."""
    asked = ErrorBound.parse(bound)
    if asked.kind == "lossless":
        return array

    def visit(layout: Any, **_: Any) -> Any:
        if layout.is_numpy and layout.dtype.kind == "f":
            values = rounded_to(np.ascontiguousarray(layout.data), asked)
            return ak.contents.NumpyArray(values, parameters=layout.parameters)
        return None

    return ak.transform(visit, array)
