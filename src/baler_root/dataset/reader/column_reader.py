"""Reads the columns of one tree: only the pages asked for, and those that these need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from baler_root.dataset.reader.context import OpenedPage, ReadContext
from baler_root.dataset.reader.page_decoder import PageDecoder
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.dataset.reader.tree_pages import TreePages
from baler_root.errors import CorruptFileError
from baler_root.format.container.read import PageId
from baler_root.format.encodings.relations import ANYWHERE
from baler_root.format.page import Entry

Values = NDArray[Any]


Place = tuple[int, int]
"""A column of one cluster: cluster and number of the column."""


class ColumnReader(TreePages):
    """Finds and decodes the columns of one stored tree."""

    def __init__(self, context: ReadContext, position: int) -> None:
        super().__init__(context, position)
        self._decoder = PageDecoder(self)

    def read_columns(self, clusters: Sequence[int], columns: Sequence[int]) -> list[dict[int, Values]]:
        """The values of the columns, by number, for each cluster; copies and relations are resolved.

        Counts columns that are copies of one another come as one array. Raises FormatError for damaged pages.
        """
        places = [(cluster, column) for cluster in clusters for column in columns]
        pages = self.open_pages(sorted({self.page_of(*place)[0] for place in places}))
        sources = {place: self._sources(pages, place) for place in places}
        related = {self.page_of(place[0], number)[0] for place in places for number in sources[place]}
        pages |= self.open_pages(sorted(related - pages.keys()))
        for place in places:
            self._check_sources(pages, place, sources[place])
        decoded = self._decoder.values(
            pages,
            self._by_page(place for place in places if self._entry(pages, place).spec is not None),
            self._by_page((place[0], number) for place in places for number in sources[place]),
        )
        counts: dict[tuple[PageId, int], Values] = {}
        result: list[dict[int, Values]] = []
        for cluster in clusters:
            values = {}
            for column in columns:
                place = (cluster, column)
                (page, position), entry = self.page_of(*place), self._entry(pages, place)
                origins = [self.page_of(cluster, number) for number in sources[place] or (column,)]
                arrays = [decoded[origin][index] for origin, index in origins]
                dtype = self.columns[column].dtype
                if self.columns[column].role == "counts" and entry.relation is None:
                    # one array for all, so that lists share their offsets
                    values[column] = counts.setdefault(origins[0], arrays[0].astype(dtype, copy=False))
                elif sources[place]:
                    stored = decoded.get(page, {}).get(position)
                    with errors_of_page(self.container, page):
                        values[column] = entry.from_sources(arrays, dtype, stored)
                else:
                    values[column] = arrays[0].astype(dtype, copy=False)
            result.append(values)
        return result

    def _by_page(self, places: Iterable[Place]) -> dict[PageId, set[int]]:
        """Positions in pages, by page, of columns of clusters."""
        result: dict[PageId, set[int]] = {}
        for place in places:
            page, position = self.page_of(*place)
            result.setdefault(page, set()).add(position)
        return result

    def _entry(self, pages: Mapping[PageId, OpenedPage], place: Place) -> Entry:
        """The directory entry of a column of a cluster."""
        page, position = self.page_of(*place)
        return pages[page].content.entries[position]

    def _sources(self, pages: Mapping[PageId, OpenedPage], place: Place) -> tuple[int, ...]:
        """Columns that a column is computed from; raises CorruptFileError if it cannot be computed from these."""
        entry = self._entry(pages, place)
        anywhere = isinstance(entry.relation, ANYWHERE)
        limit = len(self.columns) if anywhere else place[1]
        if entry.sources and max(entry.sources) >= limit:
            problem = (
                "relation of a column that is not there" if anywhere else "copy or sum of a later column"
            )
            raise CorruptFileError(f"{self.container.describe(self.page_of(*place)[0])}: a {problem}")
        return entry.sources

    def _check_sources(
        self, pages: Mapping[PageId, OpenedPage], place: Place, sources: Sequence[int]
    ) -> None:
        """Raise CorruptFileError if a source is itself computed from others, or unlike the column in length or type."""
        cluster, column = place
        entry = self._entry(pages, place)
        anywhere = isinstance(entry.relation, ANYWHERE)
        for number in sources:
            source = self._entry(pages, (cluster, number))
            if (
                source.sources
                or source.length != entry.length
                or not (anywhere or self._alike(column, number))
            ):
                problem = "relation" if anywhere else "copy or sum"
                where = self.container.describe(self.page_of(*place)[0])
                raise CorruptFileError(f"{where}: a {problem} of a column that is not like it")

    def _alike(self, column: int, other: int) -> bool:
        """Whether a column can be a copy of the other: equal types, or integers of any width."""
        dtypes = {self.columns[column].dtype, self.columns[other].dtype}
        return len(dtypes) == 1 or all(dtype.kind in "bui" for dtype in dtypes)
