"""Formulas: columns that are functions of others, such as energies, directions or other units
(formats/pages.md#formulas)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import one_nan
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnKind
from baler_root.format.encodings.functions import (
    FUNCTIONS,
    MAX_KEYS,
    Doubles,
    Table,
    constants_of,
    is_table,
)
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.residual import FormulaResidual, apply_residual
from baler_root.format.encodings.sum import read_count

_SCALE_OFFSET = struct.Struct("<dd")


_CONSTANT = struct.Struct("<d")


_KEY_CONSTANT = struct.Struct("<dd")


@dataclass(frozen=True, slots=True)
class Formula:
    """`scale * function(arguments) + offset`."""

    function: str
    """A name in `FUNCTIONS`."""
    sources: tuple[int, ...]
    """Numbers of the columns that are the arguments."""
    scale: float = 1.0
    offset: float = 0.0
    constant: float = 0.0
    """A mass that is not a column; only for functions with a constant."""
    table: Table = ()
    """Masses by the values of the last source; only for functions with a table."""

    def arguments(self, sources: Sequence[Values]) -> list[Doubles | float]:
        """Arguments of the function: the sources as doubles, then a constant, or one for each row."""
        function = FUNCTIONS[self.function]
        wide: list[Doubles | float] = [values.astype(np.float64) for values in sources]
        if function.constant:
            return [*wide, self.constant]
        if function.table:
            return [*wide[:-1], constants_of(self.table, sources[-1].astype(np.float64))]
        return wide

    def doubles(self, sources: Sequence[Values]) -> Doubles:
        """The formula in double precision."""
        with np.errstate(all="ignore"):
            value = FUNCTIONS[self.function].compute(*self.arguments(sources))
            return one_nan(value * self.scale + self.offset)

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The formula in double precision, as a column of `dtype`.

        For integers it is rounded to the nearest (ties to even) within the range of the type, and NaN becomes
        0.
        """
        value = self.doubles(sources)
        with np.errstate(all="ignore"):
            if dtype.kind == "f":
                return value.astype(dtype)
            limits = np.iinfo(np.uint8 if dtype.kind == "b" else dtype)
            # 2**62 is a double; the largest 64-bit integers are not.
            low, high = max(limits.min, -(1 << 62)), min(limits.max, 1 << 62)
            value = np.clip(np.rint(np.where(np.isnan(value), 0.0, value)), low, high)
        return value != 0 if dtype.kind == "b" else value.astype(dtype)

    def text(self, names: Sequence[str]) -> str:
        """The formula in plain text, with these names of its sources."""
        function = FUNCTIONS[self.function]
        terms = [*names, f"{self.constant:.12g}"] if function.constant else [*names]
        if function.table:
            table = ", ".join(f"{key:.17g}: {constant:.12g}" for key, constant in self.table)
            terms[-1] = f"{{{table}}}[{terms[-1]}]"
        if function.group:
            text = f"{function.text}({self._particles(terms)})"
        elif function.more:
            text = function.text.format(*terms[: function.arity])
            text += "".join(map(function.more.format, terms[function.arity :]))
        elif function.any_number:
            text = f"sqrt({' + '.join(map(function.text.format, terms))})"
        else:
            text = function.text.format(*terms)
        if self.scale != 1.0 and (function.more or self.function == "difference"):
            text = f"({text})"
        scale = "" if self.scale == 1.0 else f"{self.scale:.12g} * "
        offset = "" if self.offset == 0.0 else f" {'+' if self.offset > 0 else '-'} {abs(self.offset):.12g}"
        return f"{scale}{text}{offset}"

    def _particles(self, terms: Sequence[str]) -> str:
        """The arguments of a function of particles: for each particle its columns in parentheses."""
        function = FUNCTIONS[self.function]
        columns, common = (terms[:-1], terms[-1:]) if function.constant else (terms, [])
        starts = range(0, len(columns), function.group)
        return ", ".join(f"({', '.join([*columns[i : i + function.group], *common])})" for i in starts)

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads."""
        function = FUNCTIONS[self.function]
        table = b""
        if function.table:
            table = pack_varint(len(self.table)) + b"".join(_KEY_CONSTANT.pack(*pair) for pair in self.table)
        return b"".join(
            (
                bytes([list(FUNCTIONS).index(self.function)]),
                _SCALE_OFFSET.pack(self.scale, self.offset),
                _CONSTANT.pack(self.constant) if function.constant else b"",
                table,
                pack_varint(len(self.sources)),
                *map(pack_varint, self.sources),
            )
        )

    @classmethod
    def from_bytes(cls, cursor: Cursor) -> Self:
        """The formula at the cursor; raises FormatError."""
        number = cursor.byte()
        if number >= len(FUNCTIONS):
            raise CorruptFileError(f"unknown function {number}")
        name, function = list(FUNCTIONS.items())[number]
        scale, offset = _SCALE_OFFSET.unpack(cursor.take(_SCALE_OFFSET.size))
        constant = _CONSTANT.unpack(cursor.take(_CONSTANT.size))[0] if function.constant else 0.0
        table = _read_table(cursor) if function.table else ()
        count = read_count(cursor, "formula")
        if not function.takes(count):
            raise CorruptFileError(f"the function {name} of {count} columns")
        if not all(map(math.isfinite, (scale, offset, constant))):
            raise CorruptFileError(f"the function {name} times {scale} plus {offset}, with {constant}")
        sources = tuple(cursor.varint() for _ in range(count))
        return cls(name, sources, scale, offset, constant, table)

    def encoding(
        self, length: int, outliers: Outliers, residual: FormulaResidual | None = None
    ) -> FormulaEncoding:
        """The encoding of a column of `length` values that is this formula, plus its residual, but for its
        outliers."""
        return FormulaEncoding(length, self, residual, outliers)


def _read_table(cursor: Cursor) -> Table:
    count = cursor.varint()
    table = tuple(_KEY_CONSTANT.iter_unpack(cursor.take(count * _KEY_CONSTANT.size)))
    if not is_table(table):
        raise CorruptFileError(
            f"a table of {count} keys: 1 to {MAX_KEYS}, increasing, and finite numbers make one"
        )
    return table


@dataclass(frozen=True, slots=True, eq=False)
class FormulaEncoding:
    """A column computed by a formula, with a residual or without, and with outliers."""

    kind: ClassVar[ColumnKind] = ColumnKind.FORMULA
    any_source: ClassVar[bool] = True
    computed_sources: ClassVar[bool] = False
    list_sources: ClassVar[tuple[int, ...]] = ()
    length: int
    relation: Formula
    residual: FormulaResidual | None
    """Format of the column's symbols, the steps from the formula to the values; None if it has no symbols."""
    outliers: Outliers
    """Outliers in the column's type."""
    symbol_shape: tuple[int, ...] = ()

    @property
    def sources(self) -> tuple[int, ...]:
        """See `ColumnEncoding.sources`."""
        return self.relation.sources

    @property
    def symbol_dtype(self) -> np.dtype[Any] | None:
        """See `ColumnEncoding.symbol_dtype`."""
        return None if self.residual is None else self.residual.dtype

    @property
    def outlier_count(self) -> int:
        """See `ColumnEncoding.outlier_count`."""
        return len(self.outliers)

    def to_bytes(self) -> bytes:
        """See `ColumnEncoding.to_bytes`."""
        residual = b"\0" if self.residual is None else self.residual.to_bytes()
        return self.relation.to_bytes() + residual + self.outliers.to_bytes()

    @classmethod
    def from_bytes(cls, cursor: Cursor, length: int, column: Column) -> Self:
        """See `ColumnEncoding.from_bytes`."""
        relation = Formula.from_bytes(cursor)
        residual = FormulaResidual.from_bytes(cursor, column.dtype)
        outliers = Outliers.from_bytes(cursor, length, column.dtype)
        return cls(length, relation, residual, outliers, column.shape)

    def decode(self, symbols: Values | None, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """See `ColumnEncoding.decode`."""
        values = self.relation.values(sources, dtype)
        if self.residual is not None:
            if symbols is None:
                raise CorruptFileError("a formula with a residual, without symbols")
            values = apply_residual(values, symbols.astype(np.int64), self.residual.dropped_bits)
        return self.outliers.put_into(values)

    def with_exact(self, positions: NDArray[np.int64], original: Values) -> Self:
        """See `ColumnEncoding.with_exact`."""
        return replace(self, outliers=self.outliers.including(positions, original))
