"""Pairs of files: their columns, cluster by cluster, and the check that they hold the same events."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from baler_root._types import Values
from baler_root.compression.rules.exact_branches import exact_by_name
from baler_root.dataset.reader.file_reader import open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import SourceError
from baler_root.evaluation.report.energy_meter import Meter
from baler_root.format.binary.bit_patterns import patterns
from baler_root.format.bounds import LOSSLESS, ErrorBound, violations
from baler_root.format.columns.form_columns import Column
from baler_root.format.columns.to_columns import flatten
from baler_root.rootio.source import RootSource

MAX_MISSED = 0.5
"""Largest share of values that may miss their bound before two columns count as different events."""


@dataclass(frozen=True, slots=True)
class PairedColumn:
    """One column of one cluster, from both files."""

    tree: str
    name: str
    """Path of the branch, with the field of a record after a dot."""
    table: str
    """Table of the rows: `tree: entries`, or the list that they are elements of."""
    bound: ErrorBound
    row_shape: tuple[int, ...]
    """Shape of the values of one row; () for a number."""
    original: Values
    decompressed: Values
    """Values with the length and type of `original`."""


class FilePair:
    """A ROOT file and the `.baler` file made from it, both open."""

    def __init__(self, original: str | os.PathLike[str], compressed: str | os.PathLike[str]) -> None:
        """Opens both files. Raises SourceError or FormatError if one cannot be read."""
        self.file = open_file(compressed)
        try:
            self.source = RootSource(original)
        except BaseException:
            self.file.close()
            raise
        self.decoding = Meter()
        """Time and energy of decoding so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.directory.close()
        self.file.close()

    @property
    def num_entries(self) -> int:
        """Entries of all trees, without those that are stored as equal to another."""
        return sum(tree.cluster_offsets[-1] for tree in self._trees())

    def bounds(self) -> dict[str, dict[str, str]]:
        """Bound by path of the tree and name of the column, which is `branch`, or `branch.field`."""
        bounds: dict[str, dict[str, str]] = {}
        for tree in self._trees():
            of_tree = bounds.setdefault(tree.schema.path, {})
            for column, name, _, bound in _described(tree):
                if column.has_values and of_tree.get(name, str(LOSSLESS)) == str(LOSSLESS):
                    of_tree[name] = str(bound)
        return bounds

    def clusters(self) -> Iterator[tuple[int, list[PairedColumn]]]:
        """(Number of entries, numeric columns) of every cluster of every tree.

        Raises SourceError if the files do not hold the same events: if trees, branches or numbers of entries
        differ, if a value differs in a column that is stored exactly, or if most values of a column miss
        their bound.
        """
        for tree in self._trees():
            key = f"{tree.schema.path};{tree.schema.cycle}"
            if key not in self.source.classnames:
                raise self._different(f"there is no tree {key!r} in the original")
            try:
                handles = self.source.open_handles(key, tree.schema)
            except SourceError as error:
                raise self._different(f"in the original, {error}") from None
            described = list(_described(tree))
            ends = zip(tree.cluster_offsets, tree.cluster_offsets[1:], strict=False)
            for cluster, (start, stop) in enumerate(ends):
                arrays = handles.read(tree.schema.stored(), start, stop)
                originals = flatten(tree.schema, tree.columns, arrays)
                with self.decoding:
                    decoded = tree.read_columns([cluster], range(len(originals)))[0]
                yield (
                    stop - start,
                    list(
                        self._paired(tree, described, originals, [decoded[n] for n in range(len(originals))])
                    ),
                )

    def _trees(self) -> Iterator[TreeReader]:
        for tree, stored in zip(self.file.trees, self.file.container.manifest.trees, strict=True):
            if stored.same_as is None:
                yield tree

    def _paired(
        self,
        tree: TreeReader,
        described: Sequence[tuple[Column, str, str, ErrorBound]],
        originals: Sequence[Values],
        decoded: Sequence[Values],
    ) -> Iterator[PairedColumn]:
        # identifiers first: that eventNumber differs is the clearest message
        order = sorted(
            range(len(described)), key=lambda number: exact_by_name(described[number][1]) != "identifier"
        )
        for number in order:
            _, name, _, bound = described[number]
            self._check_same(name, bound, originals[number], decoded[number])
        for (column, name, table, bound), x, y in zip(described, originals, decoded, strict=True):
            if column.role == "data" and x.dtype.kind in "fiub":
                yield PairedColumn(tree.schema.path, name, table, bound, column.shape, x, y)

    def _check_same(self, name: str, bound: ErrorBound, x: Values, y: Values) -> None:
        if len(x) != len(y):
            raise self._different(
                f"{name} has {len(x)} values in the original, {len(y)} in the compressed file"
            )
        if bound == LOSSLESS:
            different = np.flatnonzero(patterns(x) != patterns(y))
            if different.size:
                index = int(different[0])
                raise self._different(
                    f"{name}, which is stored exactly, is {x[index]} in the original and {y[index]} in the compressed "
                    f"file (value {index} of a cluster, and {different.size - 1} more)"
                )
        elif len(x):
            missed = len(violations(x, y, bound)) / len(x)
            if missed > MAX_MISSED:
                raise self._different(f"{missed:.0%} of the values of {name} miss the bound {bound}")

    def _different(self, why: str) -> SourceError:
        return SourceError(
            f"{self.source.path} and {self.file.path} do not hold the same events: {why}; name the ROOT file that was "
            "compressed"
        )


def _described(tree: TreeReader) -> Iterator[tuple[Column, str, str, ErrorBound]]:
    """(Column, name, name of its table, bound) of every column."""
    opened = [column.opens for column in tree.columns if column.role == "counts"]
    tables = {0: 0, **dict(zip(opened, tree.stored.lists, strict=True))}
    for column, bound in zip(tree.columns, tree.stored.column_bounds, strict=True):
        path = tree.schema.path_of(column.branch)
        number = tables.get(column.table)
        table = path if number is None else tree.stored.tables[number]
        yield (
            column,
            column.name_in(tree.schema),
            f"{tree.schema.path}: {table}",
            bound,
        )
