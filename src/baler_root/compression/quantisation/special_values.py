"""Special values: values that stay exact under every lossy bound and have a symbol of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.bit_patterns import non_finite, patterns

SENTINELS: tuple[float, ...] = (
    # flags, signs and "not filled" of boolean-like and counting variables
    0.0, -0.0, 1.0, -1.0, -2.0, -5.0, -9.0, -10.0,
    # "undefined", written out of the range of the variable, in the usual lengths
    99.0, -99.0, -100.0, 999.0, -999.0, -1000.0, -1111.0, 9999.0, -9999.0, -10000.0, 99999.0, -99999.0,
    999999.0, -999999.0, 1e9, -1e9, 1e10, -1e10, 1e20, -1e20, 1e30, -1e30,
    # smallest and largest values of C types
    32767.0, -32768.0, 65535.0, 2147483647.0, -2147483648.0, 4294967295.0,
    1.1754943508222875e-38, 3.4028234663852886e38, -3.4028234663852886e38,
    2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308,
)  # fmt: skip
"""Values that mean "no value" in ROOT files; each is a special value wherever it occurs, however rarely."""


PROBE_VALUES = 4096
"""Values in the sample in which frequent ones are sought and by which a grid is chosen."""


MAX_SPECIAL_VALUES = 255
"""Most frequent values that become special values."""


_MIN_SHARE = 1e-3
"""Smallest share of the sample of a frequent value; see also `_MIN_COUNT`."""


_MIN_COUNT = 256
"""Smallest count of a frequent value in the column, estimated: a special value costs about 40 bits of
quantiser."""


_MAX_PAYLOADS = 16
"""Most distinct NaN patterns that are special values; further ones become outliers."""


def take_probe(values: NDArray[Any]) -> NDArray[Any]:
    """At most `PROBE_VALUES` values, spread evenly over the array."""
    if values.size <= PROBE_VALUES:
        return values
    return values[np.linspace(0, values.size - 1, PROBE_VALUES).astype(np.int64)]


def find_candidates(values: NDArray[Any], probe: NDArray[Any], sentinels: Sequence[float]) -> NDArray[Any]:
    """Values that become special values if they occur: distinct patterns, sorted, of the type of `values`.

    `probe` is a sample of `values`. Frequent values are sought in the sample, NaN patterns in all values.
    """
    special = _representable(sentinels, values.dtype)
    kinds, counts = np.unique(patterns(probe), return_counts=True)
    min_count = max(3.0, _MIN_SHARE * probe.size, _MIN_COUNT * probe.size / max(1, values.size))
    is_frequent = counts >= min_count
    frequent = np.argsort(-counts[is_frequent], kind="stable")[:MAX_SPECIAL_VALUES]
    candidates = [patterns(special), kinds[is_frequent][frequent]]
    if values.dtype.kind == "f":
        infinite = np.array([np.inf, -np.inf], values.dtype)
        candidates += [patterns(infinite), patterns(_payloads(values))]
    return np.unique(np.concatenate(candidates)).view(values.dtype)


def _representable(sentinels: Sequence[float], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The sentinels that `dtype` can hold, in that type; floats are rounded, as a writer of them would."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            values = np.array(sentinels, np.float64).astype(dtype)
        return np.asarray(values[np.isfinite(values)])
    info = np.iinfo(dtype)
    integers = {int(s) for s in sentinels if float(s).is_integer()}
    return np.array(sorted(w for w in integers if info.min <= w <= info.max), dtype)


def _payloads(values: NDArray[Any]) -> NDArray[Any]:
    """Distinct NaN patterns, at most `_MAX_PAYLOADS`."""
    remaining = patterns(values[np.isnan(values)])
    distinct: list[Any] = []
    while remaining.size and len(distinct) < _MAX_PAYLOADS:
        distinct.append(remaining[0])
        remaining = remaining[remaining != remaining[0]]
    return np.array(distinct, patterns(values[:0]).dtype).view(values.dtype)


def locate(values: NDArray[Any], special: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Increasing positions in `values` of the values in `special`, and the index of each in `special`.

    Values are compared by bit pattern, by which `special` is sorted. A small hash table rules out most other
    values in one pass.
    """
    bits, special_bits = patterns(values), patterns(special)
    if not special_bits.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    table = np.zeros(1 << _HASH_BITS, np.bool_)
    table[_hashes(special_bits)] = True
    positions = np.flatnonzero(table[_hashes(bits)])
    candidates = bits[positions] if positions.size < bits.size else bits
    which = np.searchsorted(special_bits, candidates)
    np.minimum(which, special_bits.size - 1, out=which)
    equal = special_bits[which] == candidates
    return positions[equal], which[equal]


_HASH_BITS = 14


_MULTIPLIERS = {4: 0x9E3779B1, 8: 0x9E3779B97F4A7C15}


def _hashes(bits: NDArray[Any]) -> NDArray[Any]:
    """`_HASH_BITS` bits that depend on all bits of a pattern."""
    if bits.dtype.itemsize < 4:
        return np.asarray(bits & bits.dtype.type(min((1 << _HASH_BITS) - 1, int(np.iinfo(bits.dtype).max))))
    width = bits.dtype.itemsize
    product = bits * bits.dtype.type(_MULTIPLIERS[width])
    return np.asarray(product >> bits.dtype.type(8 * width - _HASH_BITS))


def symbol_order(special: NDArray[Any], levels_below: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices that sort special values, each before the level in `levels_below`: by level, then value, NaNs
    last."""
    if special.dtype.kind != "f":
        return np.lexsort((special, levels_below))
    bits = patterns(special)
    nan = non_finite(bits) & np.isnan(special)
    return np.lexsort((bits, ~np.signbit(special), np.where(nan, 0.0, special), levels_below, nan))
