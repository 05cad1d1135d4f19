"""Reads columns of one tree, opening only the pages that hold them and those that they are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from baler_root._types import Values
from baler_root.dataset.reader.context import OpenedPage, ReadContext
from baler_root.dataset.reader.page_decoder import Decoded, PageDecoder
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.dataset.reader.tree_pages import TreePages
from baler_root.format.container.read import PageId
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.source_check import check_sources, checked_numbers, source_order

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
        pages, sources = self._open_with_sources(places)
        coded = {place for place in sources if self._encoding(pages, place).symbol_dtype is not None}
        decoded = self._decoder.values(
            pages,
            self._by_page(place for place in places if place in coded),
            self._by_page(
                (cluster, number)
                for (cluster, _), numbers in sources.items()
                for number in numbers
                if (cluster, number) in coded
            ),
        )
        counts: dict[tuple[PageId, int], Values] = {}
        result: list[dict[int, Values]] = []
        for cluster in clusters:
            values: dict[int, Values] = {}
            for column in columns:
                self._add_values(cluster, column, values, sources, pages, decoded, counts)
            result.append({column: values[column] for column in columns})
        return result

    def _open_with_sources(
        self, places: Sequence[Place]
    ) -> tuple[dict[PageId, OpenedPage], dict[Place, tuple[int, ...]]]:
        """The pages of columns of clusters and of all columns that they are computed from, at any depth; and
        the sources of each of these columns.

        Raises CorruptFileError for sources from which a column cannot be computed.
        """
        pages: dict[PageId, OpenedPage] = {}
        sources: dict[Place, tuple[int, ...]] = {}
        pending = places
        while pending:
            pages |= self.open_pages(sorted({self.page_of(*place)[0] for place in pending} - pages.keys()))
            sources |= {place: self._sources(pages, place) for place in pending}
            wanted = {(place[0], number) for place in pending for number in sources[place]}
            pending = sorted(wanted - sources.keys())
        for place, numbers in sources.items():
            if numbers:
                self._check_sources(pages, place, numbers)
        return pages, sources

    def _add_values(
        self,
        cluster: int,
        column: int,
        values: dict[int, Values],
        sources: Mapping[Place, tuple[int, ...]],
        pages: Mapping[PageId, OpenedPage],
        decoded: Mapping[PageId, Decoded],
        counts: dict[tuple[PageId, int], Values],
    ) -> None:
        """Add the values of a column of a cluster, and of all that it is computed from, to `values`."""
        with errors_of_page(self.container, self.page_of(cluster, column)[0]):
            order = source_order(column, lambda number: () if number in values else sources[cluster, number])
        for number in order:
            if number in values:
                continue
            place = (cluster, number)
            (page, position), encoding = self.page_of(*place), self._encoding(pages, place)
            dtype = self.columns[number].dtype
            is_stored = not encoding.sources or isinstance(encoding, CopyEncoding)
            if self.columns[number].role == "counts" and is_stored:
                # one array for all, so that lists share their offsets
                origin = self.page_of(cluster, *encoding.sources) if encoding.sources else (page, position)
                array = decoded[origin[0]][origin[1]]
                values[number] = counts.setdefault(origin, array.astype(dtype, copy=False))
            elif encoding.sources:
                arrays = [values[source] for source in encoding.sources]
                symbols = decoded.get(page, {}).get(position)
                with errors_of_page(self.container, page):
                    values[number] = encoding.decode(symbols, arrays, dtype)
            else:
                values[number] = decoded[page][position].astype(dtype, copy=False)

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
