"""Quantised columns: a symbol for each value, and a quantiser that turns symbols into values
(formats/pages.md#quantised-columns)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import BLOCK
from baler_root.format.binary.varint import Cursor
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind, read_symbol_dtype
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.quantiser import Quantiser

TABLE = 1 << 16
"""A quantiser with at most this many symbols, or a quarter of the number of values, is decoded through a
table."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """Symbols of one column; `dequantise(symbols, quantiser, positions, outliers)` gives values within the
    bound."""

    symbols: NDArray[Any]
    """One per value, in the smallest unsigned type that holds the largest; for the quantiser `exact` the
    values."""
    quantiser: Quantiser
    positions: NDArray[np.int64]
    """Positions of the outliers, increasing; the symbols there are valid but have no meaning."""
    outliers: NDArray[Any]
    """Exact values at `positions`."""


@dataclass(frozen=True, slots=True, eq=False)
class QuantisedEncoding:
    """A column with a symbol for each value."""

    kind: ClassVar[ColumnKind] = ColumnKind.QUANTISED
    any_source: ClassVar[bool] = False
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()
    sources: ClassVar[tuple[int, ...]] = ()
    length: int
    quantiser: Quantiser
    symbol_dtype: np.dtype[Any]
    outliers: Outliers
    """Outliers in the quantiser's type."""
    symbol_shape: tuple[int, ...] = ()

    @classmethod
    def of(cls, quantised: Quantised, shape: tuple[int, ...] = ()) -> Self:
        """The encoding of a quantised column whose rows have this shape."""
        outliers = Outliers(quantised.positions, quantised.outliers)
        symbols = quantised.symbols
        return cls(len(symbols), quantised.quantiser, symbols.dtype, outliers, shape)

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return len(self.outliers)

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        size = b"" if self.quantiser.kind == "exact" else bytes([self.symbol_dtype.itemsize])
        return self.quantiser.to_bytes() + size + self.outliers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        return cls.read(cursor, length, column, lambda dtype: np.can_cast(dtype, column.dtype))

    @classmethod
    def read(cls, cursor: Cursor, length: int, column: Column, fits: Callable[[np.dtype[Any]], bool]) -> Self:
        """Like `from_bytes`, where `fits` says whether the quantiser may have a type."""
        quantiser, cursor.position = Quantiser.from_bytes(cursor.data, cursor.position)
        if not fits(quantiser.dtype):
            raise CorruptFileError(f"{quantiser.dtype} symbols cannot become a column of {column.dtype}")
        dtype = quantiser.dtype if quantiser.kind == "exact" else read_symbol_dtype(cursor)
        outliers = Outliers.from_bytes(cursor, length, quantiser.dtype)
        return cls(length, quantiser, dtype, outliers, column.shape)

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`."""
        return self.stored(symbols).astype(dtype, copy=False)

    def stored(self, symbols: Values | None) -> Values:
        """The values in the quantiser's type, which may be narrower than the column's."""
        if symbols is None:
            raise CorruptFileError("a quantised column without symbols")
        values = dequantise(symbols, self.quantiser, self.outliers.positions, self.outliers.values)
        if values.dtype == np.bool_ and values.view(np.uint8).max(initial=0) > 1:
            raise CorruptFileError("a boolean that is neither 0 nor 1")
        return values

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """See `ColumnEncoding.with_exact`."""
        if self.quantiser.kind == "exact":
            return self
        return replace(self, outliers=self.outliers.including(positions, original))


def dequantise(
    symbols: NDArray[Any], quantiser: Quantiser, positions: NDArray[np.int64], outliers: NDArray[Any]
) -> NDArray[Any]:
    """The values of symbols: flat, of `quantiser.dtype`, with the same bits on every machine.

    Raises CorruptFileError if symbols, positions or outliers do not fit the quantiser or each other.
    """
    if quantiser.kind == "exact":
        if symbols.dtype != quantiser.dtype:
            raise CorruptFileError(f"exact values are {symbols.dtype}, not {quantiser.dtype}")
        values = symbols
    else:
        values = symbol_values(symbols, quantiser)
    if positions.size and outliers.dtype != quantiser.dtype:
        raise CorruptFileError(f"outliers are {outliers.dtype}, not {quantiser.dtype}")
    if positions.size and quantiser.kind == "exact":
        values = values.copy()
    return Outliers(positions, outliers).put_into(values)


def symbol_values(symbols: NDArray[Any], quantiser: Quantiser) -> NDArray[Any]:
    """The values of symbols without outliers, through a table where that is cheaper; the quantiser is not
    `exact`."""
    if symbols.dtype.kind != "u":
        raise CorruptFileError(f"symbols are {symbols.dtype}, not unsigned integers")
    if not symbols.size:
        return np.zeros(0, quantiser.dtype)
    largest = int(symbols.max())
    if largest >= quantiser.span:
        raise CorruptFileError(f"symbol {largest} where the quantiser has {quantiser.span}")
    if quantiser.span <= max(TABLE, symbols.size // 4) and quantiser.span <= 4 * symbols.size:
        return np.asarray(quantiser.values(np.arange(quantiser.span, dtype=np.uint64))[symbols])
    values = np.empty(symbols.size, quantiser.dtype)
    for start in range(0, symbols.size, BLOCK):
        block = slice(start, start + BLOCK)
        values[block] = quantiser.values(symbols[block].astype(np.uint64))
    return values
