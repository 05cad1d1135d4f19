"""Integer tables behind every probability: logistic distribution, powers of two.

They are computed from their formulas in decimal arithmetic, which rounds the same way everywhere; a libm may
not.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

AXIS_BITS = 20
"""Fraction bits of positions on a column's axis, on which the column itself has a standard logistic
distribution.
"""


AXIS_LIMIT = 20 << AXIS_BITS
"""Positions lie between minus this and this."""


SIGMA_BITS = 28
"""Fraction bits of cumulative probabilities."""


SIGMA_STEP_BITS = 13
"""Axis units between entries of the logistic table, as a power of two."""


TOTAL_BITS = 30
"""Probabilities of symbols are parts of 2**30."""


MAX_SYMBOLS = 1 << 20
"""Most symbols on one axis: the one part that every symbol has must stay negligible."""


OUTPUT_BITS = 10
"""Fraction bits of the outputs of a network: log2 of weights, means, log2 of scales."""


WEIGHT_BITS = 15
"""Fraction bits of the weights of a mixture."""


FLOOR_WEIGHT = 1 << 7
"""Weight of the distribution of the column in every mixture: no symbol costs more than 8 bits beyond it."""


LOG_STEPS = 16
"""Table entries for each factor of two, for weights and scales."""


INVERSE_BITS = 8
"""Fraction bits of inverse scales."""


MIN_LOG_SCALE, MAX_LOG_SCALE = -12, 3
"""log2 of the smallest and largest scale."""


_EXACT = Context(prec=40)


def _rounded(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_UP, _EXACT))


@cache
def sigma() -> NDArray[np.int64]:
    """round(2**28 / (1 + exp(-x))) for x from -20 to 20 in steps of 2**-7."""
    count = AXIS_LIMIT >> SIGMA_STEP_BITS
    scale = Decimal(1 << SIGMA_BITS)
    step = Decimal(2) ** (SIGMA_STEP_BITS - AXIS_BITS)
    upper = [
        _rounded(_EXACT.divide(scale, 1 + _EXACT.exp(_EXACT.multiply(-step, Decimal(i)))))
        for i in range(count + 1)
    ]
    lower = [(1 << SIGMA_BITS) - value for value in upper[:0:-1]]
    return _frozen([*lower, *upper])


@cache
def powers() -> NDArray[np.int64]:
    """round(2**15 * 2**(-d/16)) for d from 0 to 255: weight of a component d steps below the heaviest."""
    return _frozen([_rounded(_power(Decimal(WEIGHT_BITS) - Decimal(d) / LOG_STEPS)) for d in range(256)])


@cache
def inverse_scales() -> NDArray[np.int64]:
    """round(2**8 / scale) for scales from 2**-12 to 2**3, 16 for each factor of two."""
    steps = range(MIN_LOG_SCALE * LOG_STEPS, MAX_LOG_SCALE * LOG_STEPS + 1)
    return _frozen([_rounded(_power(Decimal(INVERSE_BITS) - Decimal(step) / LOG_STEPS)) for step in steps])


class MixtureTables(NamedTuple):
    """All tables that the mixture coder uses, as one argument."""

    sigma: NDArray[np.int64]
    powers: NDArray[np.int64]
    inverses: NDArray[np.int64]


@cache
def mixture_tables() -> MixtureTables:
    """Tables of `sigma`, `powers` and `inverse_scales`."""
    return MixtureTables(sigma(), powers(), inverse_scales())


def _power(exponent: Decimal) -> Decimal:
    return _EXACT.power(Decimal(2), exponent)


def _frozen(values: list[int]) -> NDArray[np.int64]:
    table = np.array(values, dtype=np.int64)
    table.flags.writeable = False
    return table
