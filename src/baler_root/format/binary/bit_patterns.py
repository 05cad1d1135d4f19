"""Bit patterns of numbers: IEEE 754 floats and integers as unsigned integers.

A float's pattern is sign, exponent, mantissa from the top bit down, so the magnitude bits (all but the sign)
grow with the magnitude, and rounding a mantissa is integer arithmetic on the pattern.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 15
"""Values processed at a time where several passes are needed; they fit into the cache."""


MANTISSA_BITS = {2: 10, 4: 23, 8: 52}
"""Explicit mantissa bits of the float dtypes, by item size in bytes."""


def patterns(values: NDArray[Any]) -> NDArray[Any]:
    """The bit patterns of `values` as unsigned integers of the same item size (a view)."""
    return values.view(np.dtype(f"u{values.dtype.itemsize}"))


def exponent_mask(itemsize: int) -> int:
    """The exponent bits of a float of `itemsize` bytes; all set in Inf and NaN."""
    bits = 8 * itemsize - 1
    mantissa = MANTISSA_BITS[itemsize]
    return ((1 << (bits - mantissa)) - 1) << mantissa


def magnitude_mask(itemsize: int) -> int:
    """All bits but the sign of a float of `itemsize` bytes."""
    return (1 << (8 * itemsize - 1)) - 1


def non_finite(bits: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a float pattern is Inf or NaN."""
    mask = bits.dtype.type(exponent_mask(bits.dtype.itemsize))
    return np.asarray((bits & mask) == mask)


def negatives(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where the sign is negative, -0.0 included."""
    return np.asarray(np.signbit(values) if values.dtype.kind == "f" else values < 0)


def one_nan(values: NDArray[Any]) -> NDArray[Any]:
    """The values with one bit pattern for every NaN: the pattern an operation gives depends on the
    processor."""
    return np.where(np.isnan(values), np.nan, values)


def drop_bits(bits: NDArray[Any], dropped_bits: int) -> NDArray[Any]:
    """`bits >> dropped_bits`, rounded to nearest, ties to even.

    The top bit of `bits` must be clear, as it is in magnitudes, so that rounding cannot overflow.
    """
    if dropped_bits == 0:
        return bits
    one = bits.dtype.type(1)
    quotient = bits >> bits.dtype.type(dropped_bits)
    return np.asarray(
        (bits + ((quotient & one) + bits.dtype.type((1 << (dropped_bits - 1)) - 1)))
        >> bits.dtype.type(dropped_bits)
    )


def round_mantissa(values: NDArray[Any], mantissa: int) -> NDArray[Any]:
    """Floats rounded to `mantissa` explicit mantissa bits, ties to even, on the bit pattern.

    The largest finite values may round to Inf; NaN and Inf give no meaningful result.
    """
    dropped_bits = MANTISSA_BITS[values.dtype.itemsize] - mantissa
    if dropped_bits <= 0:
        return values
    bits = patterns(values)
    sign = bits.dtype.type(magnitude_mask(bits.dtype.itemsize) + 1)
    magnitude = drop_bits(bits & ~sign, dropped_bits) << bits.dtype.type(dropped_bits)
    return np.asarray(magnitude | (bits & sign)).view(values.dtype)


def magnitudes(values: NDArray[Any]) -> NDArray[np.uint64]:
    """|x| of integers, exact even for the most negative one."""
    wide = values.astype(np.uint64)  # two's complement, wraps for negative values
    if values.dtype.kind == "i":
        wide = np.where(values < 0, np.negative(wide), wide)
    return wide


def round_integers(
    magnitude: NDArray[np.uint64], mantissa: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Magnitudes rounded to `mantissa + 1` significant bits, ties to even, and whether rounding changed each.

    The results are exact in float64, so `mantissa` is at most 52. The largest may be 2**64.
    """
    with np.errstate(all="ignore"):
        length = np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)
    # The conversion may round up to the next power of two, one bit too long: look again.
    top = np.minimum(length - 1, 63).clip(0).astype(np.uint64)
    length -= (length > 0) & ((magnitude >> top) == 0) | (length == 65)
    dropped_bits = np.maximum(length - (mantissa + 1), 0).astype(np.uint64)
    one = np.uint64(1)
    quotient = magnitude >> dropped_bits
    remainder = magnitude - (quotient << dropped_bits)
    half = np.where(dropped_bits > 0, one << np.maximum(dropped_bits, one) - one, one)
    rounds_up = (remainder > half) | ((remainder == half) & ((quotient & one) == one) & (dropped_bits > 0))
    rounds_up &= dropped_bits > 0
    rounded = np.ldexp((quotient + rounds_up).astype(np.float64), dropped_bits.astype(np.int32))
    return rounded, remainder != 0
