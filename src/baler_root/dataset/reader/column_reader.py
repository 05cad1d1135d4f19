"""Reads columns of one tree, opening only the pages that hold them and those that they are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from baler_root._types import Values
from baler_root.dataset.reader.context import OpenedPage, ReadContext
from baler_root.dataset.reader.page_decoder import PageDecoder
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.dataset.reader.tree_pages import TreePages
from baler_root.format.container.read import PageId
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.source_check import check_sources, checked_numbers

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
            self._by_page(place for place in places if self._encoding(pages, place).symbol_dtype is not None),
            self._by_page((place[0], number) for place in places for number in sources[place]),
        )
        counts: dict[tuple[PageId, int], Values] = {}
        result: list[dict[int, Values]] = []
        for cluster in clusters:
            values = {}
            for column in columns:
                place = (cluster, column)
                (page, position), encoding = self.page_of(*place), self._encoding(pages, place)
                origins = [self.page_of(cluster, number) for number in sources[place] or (column,)]
                arrays = [decoded[origin][index] for origin, index in origins]
                dtype = self.columns[column].dtype
                is_stored = not encoding.sources or isinstance(encoding, CopyEncoding)
                if self.columns[column].role == "counts" and is_stored:
                    # one array for all, so that lists share their offsets
                    values[column] = counts.setdefault(origins[0], arrays[0].astype(dtype, copy=False))
                elif sources[place]:
                    symbols = decoded.get(page, {}).get(position)
                    with errors_of_page(self.container, page):
                        values[column] = encoding.decode(symbols, arrays, dtype)
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

    def _encoding(self, pages: Mapping[PageId, OpenedPage], place: Place) -> ColumnEncoding:
        """The encoding of a column of a cluster."""
        page, position = self.page_of(*place)
        return pages[page].content.encodings[position]

    def _sources(self, pages: Mapping[PageId, OpenedPage], place: Place) -> tuple[int, ...]:
        """Columns that a column is computed from; raises CorruptFileError for impossible ones."""
        with errors_of_page(self.container, self.page_of(*place)[0]):
            return checked_numbers(place[1], self._encoding(pages, place), len(self.columns))

    def _check_sources(
        self, pages: Mapping[PageId, OpenedPage], place: Place, sources: Sequence[int]
    ) -> None:
        """Raise CorruptFileError for a source from which the column cannot be computed."""
        cluster, column = place
        encodings = {number: self._encoding(pages, (cluster, number)) for number in (column, *sources)}
        with errors_of_page(self.container, self.page_of(*place)[0]):
            check_sources(column, encodings, self.columns)
