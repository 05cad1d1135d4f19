"""Pages of one stored tree: which page holds a column, and opening pages."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.dataset.reader.context import OpenedPage, ReadContext
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import Codec
from baler_root.format.columns.form_columns import Column
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.page import Page
from baler_root.format.schema import Tree
from baler_root.format.statistics import unpack_statistics


class TreePages:
    """Finds and opens the pages of one stored tree."""

    def __init__(self, context: ReadContext, position: int) -> None:
        self.context = context
        self.container = context.container
        manifest = self.container.manifest
        self.position = position
        """Position of the tree that has the pages: another one if this is a further cycle of it."""
        stored = manifest.trees[position]
        self.schema: Tree = stored.schema
        self.bounds = stored.bounds
        if stored.same_as is not None:
            self.position = stored.same_as
            stored = manifest.trees[stored.same_as]
        self.stored: StoredTree = stored
        self.cluster_offsets: list[int] = [0, *np.cumsum(stored.clusters, dtype=np.int64).tolist()]

    @cached_property
    def columns(self) -> list[Column]:
        """All columns, in order."""
        return self.stored.columns

    @cached_property
    def _columns_of_branch(self) -> dict[int, list[int]]:
        result: dict[int, list[int]] = {}
        for number, column in enumerate(self.columns):
            result.setdefault(column.branch, []).append(number)
        return result

    @cached_property
    def _first_columns(self) -> list[list[int]]:
        """First column of each page, and one past the last, for each layout."""
        return [[0, *np.cumsum(layout, dtype=np.int64).tolist()] for layout in self.stored.layouts]

    @cached_property
    def statistics(self) -> NDArray[Any]:
        """Records of `statistics.RECORD`, (clusters, columns); one block is read."""
        payload = self.container.read_block(BlockKind.STATISTICS, self.position)
        if payload is None:
            raise CorruptFileError(f"{self.container.name}: no statistics of tree {self.schema.path!r}")
        return unpack_statistics(payload, len(self.stored.clusters), len(self.columns))

    def entry_size(self, branch: int) -> float:
        """Mean bytes in memory per entry of one branch."""
        total = 0
        for number in self.columns_of(branch):
            total += int(self.statistics["length"][:, number].sum()) * self.columns[number].dtype.itemsize
        return total / max(1, self.schema.num_entries)

    def columns_of(self, branch: int) -> list[int]:
        """Numbers of the columns of one branch."""
        return self._columns_of_branch.get(branch, [])

    def page_of(self, cluster: int, column: int) -> tuple[PageId, int]:
        """The page that holds a column of a cluster, and the column's position in it."""
        first_columns = self._first_columns[self.stored.layout[cluster]]
        group = bisect_right(first_columns, column) - 1
        return PageId(self.position, cluster, group), column - first_columns[group]

    def codec(self, codec_id: str) -> Codec:
        """The codec of this id, with the models of the file; raises UnknownCodecError."""
        return self.context.codec(codec_id)

    def open_pages(self, pages: Iterable[PageId]) -> dict[PageId, OpenedPage]:
        """The pages with their directories read, by id; those not remembered are fetched together.

        Raises FormatError for a page that is damaged or not as the tree says.
        """
        ids = list(pages)
        result = self.context.pages.find(ids)
        missing = [page for page in ids if page not in result]
        codecs = self.container.manifest.codecs
        for page, (payload, codec) in self.container.read_pages(missing).items():
            first, last = self._first_columns[self.stored.layout[page.cluster]][page.group : page.group + 2]
            with errors_of_page(self.container, page):
                content = Page(payload, self.columns[first:last])
                self._check_lengths(page, content, self.columns[first:last])
            result[page] = OpenedPage(page, first, content, codecs[codec])
            self.context.pages.put(page, result[page], len(payload))
        return result

    def _check_lengths(self, page: PageId, content: Page, columns: Sequence[Column]) -> None:
        """Raise CorruptFileError when a column of the entries' table is not as long as the cluster."""
        for encoding, column in zip(content.encodings, columns, strict=True):
            if column.table == 0:
                length = self.stored.clusters[page.cluster] * column.values_per_row
                if encoding.length != length:
                    raise CorruptFileError(f"a column of {encoding.length} values where {length} are due")
