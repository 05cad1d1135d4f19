"""Latents and outlier rows in the pages of one tree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.dataset.reader.column_reader import ColumnReader
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.errors import CorruptFileError, UnknownCodecError
from baler_root.format.codecs.latent.codec import LatentCodec
from baler_root.format.codecs.latent.page import LatentPage
from baler_root.format.container.read import PageId

Lengths = NDArray[np.int64]


Latents = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class LatentTable:
    """A table whose rows may have latents."""

    number: int
    """Position among the tables of the tree."""
    name: str
    columns: frozenset[int]
    """Numbers of the columns with its values."""
    branches: tuple[int, ...]
    """Branches of its columns."""
    lengths: int | None
    """Column of list lengths, if rows are items of lists; None if rows are entries."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentPart:
    """Latents of a table in one page."""

    id: PageId
    codec: LatentCodec
    page: LatentPage


class LatentPages:
    """Finds and decodes the latents of one stored tree, reading only pages of the table in question."""

    def __init__(self, tree: ColumnReader) -> None:
        self.tree = tree

    @cached_property
    def all_tables(self) -> list[LatentTable]:
        """The table of the entries and those of lists, with latents or without."""
        stored, columns = self.tree.stored, self.tree.columns
        counts = [(number, column) for number, column in enumerate(columns) if column.role == "counts"]
        lists: dict[int, list[int]] = {}
        for (number, column), table in zip(counts, stored.lists, strict=True):
            if column.table == 0 and not column.shape:
                lists.setdefault(table, []).append(number)
        tables = []
        for table, lengths in [(0, []), *lists.items()]:
            row_tables = {columns[number].opens for number in lengths} or {0}
            values = {
                n: c.branch for n, c in enumerate(columns) if c.table in row_tables and c.role == "data"
            }
            if values:
                branches = tuple(dict.fromkeys(values.values()))
                length_column = lengths[0] if lengths else None
                tables.append(
                    LatentTable(table, stored.tables[table], frozenset(values), branches, length_column)
                )
        return tables

    @cached_property
    def tables(self) -> list[LatentTable]:
        """Tables with latents in any cluster; their pages are read until latents are found."""
        return [table for table in self.all_tables if self.has(table)]

    def has(self, table: LatentTable) -> bool:
        """Whether any cluster has latents of the table."""
        return any(self.parts(cluster, table) for cluster in range(len(self.tree.stored.clusters)))

    def lengths(self, cluster: int, table: LatentTable) -> Lengths:
        """Number of rows of each entry of a cluster, int64."""
        if table.lengths is None:
            return np.ones(self.tree.stored.clusters[cluster], np.int64)
        return self.tree.read_columns([cluster], [table.lengths])[0][table.lengths].astype(np.int64)

    def parts(self, cluster: int, table: LatentTable) -> list[LatentPart]:
        """Latents of a table in each page of a cluster, in the order of its columns; raises FormatError."""
        if not self._codecs:
            return []
        ids = sorted({self.tree.page_of(cluster, column)[0] for column in table.columns})
        parts = []
        for page, opened in sorted(self.tree.open_pages(ids).items()):
            with errors_of_page(self.tree.container, page):
                codec = self._codecs.get(opened.codec)
                latents = None if codec is None else opened.content.latents(codec)
            if (
                codec
                and latents
                and any(opened.first_column + position in table.columns for position in latents[1])
            ):
                parts.append(LatentPart(page, codec, latents[0]))
        return parts

    def latents(self, parts: list[LatentPart], rows: int) -> Latents:
        """Latents of the rows of a cluster, (rows, latents); those of several pages side by side."""
        arrays = []
        for part in parts:
            self._check_rows(part, rows)
            with errors_of_page(self.tree.container, part.id):
                arrays.append(part.codec.latents(part.page))
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)

    def outlier_rows(
        self, parts: list[LatentPart], rows: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Outlier rows of a cluster, increasing, and their scores: the highest one of several models."""
        outliers = []
        for part in parts:
            self._check_rows(part, rows)
            with errors_of_page(self.tree.container, part.id):
                outliers.append(part.page.outlier_rows)
        outlier_rows = np.unique(
            np.concatenate([np.zeros(0, np.int64), *(page_rows for page_rows, _ in outliers)])
        )
        scores = np.full(len(outlier_rows), -np.inf, np.float32)
        for page_rows, score in outliers:
            index = np.searchsorted(outlier_rows, page_rows)
            scores[index] = np.maximum(scores[index], score)
        return outlier_rows, scores

    def sizes(self, table: LatentTable) -> dict[str, Any]:
        """Sizes of the latents of a table in all clusters.

        Keys: `models` (first bytes of their SHA-256), `rows`, the numbers of rows that are `outlier_rows`
        (outlier rows) or `missed` by the latents, and `parts`, the bytes of the pages by part.
        """
        models: dict[bytes, None] = {}
        numbers, parts = Counter(rows=0, outlier_rows=0, missed=0), Counter[str]()
        for cluster in range(len(self.tree.stored.clusters)):
            latent_parts = self.parts(cluster, table)
            if latent_parts:
                rows = latent_parts[0].page.rows
                numbers.update(rows=rows, outlier_rows=len(self.outlier_rows(latent_parts, rows)[0]))
            for part in latent_parts:
                models[part.page.model] = None
                numbers["missed"] += part.page.missed_rows
                parts.update(part.page.sizes)
        return {"models": list(models), **numbers, "parts": dict(parts)}

    def _check_rows(self, part: LatentPart, rows: int) -> None:
        if part.page.rows != rows:
            location = self.tree.container.describe(part.id)
            raise CorruptFileError(f"{location}: latents of {part.page.rows} rows where {rows} are due")

    @cached_property
    def _codecs(self) -> dict[str, LatentCodec]:
        """Codecs of the file that store latents, by id."""
        codecs = {}
        for name in self.tree.container.manifest.codecs:
            try:
                codec = self.tree.codec(name)
            except UnknownCodecError:
                continue
            if isinstance(codec, LatentCodec):
                codecs[name] = codec
        return codecs
