"""Grids: values that symbols can stand for, and a search for the grid point nearest to a value.

`Grid.values` is the decode rule: integers and correctly rounded IEEE operations in a fixed order, so that it
gives the same bits on every machine. `Grid.index` only proposes a point and may use any arithmetic.

A grid point has an index. `linear`: a signed integer. `shift` and `log`: a magnitude index, and the sign of
the value beside it; `fold` makes one integer of the two, which grows with the value.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import (
    BLOCK,
    MANTISSA_BITS,
    drop_bits,
    magnitude_mask,
    magnitudes,
    non_finite,
    patterns,
    round_integers,
)

GridKind = Literal["shift", "linear", "log"]


MAX_STEPS = 1 << 22
"""Most steps per octave of a log grid: 128 KiB of tables."""


_EXACT = 1 << 53
"""Integers up to here are exact in float64."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced points in one of three scales, as values of `dtype` (float or integer).

    `shift`: IEEE bit patterns whose last `size` bits are zero; of `dtype` itself, or of float64 for integers.
    `linear`: multiples of `size`: a float64 for floats, an integer for integers.
    `log`: `size` points per octave.
    """

    kind: GridKind
    dtype: np.dtype[Any]
    size: int | float

    @property
    def folded(self) -> bool:
        """Whether the index is that of the magnitude, with the sign beside it."""
        return self.kind != "linear"

    def limits(self) -> tuple[int, int]:
        """Smallest and largest index with a value that is defined and finite in float64."""
        if self.kind == "log":
            return -1022 * int(self.size), 1024 * int(self.size) - 1
        if self.kind == "shift":
            bits = magnitude_mask(self._pattern_dtype().itemsize) >> int(self.size)
            return 0, bits
        if self.dtype.kind == "f":
            return -_EXACT, _EXACT
        info = np.iinfo(self.dtype)
        return -(-int(info.min) // int(self.size)), int(info.max) // int(self.size)

    def values(self, index: NDArray[np.int64], negative: NDArray[np.bool_] | None = None) -> NDArray[Any]:
        """Values of type `dtype` at these indices, which must be within `limits`; integers may still
        overflow."""
        with np.errstate(all="ignore"):
            if self.kind == "linear":
                return self._linear_values(index)
            if self.kind == "log":
                magnitude = self._log_magnitudes(index)
            else:
                bits = self._pattern_dtype()
                shifted = index.astype(f"u{bits.itemsize}") << np.dtype(f"u{bits.itemsize}").type(
                    int(self.size)
                )
                magnitude = shifted.view(bits)
            if negative is not None:
                magnitude = np.where(negative, -magnitude, magnitude)
            return magnitude.astype(self.dtype)

    def index(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Index of a grid point near each value, and whether there is one."""
        propose = {"linear": self._linear_index, "log": self._log_index, "shift": self._shift_index}[
            self.kind
        ]
        index, usable = np.empty(values.size, np.int64), np.empty(values.size, np.bool_)
        with np.errstate(all="ignore"):
            for start in range(0, values.size, BLOCK):
                block = slice(start, start + BLOCK)
                index[block], usable[block] = propose(values[block])
        return index, usable

    def _pattern_dtype(self) -> np.dtype[Any]:
        return self.dtype if self.dtype.kind == "f" else np.dtype(np.float64)

    def _linear_values(self, index: NDArray[np.int64]) -> NDArray[Any]:
        if self.dtype.kind == "f":
            return (index.astype(np.float64) * self.size).astype(self.dtype)
        return (index.astype(np.uint64) * np.uint64(int(self.size))).astype(self.dtype)  # modulo 2**64

    def _log_magnitudes(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        steps = int(self.size)
        coarse, fine = octave_tables(steps)
        octave = index // steps
        within = index - octave * steps
        mantissa = coarse[within >> 8] * fine[within & 255]
        return np.asarray(mantissa * ((octave + 1023) << 52).view(np.float64))

    def _linear_index(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        low, high = self.limits()
        if self.dtype.kind == "f":
            quotient = np.rint(values.astype(np.float64) / self.size)
            usable = np.abs(quotient) <= _EXACT
            if not usable.all():
                quotient[~usable] = 0.0
            return quotient.astype(np.int64), usable
        wide = values.astype(np.uint64 if self.dtype.kind == "u" else np.int64)
        step = wide.dtype.type(int(self.size))
        whole = wide // step
        index = whole.astype(np.int64) + ((wide - whole * step) > step // wide.dtype.type(2))
        usable = (index >= low) & (index <= high)
        return np.clip(index, low, high), usable

    def _log_index(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        low, high = self.limits()
        scaled = np.log2(np.abs(values.astype(np.float64)))
        scaled *= self.size
        np.rint(scaled, out=scaled)
        usable = (scaled >= low) & (scaled <= high)
        if not usable.all():
            scaled = np.where(np.isnan(scaled), low, np.clip(scaled, low, high))
        return scaled.astype(np.int64), usable

    def _shift_index(self, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        dropped_bits = int(self.size)
        if self.dtype.kind == "f":
            bits = patterns(values)
            magnitude = bits & bits.dtype.type(magnitude_mask(bits.dtype.itemsize))
            return drop_bits(magnitude, dropped_bits).astype(np.int64), ~non_finite(bits)
        rounded, _ = round_integers(magnitudes(values), MANTISSA_BITS[8] - dropped_bits)
        info = np.iinfo(self.dtype)
        usable = np.where(values < 0, rounded <= -float(info.min), rounded < float(info.max + 1))
        return (patterns(rounded) >> np.uint64(dropped_bits)).astype(np.int64), usable


def fold(index: NDArray[np.int64], negative: NDArray[np.bool_], floor: int) -> NDArray[np.int64]:
    """One integer that grows with the value: `index - floor`, or `floor - 1 - index` for negative values."""
    key = index - floor
    return np.where(negative, ~key, key)


def unfold(key: NDArray[np.int64], floor: int) -> tuple[NDArray[np.int64], NDArray[np.bool_] | None]:
    """Index and sign from the result of `fold`; None instead of the signs if no value is negative."""
    negative = key < 0
    if not negative.any():
        return key + floor, None
    return np.where(negative, ~key, key) + floor, negative


@lru_cache(maxsize=64)
def octave_tables(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The doubles nearest to 2**(256 i / steps) for 256 i < steps, and to 2**(j / steps) for j < min(steps,
    256)."""
    if not 1 <= steps <= MAX_STEPS:
        raise CorruptFileError(f"log grid of {steps} steps per octave; 1 to {MAX_STEPS} are possible")
    with decimal.localcontext(decimal.Context(prec=60)):
        fine_ratio = (decimal.Decimal(2).ln() / steps).exp()
        coarse_ratio = (256 * decimal.Decimal(2).ln() / steps).exp()
        coarse = _powers(coarse_ratio, math.ceil(steps / 256))
        fine = _powers(fine_ratio, min(steps, 256))
    return coarse, fine


def _powers(ratio: decimal.Decimal, count: int) -> NDArray[np.float64]:
    """The doubles nearest to 1, ratio, ratio**2, ...; read-only."""
    power = decimal.Decimal(1)
    table = np.empty(count)
    for i in range(count):
        table[i] = float(power)
        power *= ratio
    table.flags.writeable = False
    return table


def steps_per_octave(tolerance: float) -> int:
    """Fewest log steps per octave that keep every value within the relative error `tolerance`."""
    return max(1, math.ceil(math.log(2.0) / (2.0 * math.log1p(tolerance))))


def rounding(dtype: np.dtype[Any]) -> float:
    """Largest relative error of rounding a float64 to the float `dtype`, with the operations before it."""
    half_ulp = 2.0 ** -(MANTISSA_BITS[dtype.itemsize] + 1)
    return half_ulp * (3.0 if dtype.itemsize == 8 else 1.0 + 2.0**-20)
