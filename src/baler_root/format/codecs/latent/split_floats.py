"""Exact floats in two parts: integers that grow with the value, which a model can know, and the bits below them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import magnitude_mask, negatives, patterns
from baler_root.format.encodings.grid import fold, unfold

Values = NDArray[Any]


def low_dtype(drop: int) -> np.dtype[Any]:
    """What holds so many low bits."""
    return np.min_scalar_type((1 << drop) - 1)


def take_apart(values: Values, drop: int) -> tuple[NDArray[np.int64], Values]:
    """Patterns without their `drop` low bits, as integers that grow with the value, and those bits."""
    bits = patterns(values)
    magnitude = bits & bits.dtype.type(magnitude_mask(bits.dtype.itemsize))
    coarse = fold((magnitude >> bits.dtype.type(drop)).astype(np.int64), negatives(values), 0)
    return coarse, (bits & bits.dtype.type((1 << drop) - 1)).astype(low_dtype(drop))


def put_together(coarse: NDArray[np.int64], low: Values, dtype: np.dtype[Any], drop: int) -> Values:
    """The floats that `take_apart` took apart; raises CorruptFileError for parts that are none of this dtype."""
    index, negative = unfold(coarse, 0)
    if int(index.max(initial=0)) > magnitude_mask(dtype.itemsize) >> drop:
        raise CorruptFileError(f"a pattern beyond those of {dtype}")
    if int(low.max(initial=0)) >> drop:
        raise CorruptFileError(f"{drop} low bits are {low.max()}")
    bits = index.astype(f"u{dtype.itemsize}") << np.dtype(f"u{dtype.itemsize}").type(drop)
    bits |= low.astype(bits.dtype)
    if negative is not None:
        bits[negative] |= bits.dtype.type(magnitude_mask(dtype.itemsize) + 1)
    return np.asarray(bits.view(dtype))
