"""The quantiser: values to symbols within an error bound, and back.

Whatever the grids propose, `quantise` decodes its own symbols and stores each value that misses its bound as
an outlier, so the result keeps the bound by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import BLOCK
from baler_root.format.encodings.outliers import with_outliers
from baler_root.format.encodings.quantiser import Quantiser

TABLE = 1 << 16
"""Symbols up to which (or a quarter of the values) decoding goes through a table."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """One column as symbols; `dequantise(symbols, recipe, positions, outliers)` gives values within the bound."""

    symbols: NDArray[Any]
    """One per value: the smallest unsigned dtype that holds the largest; for recipe `exact` the values."""
    quantiser: Quantiser
    positions: NDArray[np.int64]
    """Positions of the outliers, increasing; their symbols are valid, but mean nothing."""
    outliers: NDArray[Any]
    """The exact values there."""


def dequantise(
    symbols: NDArray[Any], quantiser: Quantiser, positions: NDArray[np.int64], outliers: NDArray[Any]
) -> NDArray[Any]:
    """The values, 1-d of `recipe.dtype`; the same bits everywhere.

    FormatError when symbols, positions or outliers do not fit the recipe or each other.
    """
    if quantiser.kind == "exact":
        if symbols.dtype != quantiser.dtype:
            raise CorruptFileError(f"exact values are {symbols.dtype}, not {quantiser.dtype}")
        values = symbols
    else:
        values = _look_up(symbols, quantiser)
    if positions.size and outliers.dtype != quantiser.dtype:
        raise CorruptFileError(f"outliers are {outliers.dtype}, not {quantiser.dtype}")
    return with_outliers(
        values.copy() if positions.size and quantiser.kind == "exact" else values, positions, outliers
    )


def _look_up(symbols: NDArray[Any], quantiser: Quantiser) -> NDArray[Any]:
    """The values of symbols, through a table where that is cheaper."""
    if symbols.dtype.kind != "u":
        raise CorruptFileError(f"symbols are {symbols.dtype}, not unsigned integers")
    if not symbols.size:
        return np.zeros(0, quantiser.dtype)
    largest = int(symbols.max())
    if largest >= quantiser.span:
        raise CorruptFileError(f"symbol {largest} where the recipe has {quantiser.span}")
    if quantiser.span <= max(TABLE, symbols.size // 4) and quantiser.span <= 4 * symbols.size:
        return np.asarray(quantiser.values(np.arange(quantiser.span, dtype=np.uint64))[symbols])
    values = np.empty(symbols.size, quantiser.dtype)
    for start in range(0, symbols.size, BLOCK):
        block = slice(start, start + BLOCK)
        values[block] = quantiser.values(symbols[block].astype(np.uint64))
    return values
