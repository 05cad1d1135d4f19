"""Interpolated columns: fixed-size arrays predicted from coarse to fine (formats/pages.md#interpolation)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind, read_symbol_dtype
from baler_root.format.encodings.interpolation import Interpolation
from baler_root.format.encodings.outliers import Outliers


@dataclass(frozen=True, slots=True, eq=False)
class InterpolatedEncoding:
    """A column of arrays whose symbols are the errors of interpolated predictions."""

    kind: ClassVar[ColumnKind] = ColumnKind.INTERPOLATED
    any_source: ClassVar[bool] = False
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()
    sources: ClassVar[tuple[int, ...]] = ()
    symbol_shape: ClassVar[tuple[int, ...]] = ()
    """Empty: symbols come in the order of the predictions, not in rows."""
    length: int
    shape: tuple[int, ...]
    """Shape of the arrays, one for each row."""
    interpolation: Interpolation
    symbol_dtype: np.dtype[Any]
    outliers: Outliers
    """Outliers in the column's type."""

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return len(self.outliers)

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        size = bytes([self.symbol_dtype.itemsize])
        return self.interpolation.to_bytes() + size + self.outliers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        if column.dtype.kind != "f" or column.dtype.itemsize < 4:
            raise CorruptFileError(f"an interpolated column of {column.dtype}")
        interpolation = Interpolation.from_bytes(cursor)
        dtype = read_symbol_dtype(cursor)
        outliers = Outliers.from_bytes(cursor, length, column.dtype)
        return cls(length, column.shape, interpolation, dtype, outliers)

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`."""
        if symbols is None:
            raise CorruptFileError("an interpolated column without symbols")
        return self.outliers.put_into(self.interpolation.values(symbols, self.shape, dtype))

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """See `ColumnEncoding.with_exact`."""
        return replace(self, outliers=self.outliers.including(positions, original))
