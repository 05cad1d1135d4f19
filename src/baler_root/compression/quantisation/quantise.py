"""Carried out of quantiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation import special_values as at
from baler_root.compression.quantisation.grid_choice import grids
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.format.binary.bit_patterns import negatives, patterns
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.grid import Grid, fold
from baler_root.format.encodings.quantised import TABLE, Quantised, symbol_values
from baler_root.format.encodings.quantiser import DTYPES, Quantiser

MAX_OUTLIERS = 0.05
"""Share of outliers above which a grid is given up."""


def quantise(values: NDArray[Any], bound: ErrorBound, sentinels: Sequence[float] = SENTINELS) -> Quantised:
    """Symbols from which `values` come back within `bound`, NaN, Inf, zeros and `sentinels` exactly.

    `values`: 1-d, bool, integer or float, native-endian; else ValueError. Values are stored exactly where the
    bound leaves no room (an absolute bound below the spacing of the floats, say) or little would be gained.
    """
    if values.ndim != 1 or values.dtype not in DTYPES or not values.dtype.isnative:
        raise ValueError(f"cannot quantise {values.dtype} values of shape {values.shape}")
    values = np.ascontiguousarray(values)
    if not values.size or values.dtype.kind == "b" or (bound.kind == "lossless" and values.dtype.kind != "f"):
        return _exactly(values)
    probe = at.sample(values)
    wanted = at.candidates(values, probe, sentinels)
    ordinary = np.ones(probe.size, np.bool_)
    ordinary[at.locate(probe, wanted)[0]] = False
    plans = grids(probe[ordinary], bound, probe.size / values.size)
    if plans:
        positions, which = at.locate(values, wanted)
        for saving, grid in plans:
            quantised = _on_grid(values, bound, grid, wanted, positions, which)
            if quantised is not None and saving * values.size > 8 * _extra_size(quantised):
                return quantised
    return _exactly(values)


def quantise_as(values: NDArray[Any], bound: ErrorBound, quantiser: Quantiser) -> Quantised | None:
    """`values` with the symbols of a known recipe, those that it cannot express as outliers; None if they are many."""
    if values.dtype != quantiser.dtype or not values.size:
        return None
    if quantiser.kind == "exact":
        return _exactly(values)
    index, _ = quantiser.grid.index(values)
    if quantiser.grid.folded:
        index = fold(np.maximum(index, quantiser.floor, out=index), negatives(values), quantiser.floor)
    index -= quantiser.base
    special_symbols = quantiser.special_symbols.astype(np.int64)
    places = special_symbols - np.arange(special_symbols.size)
    symbols = _number(np.clip(index, 0, max(0, quantiser.cells - 1), out=index), quantiser, places)
    if quantiser.special_values is not None:
        order = np.argsort(patterns(quantiser.special_values))
        positions, which = at.locate(values, quantiser.special_values[order])
        symbols[positions] = special_symbols[order][which].astype(symbols.dtype)
    missed = violations(values, symbol_values(symbols, quantiser), bound)
    if missed.size > MAX_OUTLIERS * values.size:
        return None
    return Quantised(symbols, quantiser, missed, values[missed])


def _extra_size(quantised: Quantised) -> int:
    """About how many bytes are written besides the symbols."""
    return len(quantised.quantiser.to_bytes()) + (quantised.outliers.itemsize + 2) * quantised.outliers.size


def _exactly(values: NDArray[Any]) -> Quantised:
    return Quantised(values, Quantiser("exact", values.dtype), np.zeros(0, np.int64), values[:0])


def _on_grid(
    values: NDArray[Any],
    bound: ErrorBound,
    grid: Grid,
    wanted: NDArray[Any],
    positions: NDArray[np.int64],
    which: NDArray[np.int64],
) -> Quantised | None:
    """`values` on `grid`, those at `positions` as the atoms `wanted[which]`; None if too many miss the bound.

    Atoms that are exactly a cell within the range of the other values need no symbol of their own.
    """
    index, usable = grid.index(values)
    usable[positions] = False
    if values.size - positions.size - np.count_nonzero(usable) > MAX_OUTLIERS * values.size:
        return None
    everywhere = bool(usable.all())
    floor = 0
    if grid.folded:
        floor = int((index if everywhere else index[usable]).min(initial=_NONE))
        floor = 0 if floor == _NONE else floor
        index = fold(np.maximum(index, floor, out=index), negatives(values), floor)
    inside = index if everywhere else index[usable]
    base = int(inside.min()) if inside.size else 0
    cells = int(inside.max()) - base + 1 if inside.size else 0
    quantiser = Quantiser(grid.kind, grid.dtype, grid.size, floor, base, cells)
    present, which = np.unique(which, return_inverse=True)
    special = wanted[present]
    places, needed = _places(quantiser, special)
    chosen = at.order(special, places)
    chosen = chosen[needed[chosen]]
    special_symbols = places[chosen] + np.arange(chosen.size)
    if chosen.size:
        quantiser = replace(
            quantiser, special_symbols=special_symbols.astype(np.uint64), special_values=special[chosen]
        )
    if not quantiser.span:
        return None
    index -= base
    symbols = _number(np.clip(index, 0, max(0, cells - 1), out=index), quantiser, places[chosen])
    if chosen.size:
        symbol_of = np.zeros(special.size, symbols.dtype)
        symbol_of[chosen] = special_symbols
        own = needed[which]
        symbols[positions[own]] = symbol_of[which[own]]
    missed = violations(values, symbol_values(symbols, quantiser), bound)
    if missed.size > MAX_OUTLIERS * values.size:
        return None
    return Quantised(symbols, quantiser, missed, values[missed])


_NONE = int(np.iinfo(np.int64).max)


def _places(quantiser: Quantiser, special: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each atom the number of cells with a smaller value (NaN: all), and whether it is no cell itself."""
    if not quantiser.cells:
        return np.zeros(special.size, np.int64), np.ones(special.size, np.bool_)
    index, _ = quantiser.grid.index(special)
    if quantiser.grid.folded:
        index = fold(np.maximum(index, quantiser.floor), negatives(special), quantiser.floor)
    cell = np.clip(index, quantiser.base, quantiser.base + quantiser.cells - 1) - quantiser.base
    near = quantiser.cell_values(cell)
    needed = np.asarray(patterns(near) != patterns(special))
    cell += near < special
    if special.dtype.kind == "f":
        cell[special == np.inf] = cell[np.isnan(special)] = quantiser.cells
        cell[special == -np.inf] = 0
    return cell, needed


def _number(cells: NDArray[np.int64], quantiser: Quantiser, places: NDArray[np.int64]) -> NDArray[Any]:
    """The symbols of cells: each is moved up by the atoms that stand before it."""
    dtype = np.min_scalar_type(quantiser.span - 1)
    if not places.size or not quantiser.cells:
        return cells.astype(dtype)
    if quantiser.cells <= TABLE:
        every = np.arange(quantiser.cells)
        return (every + np.searchsorted(places, every, side="right")).astype(dtype)[cells]
    return (cells + np.searchsorted(places, cells, side="right")).astype(dtype)
