"""Values to symbols within an error bound.

A grid only proposes symbols: `quantise` decodes them again and stores each value that misses its bound as an
outlier, so the result keeps the bound by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.bound_to_grid import choose_grids
from baler_root.compression.quantisation.special_values import (
    SENTINELS,
    find_candidates,
    locate,
    symbol_order,
    take_probe,
)
from baler_root.format.binary.bit_patterns import negatives, patterns
from baler_root.format.bounds import LOSSLESS, ErrorBound, violations
from baler_root.format.encodings.grid import Grid, fold
from baler_root.format.encodings.quantised import TABLE, Quantised, symbol_values
from baler_root.format.encodings.quantiser import DTYPES, Quantiser

MAX_OUTLIER_SHARE = 0.05
"""Most outliers, as a share of the values; with more a grid is not used."""


def quantise(values: NDArray[Any], bound: ErrorBound, sentinels: Sequence[float] = SENTINELS) -> Quantised:
    """Symbols that give `values` back within `bound`, and NaN, Inf, zeros and `sentinels` exactly.

    `values` must be 1-d, of bools, integers or floats, and native-endian; otherwise ValueError. They are
    stored exactly if the bound leaves no room (an absolute bound below the spacing of the floats, for
    example) or if quantising would save little.
    """
    if values.ndim != 1 or values.dtype not in DTYPES or not values.dtype.isnative:
        raise ValueError(f"cannot quantise {values.dtype} values of shape {values.shape}")
    values = np.ascontiguousarray(values)
    if not values.size or values.dtype.kind == "b" or (bound.kind == "lossless" and values.dtype.kind != "f"):
        return _exactly(values)
    probe = take_probe(values)
    special = find_candidates(values, probe, sentinels)
    ordinary = np.ones(probe.size, np.bool_)
    ordinary[locate(probe, special)[0]] = False
    grids = choose_grids(probe[ordinary], bound, probe.size / values.size)
    if grids:
        positions, which = locate(values, special)
        for saving, grid in grids:
            quantised = _on_grid(values, bound, grid, special, positions, which)
            if quantised is not None and saving * values.size > 8 * _extra_size(quantised):
                return quantised
    return _exactly(values)


def quantise_as(values: NDArray[Any], bound: ErrorBound, quantiser: Quantiser) -> Quantised | None:
    """`values` with the symbols of this quantiser, and outliers where it misses the bound; None if there are
    too many outliers."""
    if values.dtype != quantiser.dtype or not values.size:
        return None
    if quantiser.kind == "exact":
        return _exactly(values)
    index, _ = quantiser.grid.index(values)
    if quantiser.grid.folded:
        index = fold(np.maximum(index, quantiser.floor, out=index), negatives(values), quantiser.floor)
    index -= quantiser.base
    special_symbols = quantiser.special_symbols.astype(np.int64)
    levels_below = special_symbols - np.arange(special_symbols.size)
    symbols = _symbols(np.clip(index, 0, max(0, quantiser.levels - 1), out=index), quantiser, levels_below)
    if quantiser.special_values is not None:
        order = np.argsort(patterns(quantiser.special_values))
        positions, which = locate(values, quantiser.special_values[order])
        symbols[positions] = special_symbols[order][which].astype(symbols.dtype)
    missed = violations(values, symbol_values(symbols, quantiser), bound)
    if missed.size > MAX_OUTLIER_SHARE * values.size:
        return None
    return Quantised(symbols, quantiser, missed, values[missed])


def narrowed(values: NDArray[Any], bound: ErrorBound = LOSSLESS) -> NDArray[Any]:
    """Doubles that are all exact in single precision (as `Double32_t` is read) as floats; other values
    unchanged.

    Under a `bits` bound doubles stay doubles if one is subnormal as a float: it would be rounded to fewer
    bits.
    """
    if values.dtype != np.float64 or not len(values):
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        singles = values.astype(np.float32)
        same = singles.astype(np.float64).view(np.uint64) == values.view(np.uint64)
    if not same.all():
        return values
    if bound.kind == "bits" and bool(np.any((np.abs(values) < _SMALLEST_SINGLE) & (values != 0))):
        return values
    return singles


_SMALLEST_SINGLE = float(np.finfo(np.float32).smallest_normal)


def _extra_size(quantised: Quantised) -> int:
    """Approximate size, in bytes, of everything but the symbols."""
    return len(quantised.quantiser.to_bytes()) + (quantised.outliers.itemsize + 2) * quantised.outliers.size


def _exactly(values: NDArray[Any]) -> Quantised:
    return Quantised(values, Quantiser("exact", values.dtype), np.zeros(0, np.int64), values[:0])


def _on_grid(
    values: NDArray[Any],
    bound: ErrorBound,
    grid: Grid,
    candidates: NDArray[Any],
    positions: NDArray[np.int64],
    which: NDArray[np.int64],
) -> Quantised | None:
    """`values` on `grid`, with special values `candidates[which]` at `positions`; None if too many miss the
    bound.

    A special value that is exactly a level within the range of the other values gets no extra symbol.
    """
    index, usable = grid.index(values)
    usable[positions] = False
    if values.size - positions.size - np.count_nonzero(usable) > MAX_OUTLIER_SHARE * values.size:
        return None
    everywhere = bool(usable.all())
    floor = 0
    if grid.folded:
        floor = int((index if everywhere else index[usable]).min(initial=_NONE))
        floor = 0 if floor == _NONE else floor
        index = fold(np.maximum(index, floor, out=index), negatives(values), floor)
    usable_index = index if everywhere else index[usable]
    base = int(usable_index.min()) if usable_index.size else 0
    levels = int(usable_index.max()) - base + 1 if usable_index.size else 0
    quantiser = Quantiser(grid.kind, grid.dtype, grid.size, floor, base, levels)
    present, which = np.unique(which, return_inverse=True)
    special = candidates[present]
    levels_below, needed = _levels_below(quantiser, special)
    chosen = symbol_order(special, levels_below)
    chosen = chosen[needed[chosen]]
    special_symbols = levels_below[chosen] + np.arange(chosen.size)
    if chosen.size:
        quantiser = replace(
            quantiser, special_symbols=special_symbols.astype(np.uint64), special_values=special[chosen]
        )
    if not quantiser.span:
        return None
    index -= base
    symbols = _symbols(np.clip(index, 0, max(0, levels - 1), out=index), quantiser, levels_below[chosen])
    if chosen.size:
        symbol_of = np.zeros(special.size, symbols.dtype)
        symbol_of[chosen] = special_symbols
        has_symbol = needed[which]
        symbols[positions[has_symbol]] = symbol_of[which[has_symbol]]
    missed = violations(values, symbol_values(symbols, quantiser), bound)
    if missed.size > MAX_OUTLIER_SHARE * values.size:
        return None
    return Quantised(symbols, quantiser, missed, values[missed])


_NONE = int(np.iinfo(np.int64).max)


def _levels_below(quantiser: Quantiser, special: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Number of levels below each special value (all for NaN), and whether the value is not a level
    itself."""
    if not quantiser.levels:
        return np.zeros(special.size, np.int64), np.ones(special.size, np.bool_)
    index, _ = quantiser.grid.index(special)
    if quantiser.grid.folded:
        index = fold(np.maximum(index, quantiser.floor), negatives(special), quantiser.floor)
    level = np.clip(index, quantiser.base, quantiser.base + quantiser.levels - 1) - quantiser.base
    nearest_values = quantiser.level_values(level)
    needed = np.asarray(patterns(nearest_values) != patterns(special))
    level += nearest_values < special
    if special.dtype.kind == "f":
        level[special == np.inf] = level[np.isnan(special)] = quantiser.levels
        level[special == -np.inf] = 0
    return level, needed


def _symbols(
    levels: NDArray[np.int64], quantiser: Quantiser, levels_below: NDArray[np.int64]
) -> NDArray[Any]:
    """Symbols of levels: the level plus the number of special values before it."""
    dtype = np.min_scalar_type(quantiser.span - 1)
    if not levels_below.size or not quantiser.levels:
        return levels.astype(dtype)
    if quantiser.levels <= TABLE:
        all_levels = np.arange(quantiser.levels)
        return (all_levels + np.searchsorted(levels_below, all_levels, side="right")).astype(dtype)[levels]
    return (levels + np.searchsorted(levels_below, levels, side="right")).astype(dtype)
