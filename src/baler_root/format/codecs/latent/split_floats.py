"""Splits exact floats in two parts: integers that increase with the value, for models, and the bits below
them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import magnitude_mask, negatives, patterns
from baler_root.format.encodings.grid import fold, unfold


def low_dtype(dropped_bits: int) -> np.dtype[Any]:
    """Smallest unsigned type for this many low bits."""
    return np.min_scalar_type((1 << dropped_bits) - 1)


def split_bits(values: Values, dropped_bits: int) -> tuple[NDArray[np.int64], Values]:
    """Bit patterns without their low bits, as integers that increase with the value, and these low bits."""
    bits = patterns(values)
    magnitude = bits & bits.dtype.type(magnitude_mask(bits.dtype.itemsize))
    coarse = fold((magnitude >> bits.dtype.type(dropped_bits)).astype(np.int64), negatives(values), 0)
    return coarse, (bits & bits.dtype.type((1 << dropped_bits) - 1)).astype(low_dtype(dropped_bits))


def join_bits(coarse: NDArray[np.int64], low: Values, dtype: np.dtype[Any], dropped_bits: int) -> Values:
    """Floats that `split_bits` split; raises CorruptFileError for parts that are not floats of this dtype."""
    index, negative = unfold(coarse, 0)
    if int(index.max(initial=0)) > magnitude_mask(dtype.itemsize) >> dropped_bits:
        raise CorruptFileError(f"a pattern beyond those of {dtype}")
    if int(low.max(initial=0)) >> dropped_bits:
        raise CorruptFileError(f"{dropped_bits} low bits are {low.max()}")
    bits = index.astype(f"u{dtype.itemsize}") << np.dtype(f"u{dtype.itemsize}").type(dropped_bits)
    bits |= low.astype(bits.dtype)
    if negative is not None:
        bits[negative] |= bits.dtype.type(magnitude_mask(dtype.itemsize) + 1)
    return np.asarray(bits.view(dtype))
