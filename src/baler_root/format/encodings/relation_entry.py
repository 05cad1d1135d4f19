"""What a page's directory says of columns that are recomputed from others (formats/pages.md#page)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import MANTISSA_BITS
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.encodings.functions import FUNCTIONS, MAX_KEYS, Table, is_table
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.outliers import pack_outliers, read_outliers, with_outliers
from baler_root.format.encodings.relations import MAX_TERMS, Formula, Relation, Sum, apply_residual

SUM, FORMULA, LOOKUP = 3, 4, 5


_FORMULA = struct.Struct("<dd")


_CONSTANT = struct.Struct("<d")


_ENTRY = struct.Struct("<dd")


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """A column of one cluster that is a function of others, but for its outliers."""

    relation: Relation
    positions: NDArray[np.int64]
    outliers: NDArray[Any]
    dropped_bits: int | None = None
    """Set when the column's symbols say how far, in patterns without so many low bits, the values are from it."""

    def values(
        self, sources: Sequence[NDArray[Any]], dtype: np.dtype[Any], steps: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """The values, from those of the relation's sources and the column's own symbols, if it has any.

        Raises CorruptFileError if they do not fit.
        """
        values = self.relation.values(sources, dtype)
        if self.dropped_bits is not None and steps is not None:
            values = apply_residual(values, steps.astype(np.int64), self.dropped_bits)
        return with_outliers(values, self.positions, self.outliers)


def pack_related(related: Related, length: int, steps: np.dtype[Any] | None) -> bytes:
    """The entry of a column of so many values; `steps` is the type of its symbols, if it has any."""
    relation, head = related.relation, pack_varint(length)
    outliers = pack_outliers(related.positions, related.outliers)
    if isinstance(relation, Sum):
        packed = b"".join(bytes([sign < 0]) + pack_varint(column) for sign, column in relation.terms)
        return bytes([SUM]) + head + pack_varint(len(relation.terms)) + packed + outliers
    if isinstance(relation, Lookup):
        return bytes([LOOKUP]) + head + relation.to_bytes(related.outliers.dtype) + outliers
    residual = b"\0"
    if related.dropped_bits is not None and steps is not None:
        residual = bytes([1 + related.dropped_bits, steps.itemsize])
    return b"".join(
        (
            bytes([FORMULA]),
            head,
            bytes([list(FUNCTIONS).index(relation.function)]),
            _FORMULA.pack(relation.scale, relation.offset),
            _CONSTANT.pack(relation.constant) if FUNCTIONS[relation.function].constant else b"",
            _pack_table(relation.table) if FUNCTIONS[relation.function].table else b"",
            pack_varint(len(relation.sources)),
            *map(pack_varint, relation.sources),
            residual,
            outliers,
        )
    )


def read_related(
    kind: int, directory: Cursor, length: int, dtype: np.dtype[Any]
) -> tuple[Related, np.dtype[Any] | None]:
    """What `pack_related` packed, behind the length, for a column of `dtype`; and the type of its symbols, if any.

    Raises FormatError when it makes no sense.
    """
    relation: Relation
    dropped_bits, steps = None, None
    if kind == SUM:
        relation = _read_sum(directory)
    elif kind == LOOKUP:
        relation = Lookup.from_bytes(directory, dtype)
    else:
        relation = _read_formula(directory)
        dropped_bits, steps = _read_residual(directory, dtype)
    return Related(relation, *read_outliers(directory, length, dtype), dropped_bits), steps


def _read_sum(directory: Cursor) -> Sum:
    terms = []
    for _ in range(_terms(directory, "sum")):
        sign = directory.byte()
        if sign > 1:
            raise CorruptFileError(f"a sign of {sign}")
        terms.append((1 - 2 * sign, directory.varint()))
    return Sum(tuple(terms))


def _terms(directory: Cursor, what: str) -> int:
    count = directory.varint()
    if not 1 <= count <= MAX_TERMS:
        raise CorruptFileError(f"a {what} of {count} columns")
    return count


def _read_formula(directory: Cursor) -> Formula:
    number = directory.byte()
    if number >= len(FUNCTIONS):
        raise CorruptFileError(f"unknown function {number}")
    name, function = list(FUNCTIONS.items())[number]
    scale, offset = _FORMULA.unpack(directory.take(_FORMULA.size))
    constant = _CONSTANT.unpack(directory.take(_CONSTANT.size))[0] if function.constant else 0.0
    table = _read_table(directory) if function.table else ()
    count = _terms(directory, "formula")
    if count < function.arity or (count > function.arity and not function.any_number):
        raise CorruptFileError(f"the function {name} of {count} columns")
    if not all(map(math.isfinite, (scale, offset, constant))):
        raise CorruptFileError(f"the function {name} times {scale} plus {offset}, with {constant}")
    sources = tuple(directory.varint() for _ in range(count))
    return Formula(name, sources, scale, offset, constant, table)


def _pack_table(table: Table) -> bytes:
    return pack_varint(len(table)) + b"".join(_ENTRY.pack(*entry) for entry in table)


def _read_table(directory: Cursor) -> Table:
    count = directory.varint()
    table = tuple(_ENTRY.iter_unpack(directory.take(count * _ENTRY.size)))
    if not is_table(table):
        raise CorruptFileError(
            f"a table of {count} keys: 1 to {MAX_KEYS}, increasing, and finite numbers make one"
        )
    return table


def _read_residual(directory: Cursor, dtype: np.dtype[Any]) -> tuple[int | None, np.dtype[Any] | None]:
    """How many bits are dropped, and the type of the steps; None where there are none."""
    dropped_bits = directory.byte() - 1
    if dropped_bits < 0:
        return None, None
    if dtype.kind != "f" or dropped_bits > MANTISSA_BITS[dtype.itemsize]:
        raise CorruptFileError(f"{dropped_bits} bits dropped from {dtype}")
    itemsize = directory.byte()
    if itemsize not in (1, 2, 4, 8):
        raise CorruptFileError(f"steps of {itemsize} bytes")
    return dropped_bits, np.dtype(f"i{itemsize}")
