"""A front end in software: rows of a ROOT file as the input codes of a model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, SourceError
from baler_root.format.columns import Column, to_columns, tree_columns
from baler_root.format.schema import Tree
from baler_root.fpga.link import Link
from baler_root.rootio.source import RootSource, SourceTree

ENTRIES = 1 << 14
"""Of the file, read at once."""


class Rows(NamedTuple):
    """Some rows."""

    codes: NDArray[np.int64]
    """(rows, inputs)"""
    odd: NDArray[np.bool_]
    """(rows,): whether a value has no symbol on the axis of its column, so that its code does not tell it."""
    fine: NDArray[np.int64]
    """(rows, inputs): what `codes` were if they had all bits of the axes."""
    values: NDArray[np.float64]
    """(rows, inputs of the columns asked for): the values themselves."""

    def only(self, rows: slice) -> Rows:
        """Some of them."""
        return Rows(self.codes[rows], self.odd[rows], self.fine[rows], self.values[rows])

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of the parts, of which there is at least one."""
        codes, odd, fine, values = zip(*parts, strict=True)
        return cls(np.concatenate(codes), np.concatenate(odd), np.concatenate(fine), np.concatenate(values))


def rows_of(link: Link, source: str | os.PathLike[str], values: Sequence[int] = ()) -> Iterator[Rows]:
    """All rows of a ROOT file's tree, some at a time: entries, or the items of lists if the model was made of these.

    `values`: numbers of the model's columns whose values are wanted, too.

    Raises SourceError for a file that cannot be read or has other values, ConfigError for one that lacks columns.
    """
    with RootSource(source) as root:
        path = link.definition.tree
        (key, *_) = sorted(root.tree_keys([path]), key=lambda key: -int(key.rpartition(";")[2]))
        tree = root.open_tree(key)
        tree.sample.clear()
        columns = tree_columns(tree.schema)
        numbers = _numbers(link, tree.schema, columns, root.path)
        for start in range(0, tree.schema.num_entries, ENTRIES):
            stop = min(start + ENTRIES, tree.schema.num_entries)
            yield _rows(link, columns, numbers, tree, start, stop, values)


def _numbers(link: Link, schema: Tree, columns: Sequence[Column], source: str) -> list[int]:
    """Which of the tree's columns are those of the model, in its order."""
    places: dict[tuple[str, str, str], int] = {
        (schema.path_of(c.branch), c.field, c.role): n for n, c in reversed([*enumerate(columns)])
    }
    wanted = [entry.column for entry in link.definition.inputs]
    missing = [known.name for known in wanted if (known.branch, known.field, known.role) not in places]
    if missing:
        raise ConfigError(
            f"{source}: tree {schema.path!r} lacks {', '.join(map(repr, missing[:5]))}{' …' if missing[5:] else ''}, "
            "of which the model makes its latents"
        )
    return [places[known.branch, known.field, known.role] for known in wanted]


def _rows(
    link: Link,
    columns: Sequence[Column],
    numbers: list[int],
    tree: SourceTree,
    start: int,
    stop: int,
    wanted: Sequence[int],
) -> Rows:
    """Those of some entries."""
    values: dict[int, NDArray[Any]] = {}
    for branch, array in tree.read(
        sorted({columns[number].branch for number in numbers}), start, stop
    ).items():
        own = [number for number, column in enumerate(columns) if column.branch == branch]
        form = tree.schema.branches[branch].form or {}
        values.update(zip(own, to_columns(array, form, [columns[number] for number in own]), strict=True))
    codes: list[NDArray[np.int64]] = []
    odd: list[NDArray[np.bool_]] = []
    fine: list[NDArray[np.int64]] = []
    for number, entry, known in zip(numbers, link.definition.inputs, link.model.columns, strict=True):
        flat = values[number]
        if len(flat) % entry.each or (codes and len(flat) != len(codes[0]) * entry.each):
            raise SourceError(
                f"branch {entry.column.name!r} has {len(flat)} values, not as many as the others"
            )
        symbols, outliers = (
            entry.symbols(flat) if len(flat) else (flat.astype(np.int64), np.zeros(0, np.int64))
        )
        places = known.axis.places(symbols)
        off = places + known.axis.low != symbols
        off[outliers] = True
        codes.append(entry.of_symbols(symbols).reshape(-1, entry.each))
        odd.append(off.reshape(-1, entry.each).any(axis=1))
        fine.append(known.axis.codes[places].astype(np.int64).reshape(-1, entry.each))
    kept = [values[numbers[n]].astype(np.float64).reshape(-1, link.definition.inputs[n].each) for n in wanted]
    return Rows(
        np.concatenate(codes, axis=1),
        np.logical_or.reduce(odd),
        np.concatenate(fine, axis=1),
        np.concatenate(kept, axis=1) if kept else np.zeros((len(codes[0]), 0)),
    )
