"""Tables: columns with the same rows. Lists of equal structure, compared by content, form one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from baler_root.format.columns.form_columns import Column
from baler_root.format.schema import Tree

ENTRIES = "entries"
"""Name of the table whose rows are the entries."""


def find_tables(
    schema: Tree, columns: Sequence[Column], lists: Sequence[tuple[int, ...]]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The table of each counts column, and the name of every table; table 0 has the entries.

    `lists` has the digests of each counts column in all clusters.
    """
    counts = [column for column in columns if column.role == "counts"]
    tables: dict[tuple[int, ...], int] = {}
    members: list[list[str]] = [[]]
    numbers = []
    for column, key in zip(counts, lists, strict=False):
        table = tables.setdefault(key, len(members))
        if table == len(members):
            members.append([])
        members[table].append(schema.branches[column.branch].name)
        numbers.append(table)
    return tuple(numbers), (ENTRIES, *(common_name(names) for names in members[1:]))


def tables_of(columns: Sequence[Column], values: Sequence[NDArray[Any]]) -> list[int]:
    """The table of each column, found from the `values` of all columns.

    0 stands for the entries. Lists of entries with equal counts share a table. -1 stands for anything nested
    deeper.
    """
    opened: dict[int, int] = {0: 0}
    seen: dict[bytes, int] = {}
    for column, counts in zip(columns, values, strict=True):
        if column.role == "counts" and column.table == 0:
            opened[column.opens] = seen.setdefault(counts.tobytes(), len(seen) + 1)
    return [opened.get(column.table, -1) for column in columns]


def lengths_of(columns: Sequence[Column], tables: Sequence[int], table: int) -> int | None:
    """Number of a column with the lengths of the lists whose items are the rows of `table`; None for
    entries."""
    opened = {
        c.opens: n for n, c in enumerate(columns) if c.role == "counts" and c.table == 0 and not c.shape
    }
    for column, column_table in zip(columns, tables, strict=True):
        if table > 0 and column_table == table and column.table in opened:
            return opened[column.table]
    return None


def common_name(names: Sequence[str]) -> str:
    """The common beginning of the names of a collection's branches (`Muon` for `Muon_pt` and `Muon_eta`)."""
    if len(set(names)) == 1:
        return names[0]
    first, last = min(names), max(names)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length].rstrip("_.:/") or names[0]
