"""Elementary functions that give the same bits everywhere (formats/pages.md#functions).

They use only correctly rounded IEEE 754 operations on doubles, element by element, in a fixed order: the
functions of maths libraries differ in the last bit from one machine to another.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


MAX_EXPONENT = 700.0
"""Largest magnitude of the argument of `exp`, which keeps the result finite; larger ones are clipped."""


MAX_ANGLE = float(1 << 20)
"""Largest magnitude of the argument of `cos` and `sin`; larger ones give NaN."""


TERMS = 9
"""Terms of the Taylor series of `cos`, `sin` and `sinh`; `exp` has twice as many, less two."""


LOG_TERMS = 11
"""Terms of the series of `arcsinh`, for arguments up to 3 - √8."""


def _split(value: decimal.Decimal) -> tuple[float, float]:
    """A constant as two doubles: its first 32 bits, whose products with small integers are exact, and the
    rest."""
    exponent = math.frexp(float(value))[1]
    head = math.ldexp(float(int(value * 2 ** (32 - exponent))), exponent - 32)
    return head, float(value - decimal.Decimal(head))


with decimal.localcontext(decimal.Context(prec=60)):
    LOG2_HEAD, LOG2_TAIL = _split(decimal.Decimal(2).ln())
    HALF_PI_HEAD, HALF_PI_TAIL = _split(decimal.Decimal("1.570796326794896619231321691639751442098584699"))


_INVERSE = [1.0 / math.factorial(k) for k in range(2 * TERMS + 1)]


_ODD = [1.0 / k for k in range(1, 46, 2)]
"""Coefficients of the series of the inverse functions, for arguments up to `NEAR`; `arcsinh` needs only the
first."""


NEAR = math.sqrt(2.0) - 1.0
"""Tangent of π/8."""


ROOT_HALF = math.sqrt(0.5)


HALF_PI = HALF_PI_HEAD + HALF_PI_TAIL


def exp(x: Doubles) -> Doubles:
    """e**x."""
    x = np.clip(x, -MAX_EXPONENT, MAX_EXPONENT)
    octaves = np.rint(x / (LOG2_HEAD + LOG2_TAIL))
    remainder = (x - octaves * LOG2_HEAD) - octaves * LOG2_TAIL
    series = _horner(remainder, _INVERSE[: 2 * TERMS - 2])
    power = (np.where(np.isnan(octaves), 0.0, octaves).astype(np.int64) + 1023 << 52).view(np.float64)
    return series * power


def cosh(x: Doubles) -> Doubles:
    """Hyperbolic cosine."""
    exponential = exp(x)
    return (exponential + 1.0 / exponential) * 0.5


def sinh(x: Doubles) -> Doubles:
    """Hyperbolic sine."""
    exponential = exp(x)
    series = x * _horner(x * x, _INVERSE[1 : 2 * TERMS : 2])
    return np.where(np.abs(x) < 1.0, series, (exponential - 1.0 / exponential) * 0.5)


def cos(x: Doubles) -> Doubles:
    """Cosine of an angle in radians."""
    return _circular(x, 1)


def sin(x: Doubles) -> Doubles:
    """Sine of an angle in radians."""
    return _circular(x, 0)


def wrap(x: Doubles) -> Doubles:
    """An angle in radians plus the whole number of turns that brings it to about -π to π; NaN beyond
    `MAX_ANGLE`."""
    in_range = np.abs(x) <= MAX_ANGLE
    x = np.where(in_range, x, 0.0)
    quarters = 4.0 * np.rint(x / (4.0 * HALF_PI))
    wrapped = (x - quarters * HALF_PI_HEAD) - quarters * HALF_PI_TAIL
    return np.where(in_range, wrapped, np.nan)


def arcsinh(x: Doubles) -> Doubles:
    """Inverse hyperbolic sine; NaN where the square of `x` is too large for a double."""
    size = np.abs(x)
    square = size * size
    expm1 = size + square / (1.0 + np.sqrt(1.0 + square))  # e**result - 1
    mantissa, octaves = np.frexp(1.0 + expm1)
    is_low = mantissa < ROOT_HALF
    mantissa, octaves = np.where(is_low, mantissa + mantissa, mantissa), octaves - is_low
    is_small = expm1 <= NEAR
    ratio = np.where(is_small, expm1 / (2.0 + expm1), (mantissa - 1.0) / (mantissa + 1.0))
    octaves = np.where(is_small, 0.0, octaves)
    series = ratio * _horner(ratio * ratio, _ODD[:LOG_TERMS])
    return np.copysign(octaves * LOG2_HEAD + (octaves * LOG2_TAIL + (series + series)), x)


def arctan2(y: Doubles, x: Doubles) -> Doubles:
    """The angle of the vector (x, y), from -π to π."""
    height, width = np.abs(y), np.abs(x)
    longer = np.maximum(height, width)
    slope = np.minimum(height, width) / np.where(longer == 0.0, 1.0, longer)
    is_steep = slope > NEAR
    slope = np.where(is_steep, (slope - 1.0) / (slope + 1.0), slope)
    angle = slope * _horner(-(slope * slope), _ODD)
    angle = np.where(is_steep, angle + 0.5 * HALF_PI, angle)
    angle = np.where(height > width, HALF_PI - angle, angle)
    return np.copysign(np.where(np.signbit(x), 2.0 * HALF_PI - angle, angle), y)


def _circular(x: Doubles, quarter: int) -> Doubles:
    """The sine of `x` plus `quarter` quarters of a turn."""
    in_range = np.abs(x) <= MAX_ANGLE
    x = np.where(in_range, x, 0.0)
    quarters = np.rint(x / (HALF_PI_HEAD + HALF_PI_TAIL))
    remainder = (x - quarters * HALF_PI_HEAD) - quarters * HALF_PI_TAIL
    square = -(remainder * remainder)
    turn = quarters.astype(np.int64) + quarter & 3
    value = np.where(
        turn & 1,
        _horner(square, _INVERSE[0 : 2 * TERMS : 2]),
        remainder * _horner(square, _INVERSE[1 : 2 * TERMS : 2]),
    )
    return np.where(in_range, np.where(turn & 2, -value, value), np.nan)


def _horner(x: Doubles, coefficients: Sequence[float]) -> Doubles:
    """The polynomial with these coefficients, lowest first."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total
