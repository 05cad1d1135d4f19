"""Elementary functions that give the same bits everywhere (formats/pages.md#functions).

Only correctly rounded IEEE 754 operations on doubles, element by element, in a fixed order: a maths library's
functions differ in the last bit from one machine to the next.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MAX_EXPONENT = 700.0
"""`exp` is for arguments from minus this to this, which keeps it finite; others are moved to the nearest."""

MAX_ANGLE = float(1 << 20)
"""`cos` and `sin` are for angles from minus this to this; others give NaN."""

TERMS = 9
"""Of each Taylor series of `cos`, `sin` and `sinh`; twice as many, less two, of `exp`."""


def _split(value: decimal.Decimal) -> tuple[float, float]:
    """A constant as two doubles: 32 bits, whose products with small integers are exact, and what is left."""
    exponent = math.frexp(float(value))[1]
    head = math.ldexp(float(int(value * 2 ** (32 - exponent))), exponent - 32)
    return head, float(value - decimal.Decimal(head))


with decimal.localcontext(decimal.Context(prec=60)):
    LOG2_HEAD, LOG2_TAIL = _split(decimal.Decimal(2).ln())
    HALF_PI_HEAD, HALF_PI_TAIL = _split(decimal.Decimal("1.570796326794896619231321691639751442098584699"))

_INVERSE = [1.0 / math.factorial(k) for k in range(2 * TERMS + 1)]


def exp(x: Doubles) -> Doubles:
    """e**x."""
    x = np.clip(x, -MAX_EXPONENT, MAX_EXPONENT)
    octaves = np.rint(x / (LOG2_HEAD + LOG2_TAIL))
    rest = (x - octaves * LOG2_HEAD) - octaves * LOG2_TAIL
    series = _horner(rest, _INVERSE[: 2 * TERMS - 2])
    power = (np.where(np.isnan(octaves), 0.0, octaves).astype(np.int64) + 1023 << 52).view(np.float64)
    return series * power


def cosh(x: Doubles) -> Doubles:
    """Hyperbolic cosine."""
    grown = exp(x)
    return (grown + 1.0 / grown) * 0.5


def sinh(x: Doubles) -> Doubles:
    """Hyperbolic sine."""
    grown = exp(x)
    near = x * _horner(x * x, _INVERSE[1 : 2 * TERMS : 2])
    return np.where(np.abs(x) < 1.0, near, (grown - 1.0 / grown) * 0.5)


def cos(x: Doubles) -> Doubles:
    """Cosine of an angle in radians."""
    return _circular(x, 1)


def sin(x: Doubles) -> Doubles:
    """Sine of an angle in radians."""
    return _circular(x, 0)


def _circular(x: Doubles, quarter: int) -> Doubles:
    """The sine of an angle that many quarters of a turn further."""
    known = np.abs(x) <= MAX_ANGLE
    x = np.where(known, x, 0.0)
    quarters = np.rint(x / (HALF_PI_HEAD + HALF_PI_TAIL))
    rest = (x - quarters * HALF_PI_HEAD) - quarters * HALF_PI_TAIL
    square = -(rest * rest)
    turn = quarters.astype(np.int64) + quarter & 3
    value = np.where(
        turn & 1,
        _horner(square, _INVERSE[0 : 2 * TERMS : 2]),
        rest * _horner(square, _INVERSE[1 : 2 * TERMS : 2]),
    )
    return np.where(known, np.where(turn & 2, -value, value), np.nan)


def _horner(x: Doubles, coefficients: Sequence[float]) -> Doubles:
    """The polynomial with these coefficients, lowest first."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total
