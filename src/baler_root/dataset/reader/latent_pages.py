"""Finds in the pages of a tree what these hold of rows besides their values: latents, and which rows are anomalies."""

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
    """Among the tree's tables."""
    name: str
    columns: frozenset[int]
    """Those of its values."""
    branches: tuple[int, ...]
    """To which these belong."""
    lengths: int | None
    """Column with the lengths of the lists whose items are the rows; None where these are the entries."""


@dataclass(frozen=True, slots=True, eq=False)
class LatentPart:
    """What one page has of a table's latents."""

    id: PageId
    codec: LatentCodec
    page: LatentPage


class LatentPages:
    """The pages with latents of one stored tree; only those of the table asked for are read."""

    def __init__(self, tree: ColumnReader) -> None:
        self.tree = tree

    @cached_property
    def all_tables(self) -> list[LatentTable]:
        """The entries, and each collection of lists; with latents or without."""
        stored, columns = self.tree.stored, self.tree.columns
        counts = [(number, column) for number, column in enumerate(columns) if column.role == "counts"]
        lists: dict[int, list[int]] = {}
        for (number, column), table in zip(counts, stored.lists, strict=True):
            if column.table == 0 and not column.shape:
                lists.setdefault(table, []).append(number)
        out = []
        for table, lengths in [(0, []), *lists.items()]:
            own = {columns[number].opens for number in lengths} or {0}
            values = {n: c.branch for n, c in enumerate(columns) if c.table in own and c.role == "data"}
            if values:
                branches = tuple(dict.fromkeys(values.values()))
                first = lengths[0] if lengths else None
                out.append(LatentTable(table, stored.tables[table], frozenset(values), branches, first))
        return out

    @cached_property
    def tables(self) -> list[LatentTable]:
        """Those with latents in any cluster; a table's pages are read until some are found."""
        return [table for table in self.all_tables if self.has(table)]

    def has(self, table: LatentTable) -> bool:
        """Whether any cluster has latents of the table."""
        return any(self.parts(cluster, table) for cluster in range(len(self.tree.stored.clusters)))

    def lengths(self, cluster: int, table: LatentTable) -> Lengths:
        """How many rows each entry of a cluster has."""
        if table.lengths is None:
            return np.ones(self.tree.stored.clusters[cluster], np.int64)
        return self.tree.read_columns([cluster], [table.lengths])[0][table.lengths].astype(np.int64)

    def parts(self, cluster: int, table: LatentTable) -> list[LatentPart]:
        """What the pages of a cluster have of a table's latents, in the order of its columns; raises FormatError."""
        if not self._codecs:
            return []
        ids = sorted({self.tree.page_of(cluster, column)[0] for column in table.columns})
        out = []
        for page, opened in sorted(self.tree.open_pages(ids).items()):
            with errors_of_page(self.tree.container, page):
                codec = self._codecs.get(opened.codec)
                found = None if codec is None else opened.content.latents(codec)
            if codec and found and any(opened.first + position in table.columns for position in found[1]):
                out.append(LatentPart(page, codec, found[0]))
        return out

    def latents(self, parts: list[LatentPart], rows: int) -> Latents:
        """The latents of a cluster's rows, (rows, latents); those of several pages beside each other."""
        found = []
        for part in parts:
            self._check_rows(part, rows)
            with errors_of_page(self.tree.container, part.id):
                found.append(part.codec.latents(part.page))
        return found[0] if len(found) == 1 else np.concatenate(found, axis=1)

    def anomalies(self, parts: list[LatentPart], rows: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Those of a cluster's rows that were kept exactly as unlike the others, increasing, and their scores.

        Where several models tell, the highest score counts.
        """
        found = []
        for part in parts:
            self._check_rows(part, rows)
            with errors_of_page(self.tree.container, part.id):
                found.append(part.page.outlier_rows)
        which = np.unique(np.concatenate([np.zeros(0, np.int64), *(own for own, _ in found)]))
        scores = np.full(len(which), -np.inf, np.float32)
        for own, score in found:
            at = np.searchsorted(which, own)
            scores[at] = np.maximum(scores[at], score)
        return which, scores

    def sizes(self, table: LatentTable) -> dict[str, Any]:
        """What latents take, in all clusters: `models` (the first bytes of their SHA-256), `rows`, how many of these are
        `anomalies` or `missed` by the latents, and `parts`: bytes of the pages.
        """
        models: dict[bytes, None] = {}
        numbers, parts = Counter(rows=0, anomalies=0, missed=0), Counter[str]()
        for cluster in range(len(self.tree.stored.clusters)):
            found = self.parts(cluster, table)
            if found:
                rows = found[0].page.rows
                numbers.update(rows=rows, anomalies=len(self.anomalies(found, rows)[0]))
            for part in found:
                models[part.page.model] = None
                numbers["missed"] += part.page.missed_rows
                parts.update(part.page.sizes)
        return {"models": list(models), **numbers, "parts": dict(parts)}

    def _check_rows(self, part: LatentPart, rows: int) -> None:
        if part.page.rows != rows:
            where = self.tree.container.describe(part.id)
            raise CorruptFileError(f"{where}: latents of {part.page.rows} rows where {rows} are due")

    @cached_property
    def _codecs(self) -> dict[str, LatentCodec]:
        """The codecs of the file that store latents."""
        out = {}
        for name in self.tree.container.manifest.codecs:
            try:
                codec = self.tree.codec(name)
            except UnknownCodecError:
                continue
            if isinstance(codec, LatentCodec):
                out[name] = codec
        return out
