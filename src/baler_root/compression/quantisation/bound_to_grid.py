"""From an error bound to a grid: grids that keep the bound, and an estimate of the bits that each saves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.bit_patterns import (
    MANTISSA_BITS,
    magnitude_mask,
    negatives,
    patterns,
    round_mantissa,
)
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.grid import MAX_STEPS, Grid, fold, rounding, steps_per_octave

_MIN_LOSSY_GAIN = 0.05
"""Bits per value that a lossy grid must save more than an exact one."""


_AS_INTEGERS = 0.1
"""Bits per value by which integers are coded better than floats of equal entropy (deltas, small types)."""


_PER_RANGE_BIT = 0.01
"""Bits per value charged for each bit of the range of the symbols: narrow symbols are handled faster."""


def choose_grids(probe: NDArray[Any], bound: ErrorBound, share: float) -> list[tuple[float, Grid]]:
    """Grids that are expected to save bits against exact values, the best first, each behind its saving.

    Savings are rough estimates in bits per value. `probe` is a sample of a `share` of the column's values,
    without special values.
    """
    if probe.dtype.kind == "f":
        probe = probe[np.isfinite(probe)]
    lossy = _lossy(probe, bound)
    if not probe.size:
        return [(_AS_INTEGERS, grid) for grid in lossy]
    negative = negatives(probe)
    stored = _cost(_ordered(probe), share) + (_AS_INTEGERS if probe.dtype.kind == "f" else 0.0)
    choices: list[tuple[float, Grid]] = []
    exact = _exact(probe, bound)
    for grid in exact + lossy:
        index, usable = grid.index(probe)
        keys = fold(index, negative, int(index[usable].min(initial=2**62))) if grid.folded else index
        saving = stored - _cost(keys[usable], share) - (0.0 if grid in exact else _MIN_LOSSY_GAIN)
        if saving > 0 and 2 * np.count_nonzero(usable) > probe.size:
            choices.append((saving, grid))
    return sorted(choices, key=lambda entry: -entry[0])


def _lossy(probe: NDArray[Any], bound: ErrorBound) -> list[Grid]:
    """The grid with points as far apart as the bound allows; empty if the bound allows none."""
    dtype = probe.dtype
    if bound.is_absolute:
        if dtype.kind != "f":
            reach = min(math.floor(bound.value), 2**62 - 1)
            return [Grid("linear", dtype, 2 * reach + 1)] if reach else []
        reach_f = bound.value
        if probe.size:
            large = np.quantile(np.abs(probe.astype(np.float64)), 0.999, method="higher")
            # Rounding errs by up to half the spacing at `large`, which is 1 to 2 times the estimate.
            reach_f -= 2.0 ** (math.frexp(large)[1] - 1) * rounding(dtype)
        step = min(2.0 * reach_f * (1.0 - 2.0**-30), float(np.finfo(np.float64).max))
        return [Grid("linear", dtype, step)] if step > 0 else []
    if bound.is_lossless or (bound.kind == "bits" and dtype.kind == "f"):
        return []  # the values of `bits` lie on an exact grid
    if dtype.kind == "f":
        tolerance = (bound.value - rounding(dtype)) * (1.0 - 2.0**-20)
        if tolerance > 0 and (steps := steps_per_octave(tolerance)) <= MAX_STEPS:
            return [Grid("log", dtype, steps)]
    kept = bound.mantissa_bits(dtype)
    dropped_bits = 0 if kept is None else MANTISSA_BITS[dtype.itemsize if dtype.kind == "f" else 8] - kept
    return [Grid("shift", dtype, dropped_bits)] if dropped_bits > 0 else []


def _exact(probe: NDArray[Any], bound: ErrorBound) -> list[Grid]:
    """Grids that hold all values of `probe` (rounded, for `bits`) exactly: short mantissas, multiples of
    2**k."""
    if probe.dtype.kind != "f":
        return []
    if bound.kind == "bits":
        probe = round_mantissa(probe, int(bound.value))
        probe = probe[np.isfinite(probe)]
    bits = int(np.bitwise_or.reduce(patterns(probe))) & magnitude_mask(probe.dtype.itemsize)
    if not bits:
        return []
    dropped_bits = min((bits & -bits).bit_length() - 1, MANTISSA_BITS[probe.dtype.itemsize])
    if not dropped_bits:
        return []
    grids = [Grid("shift", probe.dtype, dropped_bits)]
    mantissa, exponent = np.frexp(probe[probe != 0].astype(np.float64))
    significand = np.ldexp(np.abs(mantissa), 53).astype(np.int64)
    last = int(np.min(exponent + np.frexp((significand & -significand).astype(np.float64))[1])) - 54
    if int(np.max(exponent)) - last <= 53:
        grids.append(Grid("linear", probe.dtype, math.ldexp(1.0, last)))
    return grids


def _ordered(values: NDArray[Any]) -> NDArray[np.int64]:
    """Integers that grow with the values, different for different values."""
    if values.dtype.kind == "f":
        bits = patterns(values)
        magnitude = bits & bits.dtype.type(magnitude_mask(bits.dtype.itemsize))
        return fold(magnitude.astype(np.int64), np.signbit(values), 0)
    if values.dtype == np.uint64:
        return (values ^ np.uint64(1 << 63)).view(np.int64)
    return values.astype(np.int64)


def _cost(keys: NDArray[np.int64], share: float) -> float:
    """Estimated bits per value of an entropy coder with adaptive bins for keys like these.

    Each value takes the cheaper of two codes: by the local density of the keys, or as one of the frequent
    values, which are written once per column.
    """
    if keys.size < 2:
        return 0.0
    keys = np.sort(keys)
    count = keys.size
    lag = max(1, min(16, count // 32))
    gaps = (keys[lag:] - keys[:-lag]).view(np.uint64).astype(np.float64)
    density = np.log2((gaps + 1.0) * (count / lag))
    density = np.concatenate([density[: lag // 2], density, np.repeat(density[-1:], lag - lag // 2)])
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    runs = np.diff(np.append(starts, count))
    width = math.log2(float(np.uint64(int(keys[-1]) - int(keys[0]))) + 2.0)
    frequent_bits = np.log2(count / runs) + (width + 8.0) * share / runs
    return float(np.mean(np.minimum(density, np.repeat(frequent_bits, runs)))) + _PER_RANGE_BIT * width
