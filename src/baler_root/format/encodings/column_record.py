"""Records of a page's directory: the encoding of each column (formats/pages.md#page)."""

from __future__ import annotations

from collections.abc import Mapping

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.double32 import PackedFloatEncoding
from baler_root.format.encodings.formula import FormulaEncoding
from baler_root.format.encodings.interpolated import InterpolatedEncoding
from baler_root.format.encodings.lookup import LookupEncoding
from baler_root.format.encodings.predicted import PredictedEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.encodings.sum import SumEncoding
from baler_root.format.limits import MAX_COLUMN_LENGTH

_CLASSES: tuple[type[ColumnEncoding], ...] = (
    QuantisedEncoding,
    CopyEncoding,
    PackedFloatEncoding,
    SumEncoding,
    FormulaEncoding,
    LookupEncoding,
    InterpolatedEncoding,
    PredictedEncoding,
)


ENCODINGS: Mapping[int, type[ColumnEncoding]] = {encoding.kind: encoding for encoding in _CLASSES}
"""Encodings by their kind in a file."""


def pack_entry(encoding: ColumnEncoding) -> bytes:
    """The directory entry of one column."""
    return bytes([encoding.kind]) + pack_varint(encoding.length) + encoding.to_bytes()


def read_entry(cursor: Cursor, column: Column) -> ColumnEncoding:
    """The encoding of `column` from its directory entry; raises FormatError for an invalid one."""
    kind, length = cursor.byte(), cursor.varint()
    if length > MAX_COLUMN_LENGTH:
        raise CorruptFileError(
            f"a column of {length} values in one cluster; at most {MAX_COLUMN_LENGTH} are allowed"
        )
    if kind not in ENCODINGS:
        raise CorruptFileError(f"unknown kind of column {kind}")
    return ENCODINGS[kind].from_bytes(cursor, length, column)
