"""Exact comparisons of differences with limits: no rounding of float64 decides.

Rounding keeps order: if the rounded difference is below the rounded limit, so are the exact numbers. Only
where the two are equal are their rounding errors computed and compared. Those are floats, too (Dekker, A
floating-point technique for extending the available precision, Numer. Math. 18, 1971).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


_NEGLIGIBLE = 2.0**-200
"""Below the last bit of every limit for values from 1 to 2; the size of a smaller number doesn't matter."""


_SMALLEST_RATIO = 2.0**-54
"""Two floats that differ, differ by more than this share of either."""


_SPLIT = 2.0**27 + 1.0
"""Factor that splits a float64 into two halves of 26 bits."""


_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def within(x: Floats, y: Floats, limit: float) -> NDArray[np.bool_]:
    """True where |x - y| <= `limit`, a positive finite number; false for NaN and infinities."""
    error = np.abs(x - y)
    result = np.asarray(error < limit)
    equal = np.flatnonzero(error == limit)
    if equal.size:
        _, rest = _difference(x[equal], y[equal])
        result[equal] = rest <= 0
    return result


def within_share(x: Floats, y: Floats, share: float) -> NDArray[np.bool_]:
    """True where 0 < |x - y| <= `share` * |x|, for a `share` from 0 to 1; false for NaN and infinities."""
    if share < _SMALLEST_RATIO:
        return np.zeros(x.shape, np.bool_)
    error, limit = np.abs(x - y), np.abs(x) * share
    result = np.asarray(error < limit)
    result &= limit < np.inf
    equal = np.flatnonzero((error == limit) & (limit < np.inf))
    if equal.size:
        result[equal] = _is_within_share(x[equal], y[equal], share)
    return result


def _is_within_share(x: Floats, y: Floats, share: float) -> NDArray[np.bool_]:
    """`within_share` of finite values, without rounding: all are scaled by powers of two so that |x| is from
    1 to 2."""
    scaled, exponent = np.frexp(x)
    other, own = np.frexp(y)
    scaled, moved = scaled * 2.0, own - exponent + 1
    other = np.where(
        (moved < -200) & (y != 0), np.copysign(_NEGLIGIBLE, y), np.ldexp(other, np.maximum(moved, -200))
    )
    error, error_rest = _difference(scaled, other)
    limit, limit_rest = _product(np.abs(scaled), share)
    return np.asarray((error < limit) | ((error == limit) & (error_rest <= limit_rest)))


def _difference(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """|x - y| as the sum of the rounded difference and its rounding error (Dekker's Fast2Sum)."""
    swapped = np.abs(x) < np.abs(y)
    larger, smaller = np.where(swapped, y, x), np.where(swapped, x, y)
    total = larger - smaller
    rest = (larger - total) - smaller
    return np.abs(total), np.copysign(1.0, total) * rest


def _product(x: Floats, factor: float) -> tuple[Floats, Floats]:
    """x * factor as the sum of the rounded product and its rounding error (Dekker's product)."""
    total = x * factor
    moved = x * _SPLIT
    high = moved - (moved - x)
    low = x - high
    factor_moved = factor * _SPLIT
    factor_high = factor_moved - (factor_moved - factor)
    factor_low = factor - factor_high
    rest = ((high * factor_high - total) + high * factor_low + low * factor_high) + low * factor_low
    return total, rest


def whole_share(magnitude: NDArray[np.uint64], share: float) -> NDArray[Any]:
    """`share` * `magnitude` rounded down to an integer, for a `share` from 0 to 1, by a product of 128
    bits."""
    mantissa, exponent = math.frexp(share)
    factor, shift = int(math.ldexp(mantissa, 53)), 53 - exponent
    factor_low, factor_high = np.uint64(factor & 0xFFFFFFFF), np.uint64(factor >> 32)
    low, high = magnitude & _LOW, magnitude >> _HALF
    lowest, first, second = low * factor_low, low * factor_high, high * factor_low
    middle = (lowest >> _HALF) + (first & _LOW) + (second & _LOW)
    top = high * factor_high + (first >> _HALF) + (second >> _HALF) + (middle >> _HALF)
    bottom = (lowest & _LOW) | (middle << _HALF)
    if shift < 64:
        return np.asarray((top << np.uint64(64 - shift)) | (bottom >> np.uint64(shift)))
    return np.asarray(top >> np.uint64(shift - 64) if shift < 128 else np.zeros_like(top))
