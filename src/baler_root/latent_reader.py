"""Reads what a file says of rows besides their values: latents, and which were kept exactly as unlike the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.codecs.latent_page import LatentPage
from baler_root.codecs.latents import LatentCodec
from baler_root.column_reader import ColumnReader
from baler_root.container.read import PageId


@dataclass(frozen=True, slots=True, eq=False)
class LatentTable:
    """A table of which a file has latents."""

    name: str
    branches: tuple[int, ...]
    """Those that the latents tell of, and others of the same table."""
    group: int
    """The page of each cluster that holds them."""
    lengths: int | None
    """Column with the lengths of the lists whose items are the rows; None where these are the entries."""


class LatentReader:
    """Latents of one stored tree."""

    def __init__(self, tree: ColumnReader) -> None:
        self.tree = tree

    def tables(self) -> list[LatentTable]:
        """The tables with latents; the directories of pages are read, but no column is decoded."""
        out: dict[int, LatentTable] = {}
        names = self._table_names()
        columns = self.tree.columns
        for cluster in range(len(self.tree.stored.clusters)):
            for page, _, _, positions in self._opened(cluster):
                if page.group in out:
                    continue
                table = columns[self.tree.first_column(page) + positions[0]].table
                same = [n for n, name in names.items() if name == names[table]]
                branches = dict.fromkeys(c.branch for c in columns if c.table in same and c.role == "data")
                lengths = next(
                    (n for n, c in enumerate(columns) if c.role == "counts" and c.opens == table), None
                )
                out[page.group] = LatentTable(
                    names[table], tuple(branches), page.group, lengths if table else None
                )
        return list(out.values())

    def latents(self, table: LatentTable, clusters: Sequence[int]) -> list[NDArray[np.int16]]:
        """The latents of a table's rows in each cluster, (rows, latents)."""
        return [
            codec.latents(held)
            for cluster in clusters
            for _, codec, held, _ in self._opened(cluster, table.group)
        ]

    def outliers(self, table: LatentTable, cluster: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Rows of a table in one cluster that were kept exactly as unlike the others, and their scores."""
        for _, _, held, _ in self._opened(cluster, table.group):
            return held.anomalies
        return np.zeros(0, np.uint32), np.zeros(0, np.float32)

    def lengths(self, table: LatentTable, clusters: Sequence[int]) -> NDArray[np.int64] | None:
        """How many rows each entry has; None where the rows are the entries."""
        if table.lengths is None:
            return None
        found = self.tree.read_columns(clusters, [table.lengths])
        counts = [values[table.lengths].astype(np.int64) for values in found]
        return np.concatenate([np.zeros(0, np.int64), *counts])

    def _opened(
        self, cluster: int, group: int | None = None
    ) -> Iterator[tuple[PageId, LatentCodec, LatentPage, list[int]]]:
        """The pages of a cluster that have latents, or that of one number, and which columns these tell of."""
        groups = range(len(self.tree.stored.groups(cluster))) if group is None else [group]
        ids = [PageId(self.tree.position, cluster, number) for number in groups]
        for page, (opened, name) in sorted(self.tree.open_pages(ids).items(), key=lambda item: item[0]):
            codec = self.tree.codec(name)
            if isinstance(codec, LatentCodec) and (found := opened.latents()) is not None:
                yield page, codec, *found

    def _table_names(self) -> dict[int, str]:
        """The name of the table to which the columns with each number belong."""
        stored = self.tree.stored
        opened = [column.opens for column in self.tree.columns if column.role == "counts"]
        lists = dict(zip(opened, stored.lists, strict=True))
        return {0: stored.tables[0]} | {number: stored.tables[table] for number, table in lists.items()}
