"""Axis of a column: its symbols, placed so that the column has a standard logistic distribution.

Knots give the share of values below some of the symbols; between knots the share grows linearly. On this axis
all columns look alike to a network: spikes are wide, empty ranges narrow, and a column about which nothing is
known has one fixed distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.entropy import probability_tables
from baler_root.format.entropy.probability_tables import MAX_SYMBOLS

SHARE_BITS = 24
"""Fraction bits of the shares at knots."""


CODE_BITS = 8
"""Fraction bits of codes, the inputs of networks."""


CODE_LIMIT = 1 << 11
"""Codes have 12 bits: from minus this to below this."""


@dataclass(frozen=True)
class QuantileAxis:
    """Axis of the symbols `low` to `low + positions[-1] - 1`: a CDF transform of a column."""

    low: int
    positions: Ints
    """Symbols (counted from `low`) at which the knots stand, increasing, the first 0."""
    shares: Ints
    """Parts of 2**24 of the values below each knot, from 0 to 2**24."""

    def __post_init__(self) -> None:
        p, s = self.positions, self.shares
        if len(p) != len(s) or len(p) < 2 or p[0] or s[0] or s[-1] != 1 << SHARE_BITS:
            raise CorruptFileError("the knots of an axis do not begin and end as they must")
        if np.any(np.diff(p) <= 0) or np.any(np.diff(s) < 0) or p[-1] > MAX_SYMBOLS:
            raise CorruptFileError("the knots of an axis do not increase")

    @property
    def length(self) -> int:
        """Number of symbols."""
        return int(self.positions[-1])

    @cached_property
    def cumulative(self) -> Ints:
        """Parts of 2**28 below each symbol, and below the end."""
        symbols = np.arange(self.length + 1)
        knot = np.minimum(np.searchsorted(self.positions, symbols, side="right"), len(self.positions) - 1) - 1
        rise, run = np.diff(self.shares)[knot], np.diff(self.positions)[knot]
        extra = probability_tables.SIGMA_BITS - SHARE_BITS
        interpolated = ((symbols - self.positions[knot]) * rise << extra) // run
        return np.asarray((self.shares[knot] << extra) + interpolated)

    @cached_property
    def edges(self) -> Ints:
        """Positions on the axis at which each symbol begins, and the end, in units of 2**-20."""
        return quantile(self.cumulative)

    @cached_property
    def codes(self) -> NDArray[np.int16]:
        """Code of each symbol, the input of networks: its middle on the axis, in units of 2**-8."""
        middle = quantile(self.cumulative[:-1] + self.cumulative[1:] >> 1)
        shift = probability_tables.AXIS_BITS - CODE_BITS
        codes = np.clip(middle + (1 << (shift - 1)) >> shift, -CODE_LIMIT, CODE_LIMIT - 1)
        return np.asarray(codes, dtype=np.int16)

    def places(self, symbols: NDArray[np.generic]) -> Ints:
        """Symbols counted from `low`; those outside the axis are moved to its end."""
        return np.asarray(np.clip(symbols.astype(np.int64) - self.low, 0, self.length - 1))

    def codes_of(self, symbols: NDArray[np.generic]) -> NDArray[np.int16]:
        """Codes of symbols; a symbol outside the axis has the code of the nearest end."""
        places = np.subtract(symbols, self.low, dtype=np.int64, casting="unsafe")
        codes: NDArray[np.int16] = self.codes.take(places, mode="clip")
        return codes

    def checked(self, symbols: NDArray[np.generic]) -> Ints:
        """Symbols counted from `low`; raises CorruptFileError for symbols outside the axis."""
        places = self.places(symbols)
        if not np.array_equal(places + self.low, symbols):
            raise CorruptFileError("symbols that are not on the axis of their column")
        return places


def quantile(shares: Ints) -> Ints:
    """Positions below which the logistic distribution has these parts of 2**28, in units of 2**-20."""
    sigma = probability_tables.sigma()
    entry = np.clip(np.searchsorted(sigma, shares, side="right") - 1, 0, len(sigma) - 2)
    low, step = sigma[entry], np.maximum(1, sigma[entry + 1] - sigma[entry])
    interpolated = np.clip(
        (shares - low << probability_tables.SIGMA_STEP_BITS) // step,
        0,
        1 << probability_tables.SIGMA_STEP_BITS,
    )
    return np.asarray(
        (entry << probability_tables.SIGMA_STEP_BITS) + interpolated - probability_tables.AXIS_LIMIT
    )


def symbols_at(places: NDArray[np.int64], low: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Symbols at these places of an axis; raises CorruptFileError if they do not fit the type of the
    column.
    """
    if dtype.kind not in "uib":
        raise CorruptFileError(f"an axis of {dtype} symbols")
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    lowest, highest = low + int(places.min(initial=0)), low + int(places.max(initial=0))
    if lowest < limits[0] or highest > limits[1]:
        raise CorruptFileError(f"symbols from {lowest} to {highest} in a column of {dtype}")
    return (places + low).astype(dtype)


EXACT_PLACES = MAX_SYMBOLS >> 2
"""Most places on the axis of exact floats; the bits below are noise to all other columns."""
