"""Copies: columns that repeat the values of an earlier one (formats/pages.md#copies)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind


@dataclass(frozen=True, slots=True)
class CopyEncoding:
    """A column with the values of an earlier column, which is itself no copy."""

    kind: ClassVar[ColumnKind] = ColumnKind.COPY
    any_source: ClassVar[bool] = False
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()
    symbol_dtype: ClassVar[None] = None
    symbol_shape: ClassVar[tuple[int, ...]] = ()
    outlier_count: ClassVar[int] = 0
    length: int
    source: int
    """Number of the earlier column in the tree."""

    @property
    def sources(self) -> tuple[int, ...]:
        """See `ColumnEncoding.sources`."""
        return (self.source,)

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        return pack_varint(self.source)

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:  # noqa: ARG003
        """See `ColumnEncoding.from_bytes`."""
        return cls(length, cursor.varint())

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`; a new array, so that a caller may write into it."""
        return sources[0].astype(dtype)

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:  # noqa: ARG002
        """See `ColumnEncoding.with_exact`."""
        return self
