"""Base of encodings that compute a column from others, without symbols: sums and lookups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.format.encodings.outliers import Outliers


class Computation(Protocol):
    """A function of columns that gives another."""

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the columns that it takes."""

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The computed column, of `dtype`, from the values of `sources`."""


ComputationT = TypeVar("ComputationT", bound=Computation)


@dataclass(frozen=True, slots=True, eq=False)
class ComputedEncoding(Generic[ComputationT]):
    """A column of `length` values computed by a relation, with outliers."""

    symbol_dtype: ClassVar[None] = None
    symbol_shape: ClassVar[tuple[int, ...]] = ()
    length: int
    relation: ComputationT
    outliers: Outliers
    """Outliers in the column's type."""

    @property
    def sources(self) -> tuple[int, ...]:
        """See `ColumnEncoding.sources`."""
        return self.relation.sources

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return len(self.outliers)

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:  # noqa: ARG002
        """See `ColumnEncoding.decode`."""
        return self.outliers.put_into(self.relation.values(sources, dtype))

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """See `ColumnEncoding.with_exact`."""
        return replace(self, outliers=self.outliers.including(positions, original))
