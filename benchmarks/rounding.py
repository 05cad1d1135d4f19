"""What rivals may do within a bound: floats rounded to the mantissa bits that meet it."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

MANTISSA = {2: 10, 4: 23, 8: 52}


def bits_for(bound: str) -> int | None:
    """Mantissa bits whose rounding meets `rel=ε` or `bits=m`; None for `lossless`."""
    kind, _, value = bound.partition("=")
    if kind == "lossless":
        return None
    if kind == "bits":
        return int(value)
    if kind != "rel":
        raise ValueError(f"no rival is defined for the bound {bound!r}")
    bits = 0
    while 2.0 ** -(bits + 1) > float(value):
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


def rounded(array: ak.Array, bits: int | None) -> ak.Array:
    """The same array with every float rounded; unchanged when `bits` is None."""
    if bits is None:
        return array

    def visit(layout: Any, **_: Any) -> Any:
        if layout.is_numpy and layout.dtype.kind == "f":
            values = rounded_values(np.ascontiguousarray(layout.data), bits)
            return ak.contents.NumpyArray(values, parameters=layout.parameters)
        return None

    return ak.transform(visit, array)
