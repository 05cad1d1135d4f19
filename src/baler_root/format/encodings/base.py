"""The interface of a column encoding: how one column of one cluster is stored in a page
(formats/pages.md#page).

Each kind of encoding is one class in its own module. `entry` lists the kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.columns.form_columns import Column

SYMBOL_SIZES = (1, 2, 4, 8)
"""Allowed sizes of a symbol, in bytes."""


class ColumnKind(IntEnum):
    """Kind of an encoding, by its number in a file."""

    QUANTISED = 0
    COPY = 1
    PACKED_FLOAT = 2
    SUM = 3
    FORMULA = 4
    LOOKUP = 5
    INTERPOLATED = 6
    PREDICTED = 7


class ColumnEncoding(Protocol):
    """Everything a page's directory says about one column; with the symbols it gives the values."""

    kind: ClassVar[ColumnKind]
    any_source: ClassVar[bool]
    """Whether a source may have any type and come before or after the column, as for formulas and lookups."""
    computed_sources: ClassVar[bool]
    """Whether a source may be computed from others itself, as for predicted columns."""

    @property
    def list_sources(self) -> tuple[int, ...]:
        """Numbers of the sources that hold items of lists, and may have another length than the column."""

    @property
    def length(self) -> int:
        """Number of values."""

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the columns, in the tree, from which the values are computed; often none."""

    @property
    def symbol_dtype(self) -> np.dtype[Any] | None:
        """Type of the column's symbols; None if it has no symbols."""

    @property
    def symbol_shape(self) -> tuple[int, ...]:
        """Values per row as the codec sees them; empty for one value per row and for interpolated columns."""

    @property
    def outlier_count(self) -> int:
        """Number of values that are stored exactly beside the symbols."""

    def to_bytes(self) -> bytes:
        """The column's directory entry after kind and length."""

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """Read the entry of `column` after kind and length; raises FormatError for an invalid one."""

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The values of the column, flat and of type `dtype`.

        `symbols` has `symbol_dtype`, or is None if there are no symbols; `sources` holds the decoded values
        of the columns `sources`. Raises CorruptFileError if they do not fit together.
        """

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """The encoding with the values of `original` at these increasing positions among its outliers.

        Encodings that are exact anyway, and copies, are returned unchanged.
        """


def read_symbol_dtype(cursor: Cursor) -> np.dtype[Any]:
    """The type of symbols that are unsigned integers, from their size in bytes."""
    itemsize = cursor.byte()
    if itemsize not in SYMBOL_SIZES:
        raise CorruptFileError(f"symbols of {itemsize} bytes")
    return np.dtype(f"u{itemsize}")
