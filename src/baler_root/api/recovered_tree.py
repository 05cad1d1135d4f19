"""Writes clusters of a damaged file that lack the same branches as a tree of a new file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.api.recovered_cluster import ClusterRecovery, RecoveredCluster
from baler_root.compression.fingerprint import equality_key
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.columns.form_columns import Column
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.container.write import ContainerWriter, EncodedPage
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.quantised import Quantised
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.page import EncodedColumn, pack_page
from baler_root.format.statistics import RECORD, pack_statistics, unknown_record
from baler_root.format.tables import find_tables
from baler_root.format.values_digest import values_digest


class RecoveredTree:
    """A tree of the new file: clusters of one tree of the damaged file that lack the same branches."""

    def __init__(self, tree: StoredTree, lost: Mapping[int, str], path: str, position: int) -> None:
        """Of `tree` without the `lost` branches (their positions, with reasons); at a path, as tree number
        `position` of the new file.
        """
        self.position = position
        self.lost = dict(lost)
        stored = without_branches(tree, lost).emptied()
        self.stored = replace(stored, schema=replace(stored.schema, path=path))
        self.columns = self.stored.columns
        self.numbers = [number for number, column in enumerate(tree.columns) if column.branch not in lost]
        """Number that each column has in the damaged file."""
        self.clusters: list[int] = []
        """Entries of each cluster."""
        self.last_cluster = -1
        """Number of the last cluster in the damaged file."""
        self._original = tree
        self._layouts: list[tuple[int, ...]] = []
        self._records: list[NDArray[Any]] = []
        self._lists: list[list[int]] = []

    @property
    def is_complete(self) -> bool:
        """Whether it has all columns of the original."""
        return not self.lost

    @property
    def has_all_clusters(self) -> bool:
        """Whether it has all clusters of the original, so that its entries have the same numbers."""
        return self.last_cluster + 1 == len(self.clusters) == len(self._original.clusters)

    def write(
        self, writer: ContainerWriter, recovery: ClusterRecovery, cluster: RecoveredCluster, codec: int
    ) -> None:
        """Append a cluster; `codec` is the number of the codec `classic` in the new file.

        Pages are copied if all branches are there, unchanged. Otherwise the pages are coded again, since
        columns have other numbers or values now.
        """
        decoded = cluster.decoded
        if decoded is None or cluster.entries is None:
            return
        values = [decoded.values[number] for number in self.numbers]
        layout: list[int] = []
        first = 0
        for block, count in zip(cluster.pages, cluster.layout, strict=True):
            kept = [n for n in self.numbers if first <= n < first + count]
            first += count
            if not kept:
                continue
            if block is not None and self.is_complete and not cluster.changed:
                payload, number = bytes(block.payload), block.header.codec
            else:
                payload, number = self._coded_again(kept, recovery.columns, cluster), codec
            arrays = [decoded.values[n] for n in kept]
            encoded = EncodedPage(payload, sum(array.nbytes for array in arrays), values_digest(arrays))
            writer.write_page(PageId(self.position, len(self.clusters), len(layout)), encoded, number)
            layout.append(len(kept))
        self.clusters.append(cluster.entries)
        self._layouts.append(tuple(layout))
        self._records.append(np.array([unknown_record(array) for array in values], dtype=RECORD))
        self._lists.append(
            [equality_key(a)[1] for a, c in zip(values, self.columns, strict=True) if c.role == "counts"]
        )

    def _coded_again(
        self, numbers: Sequence[int], columns: Sequence[Column], cluster: RecoveredCluster
    ) -> bytes:
        """The payload of a `classic` page with these columns of the damaged file."""
        encoded = [self._encoded(number, columns[number], cluster) for number in numbers]
        return pack_page(Classic(), encoded)[0]

    def _encoded(self, number: int, column: Column, cluster: RecoveredCluster) -> EncodedColumn:
        """A column with its symbols, as a copy of a column that is there, or else with its exact values."""
        decoded = cluster.decoded
        assert decoded is not None  # noqa: S101 - for the type checker
        encoding = decoded.encodings[number]
        if number in cluster.changed:
            return _exact(decoded.values[number], column)
        if not encoding.sources:
            return EncodedColumn(encoding, decoded.symbols[number])
        if isinstance(encoding, CopyEncoding) and encoding.source in set(self.numbers) - cluster.changed:
            return EncodedColumn(replace(encoding, source=self.numbers.index(encoding.source)))
        return _exact(decoded.values[number], column)

    def finish(self, writer: ContainerWriter) -> StoredTree:
        """Write the statistics; returns the entry in the manifest."""
        records = np.stack(self._records) if self._records else np.zeros((0, len(self.columns)), RECORD)
        writer.write_block(BlockKind.STATISTICS, pack_statistics(records), self.position)
        counts = sum(column.role == "counts" for column in self.columns)
        keys = list(zip(*self._lists, strict=True)) if self._lists else [()] * counts
        lists, tables = find_tables(self.stored.schema, self.columns, keys)
        layouts = tuple(dict.fromkeys(self._layouts)) or self.stored.layouts
        return replace(
            self.stored,
            schema=replace(self.stored.schema, num_entries=sum(self.clusters)),
            clusters=tuple(self.clusters),
            layouts=layouts,
            layout=tuple(layouts.index(layout) for layout in self._layouts),
            lists=lists,
            tables=tables,
        )


def without_branches(tree: StoredTree, lost: Mapping[int, str]) -> StoredTree:
    """The tree without the columns of the `lost` branches; their names stay, with the reason.

    Layouts and tables are those of the tree if nothing is lost, and empty otherwise.
    """
    if not lost:
        return tree
    branches = tuple(
        replace(branch, form=None, missing=f"lost: {lost[number]}") if number in lost else branch
        for number, branch in enumerate(tree.schema.branches)
    )
    bounds = tuple(
        bound
        for column, bound in zip((c for c in tree.columns if c.has_values), tree.bounds, strict=True)
        if column.branch not in lost
    )
    schema = replace(tree.schema, branches=branches)
    return replace(tree, schema=schema, bounds=bounds, layouts=(), lists=(), tables=(), relations=())


def _exact(values: Values, column: Column) -> EncodedColumn:
    """A column whose symbols are its values."""
    none = np.zeros(0, np.int64), np.zeros(0, values.dtype)
    return EncodedColumn.of(Quantised(values, Quantiser("exact", values.dtype), *none), column.shape)
