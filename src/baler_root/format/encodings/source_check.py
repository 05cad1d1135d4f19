"""Checks of the columns from which another is computed: they are there, and are like it
(formats/pages.md#page)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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

    `encodings` has the encodings by column number. Each source must be there and have the length of the
    column, unless it holds the items of its lists. Only sources of predicted columns may have sources
    themselves. Sources of copies and sums also need the type of the column, or any integer type if the column
    holds integers.
    """
    encoding = encodings[number]
    for source_number in checked_numbers(number, encoding, len(columns)):
        source = encodings.get(source_number)
        if source is None:
            raise CorruptFileError("a copy or relation of columns that are not there")
        if (
            (source.sources and not encoding.computed_sources)
            or (source.length != encoding.length and source_number not in encoding.list_sources)
            or not (encoding.any_source or _are_alike(columns[number], columns[source_number]))
        ):
            kind = "relation" if encoding.any_source else "copy or sum"
            raise CorruptFileError(f"a {kind} of a column that is not like it")


def source_order(number: int, sources_of: Callable[[int], Sequence[int]]) -> list[int]:
    """The columns from which column `number` is computed, at any depth, each behind its sources; itself last.

    Raises CorruptFileError if a column would be computed from itself.
    """
    order: dict[int, None] = {}
    path: dict[int, None] = {}
    pending = [number]
    while pending:
        column = pending[-1]
        missing = [] if column in order else [source for source in sources_of(column) if source not in order]
        if not missing:
            order[pending.pop()] = None
            path.pop(column, None)
            continue
        path[column] = None
        if not path.keys().isdisjoint(missing):
            raise CorruptFileError("a column that is computed from itself")
        pending += missing
    return [*order]


def _are_alike(column: Column, other: Column) -> bool:
    """Whether a column can be a copy of the other: equal types, or integers of any width."""
    dtypes = {column.dtype, other.dtype}
    return len(dtypes) == 1 or all(dtype.kind in "bui" for dtype in dtypes)
