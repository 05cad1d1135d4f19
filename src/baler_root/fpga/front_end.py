"""A front end in software: turns rows of a ROOT file into the input codes of a model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, SourceError
from baler_root.format.columns.form_columns import Column, tree_columns
from baler_root.format.columns.to_columns import to_columns
from baler_root.format.schema import Tree
from baler_root.fpga.link import Link
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree

BATCH_ENTRIES = 1 << 14
"""Entries of the file that are read at once."""


class InputRows(NamedTuple):
    """A batch of rows as a front end passes them on."""

    codes: NDArray[np.int64]
    """(rows, inputs)"""
    out_of_range: NDArray[np.bool_]
    """(rows,): whether a value of the row is beyond its column's axis, so that no code represents it."""
    unrounded: NDArray[np.int64]
    """(rows, inputs): the codes with all bits of the axes, before they are rounded to `codes`."""
    values: NDArray[np.float64]
    """(rows, inputs of the requested columns): the values themselves."""

    def part(self, rows: slice) -> InputRows:
        """A slice of the rows."""
        return InputRows(self.codes[rows], self.out_of_range[rows], self.unrounded[rows], self.values[rows])

    @classmethod
    def concatenate(cls, parts: Sequence[InputRows]) -> InputRows:
        """All rows of the parts; at least one part is needed."""
        codes, out_of_range, unrounded, values = (
            np.concatenate(arrays) for arrays in zip(*parts, strict=True)
        )
        return cls(codes, out_of_range, unrounded, values)


def read_rows(link: Link, source: str | os.PathLike[str], values: Sequence[int] = ()) -> Iterator[InputRows]:
    """Yield all rows of the model's tree in a ROOT file, in batches.

    A row is an entry, or an item of a list if the model was trained on items. `values` are the numbers of
    model columns whose values are returned as well.

    Raises SourceError for a file that cannot be read or has values of another type, ConfigError for missing
    columns.
    """
    with RootSource(source) as root:
        path = link.definition.tree
        (key, *_) = sorted(root.tree_keys([path]), key=lambda key: -int(key.rpartition(";")[2]))
        tree = root.open_tree(key).without_first_entries()
        columns = tree_columns(tree.schema)
        numbers = _column_numbers(link, tree.schema, columns, root.path)
        for start in range(0, tree.schema.num_entries, BATCH_ENTRIES):
            stop = min(start + BATCH_ENTRIES, tree.schema.num_entries)
            arrays = _read_columns(tree, columns, numbers, start, stop)
            yield _encode_rows(link, arrays, values)


def _column_numbers(link: Link, schema: Tree, columns: Sequence[Column], source: str) -> list[int]:
    """Number in the tree of each of the model's columns."""
    numbers: dict[tuple[str, str, str], int] = {
        (schema.path_of(c.branch), c.field, c.role): n for n, c in reversed([*enumerate(columns)])
    }
    needed = [entry.column for entry in link.definition.inputs]
    missing = [column.name for column in needed if (column.branch, column.field, column.role) not in numbers]
    if missing:
        names = f"{', '.join(map(repr, missing[:5]))}{' …' if missing[5:] else ''}"
        raise ConfigError(
            f"{source}: tree {schema.path!r} lacks {names}, from which the model makes its latents"
        )
    return [numbers[column.branch, column.field, column.role] for column in needed]


def _read_columns(
    tree: SourceTree, columns: Sequence[Column], numbers: Sequence[int], start: int, stop: int
) -> list[NDArray[Any]]:
    """Flat values of the model's columns in the entries from `start` to `stop`."""
    values: dict[int, NDArray[Any]] = {}
    branches = sorted({columns[number].branch for number in numbers})
    for branch, array in tree.read(branches, start, stop).items():
        members = [number for number, column in enumerate(columns) if column.branch == branch]
        form = tree.schema.branches[branch].form or {}
        flat = to_columns(array, form, [columns[number] for number in members])
        values.update(zip(members, flat, strict=True))
    return [values[number] for number in numbers]


def _encode_rows(link: Link, arrays: Sequence[NDArray[Any]], requested: Sequence[int]) -> InputRows:
    """The rows of a batch, from the flat values of the model's columns."""
    codes: list[NDArray[np.int64]] = []
    out_of_range: list[NDArray[np.bool_]] = []
    unrounded: list[NDArray[np.int64]] = []
    for flat, entry, model_column in zip(arrays, link.definition.inputs, link.model.columns, strict=True):
        count = entry.values_per_row
        if len(flat) % count or (codes and len(flat) != len(codes[0]) * count):
            raise SourceError(
                f"branch {entry.column.name!r} has {len(flat)} values, not as many as the others"
            )
        symbols, outliers = (
            entry.symbols(flat) if len(flat) else (flat.astype(np.int64), np.zeros(0, np.int64))
        )
        places = model_column.axis.places(symbols)
        beyond = places + model_column.axis.low != symbols
        beyond[outliers] = True
        codes.append(entry.codes_of_symbols(symbols).reshape(-1, count))
        out_of_range.append(beyond.reshape(-1, count).any(axis=1))
        unrounded.append(model_column.axis.codes[places].astype(np.int64).reshape(-1, count))
    values = [
        arrays[n].astype(np.float64).reshape(-1, link.definition.inputs[n].values_per_row) for n in requested
    ]
    return InputRows(
        np.concatenate(codes, axis=1),
        np.logical_or.reduce(out_of_range),
        np.concatenate(unrounded, axis=1),
        np.concatenate(values, axis=1) if values else np.zeros((len(codes[0]), 0)),
    )
