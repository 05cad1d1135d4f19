"""Checks of the columns from which another is computed: they are there, and are like it
(formats/pages.md#page)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baler_root.errors import CorruptFileError
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnEncoding


def checked_numbers(number: int, encoding: ColumnEncoding, num_columns: int) -> tuple[int, ...]:
    """Numbers of the columns from which column `number` of a tree of `num_columns` is computed.

    Raises CorruptFileError for a column that the tree lacks and, for copies and sums, for a later column.
    """
    limit = num_columns if encoding.any_source else number
    if encoding.sources and max(encoding.sources) >= limit:
        raise CorruptFileError(
            "a relation of a column that is not there"
            if encoding.any_source
            else "a copy or sum of a later column"
        )
    return encoding.sources


def check_sources(number: int, encodings: Mapping[int, ColumnEncoding], columns: Sequence[Column]) -> None:
    """Raise CorruptFileError unless column `number` can be computed from its sources.

    `encodings` has the encodings by column number. Each source must be there, have the length of the column
    and no sources itself. Sources of copies and sums also need the type of the column, or any integer type if
    the column holds integers.
    """
    encoding = encodings[number]
    for source_number in checked_numbers(number, encoding, len(columns)):
        source = encodings.get(source_number)
        if source is None:
            raise CorruptFileError("a copy or relation of columns that are not there")
        if (
            source.sources
            or source.length != encoding.length
            or not (encoding.any_source or _are_alike(columns[number], columns[source_number]))
        ):
            kind = "relation" if encoding.any_source else "copy or sum"
            raise CorruptFileError(f"a {kind} of a column that is not like it")


def _are_alike(column: Column, other: Column) -> bool:
    """Whether a column can be a copy of the other: equal types, or integers of any width."""
    dtypes = {column.dtype, other.dtype}
    return len(dtypes) == 1 or all(dtype.kind in "bui" for dtype in dtypes)
