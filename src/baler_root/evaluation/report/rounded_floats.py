"""Floats rounded as far as error bounds allow, for files of other formats at equal bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.bit_patterns import round_mantissa
from baler_root.format.bounds import ErrorBound

if TYPE_CHECKING:
    import awkward as ak


def rounded_values(values: NDArray[Any], bound: ErrorBound) -> NDArray[Any]:
    """Floats with the fewest mantissa bits within the bound; for `abs`, multiples of a power of two.

    Infinities, NaN and, for `rel` and `bits`, subnormal numbers are unchanged, and so are values that are not
    floats.
    """
    if values.dtype.kind != "f" or bound.is_lossless:
        return values
    usable = np.isfinite(values)
    with np.errstate(all="ignore"):
        bits = bound.mantissa_bits(values.dtype)
        if bits is None:
            step = 2.0 ** math.floor(math.log2(2 * bound.value))
            rounded = (np.rint(values.astype(np.float64) / step) * step).astype(values.dtype)
        else:
            usable &= np.abs(values) >= np.finfo(values.dtype).smallest_normal
            rounded = round_mantissa(values, bits)
    return np.where(usable & np.isfinite(rounded), rounded, values)


def rounded_array(array: ak.Array, bound_of: Callable[[str], ErrorBound]) -> ak.Array:
    """The array with all floats rounded as far as their bounds allow.

    `bound_of` returns the bound of a field: the names of the records' fields, joined by dots; empty outside
    records.
    """
    import awkward as ak

    def in_field(path: str) -> Callable[..., Any]:
        def visit(layout: Any, **_: Any) -> Any:
            if layout.is_record:
                paths = [f"{path}.{name}" if path else name for name in layout.fields]
                contents = [
                    ak.transform(in_field(inner), content, highlevel=False)
                    for inner, content in zip(paths, layout.contents, strict=True)
                ]
                names = None if layout.is_tuple else layout.fields
                return ak.contents.RecordArray(
                    contents, names, length=layout.length, parameters=layout.parameters
                )
            if layout.is_numpy and layout.dtype.kind == "f":
                values = rounded_values(np.ascontiguousarray(layout.data), bound_of(path))
                return ak.contents.NumpyArray(values, parameters=layout.parameters)
            return None

        return visit

    return ak.transform(in_field(""), array)
