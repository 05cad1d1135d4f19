"""Reads the columns of one tree: only the pages asked for, and those that these need."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_root.dataset.reader.errors import named
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import Codec, ContextCodec
from baler_root.format.columns import Column
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.encodings.relations import ANYWHERE
from baler_root.format.page import Page
from baler_root.format.schema import Tree
from baler_root.format.statistics import unpack_statistics

if TYPE_CHECKING:
    from baler_root.dataset.reader.file_reader import FileReader


Values = NDArray[Any]


class ColumnReader:
    """Finds and decodes the columns of one stored tree."""

    def __init__(self, file: FileReader, position: int) -> None:
        self.container = file.container
        manifest = file.container.manifest
        self._file = file
        self.position = position
        """Position of the tree whose pages hold the data."""
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
        out: dict[int, list[int]] = {}
        for number, column in enumerate(self.columns):
            out.setdefault(column.branch, []).append(number)
        return out

    @cached_property
    def _first_columns(self) -> list[list[int]]:
        """First column of each page, and one past the last, for each layout."""
        return [[0, *np.cumsum(layout, dtype=np.int64).tolist()] for layout in self.stored.layouts]

    @cached_property
    def statistics(self) -> NDArray[Any]:
        """The records of `statistics.RECORD`, (clusters, columns); one block is read."""
        payload = self.container.read_block(BlockKind.STATISTICS, self.position)
        if payload is None:
            raise CorruptFileError(f"{self._file.path}: no statistics of tree {self.schema.path!r}")
        return unpack_statistics(payload, len(self.stored.clusters), len(self.columns))

    def columns_of(self, branch: int) -> list[int]:
        """Numbers of the columns of one branch."""
        return self._columns_of_branch.get(branch, [])

    def page_of(self, cluster: int, column: int) -> tuple[PageId, int]:
        """The page that holds a column of a cluster, and the column's position in it."""
        first = self._first_columns[self.stored.layout[cluster]]
        group = bisect_right(first, column) - 1
        return PageId(self.position, cluster, group), column - first[group]

    def first_column(self, page: PageId) -> int:
        """The number of the first column that a page holds."""
        return self._first_columns[self.stored.layout[page.cluster]][page.group]

    def codec(self, codec_id: str) -> Codec:
        """The codec of this id, with the models that it may need."""
        return self._file.codec(codec_id)

    def open_pages(self, pages: Sequence[PageId]) -> dict[PageId, tuple[Page, str]]:
        """The pages with their directories read, and the id of each one's codec; those used lately are kept."""
        codecs = self.container.manifest.codecs
        out = self._file.kept(pages)
        missing = [page for page in pages if page not in out]
        for page, (payload, codec) in self.container.read_pages(missing).items():
            first, last = self._first_columns[self.stored.layout[page.cluster]][page.group : page.group + 2]
            if codec >= len(codecs):
                raise CorruptFileError(f"{self.container.describe(page)}: unknown codec number {codec}")
            with named(self.container, page):
                opened = Page(payload, self.columns[first:last])
                self._check_lengths(page, opened, self.columns[first:last])
            out[page] = (opened, codecs[codec])
            self._file.keep(page, out[page], len(payload))
        return out

    def _check_lengths(self, page: PageId, opened: Page, columns: Sequence[Column]) -> None:
        """Raise CorruptFileError when a column of the entries' table is not as long as the cluster."""
        for entry, column in zip(opened.entries, columns, strict=True):
            if column.table == 0:
                rows = self.stored.clusters[page.cluster] * column.values_per_row
                if entry.length != rows:
                    raise CorruptFileError(f"a column of {entry.length} values where {rows} are due")

    def read_columns(self, clusters: Sequence[int], columns: Sequence[int]) -> list[dict[int, Values]]:
        """The values of the columns, by number, for each cluster; copies and relations are resolved."""
        pages = self.open_pages(sorted({self.page_of(c, column)[0] for c in clusters for column in columns}))
        sources = {
            (cluster, column): pages[page][0].entries[position].sources
            for cluster in clusters
            for column in columns
            for page, position in [self.page_of(cluster, column)]
        }
        for (cluster, column), found in sources.items():
            page, position = self.page_of(cluster, column)
            anywhere = isinstance(pages[page][0].entries[position].relation, ANYWHERE)
            if found and max(found) >= (len(self.columns) if anywhere else column):
                what = (
                    "relation of a column that is not there" if anywhere else "copy or sum of a later column"
                )
                raise CorruptFileError(f"{self.container.describe(page)}: a {what}")
        more = {
            self.page_of(cluster, number)[0] for (cluster, _), found in sources.items() for number in found
        }
        pages.update(self.open_pages(sorted(more - pages.keys())))
        for (cluster, column), found in sources.items():
            self._check_sources(pages, cluster, column, found)
        wanted: dict[PageId, set[int]] = {}
        for cluster in clusters:
            for column in columns:
                page, position = self.page_of(cluster, column)
                if pages[page][0].entries[position].spec is not None:
                    wanted.setdefault(page, set()).add(position)
                for number in sources[cluster, column]:
                    page, position = self.page_of(cluster, number)
                    wanted.setdefault(page, set()).add(position)

        decoded = self._decode(pages, wanted)
        counts: dict[tuple[PageId, int], Values] = {}
        out: list[dict[int, Values]] = []
        for cluster in clusters:
            values = {}
            for column in columns:
                found, dtype = sources[cluster, column], self.columns[column].dtype
                places = [self.page_of(cluster, number) for number in found or (column,)]
                arrays = [decoded[page][position] for page, position in places]
                page, position = self.page_of(cluster, column)
                relation = pages[page][0].entries[position].relation
                if self.columns[column].role == "counts" and relation is None:
                    # one array for all, so that lists share their offsets
                    values[column] = counts.setdefault(places[0], arrays[0].astype(dtype, copy=False))
                elif found:
                    own = decoded[page].get(position) if page in decoded else None
                    with named(self.container, page):
                        values[column] = pages[page][0].entries[position].from_sources(arrays, dtype, own)
                else:
                    values[column] = arrays[0].astype(dtype, copy=False)
            out.append(values)
        return out

    def _decode(
        self, pages: dict[PageId, tuple[Page, str]], wanted: Mapping[PageId, set[int]]
    ) -> dict[PageId, dict[int, Values]]:
        """What the pages hold of the columns at the wanted positions.

        Pages of lists may need columns of the entries, in other pages, which need nothing more themselves.
        """
        outside: dict[PageId, tuple[int, ...]] = {}
        for page, positions in wanted.items():
            with named(self.container, page):
                codec = self.codec(pages[page][1])
                outside[page] = pages[page][0].context_columns(codec, sorted(positions))
        first = {page: set(wanted[page]) for page, needs in outside.items() if not needs}
        places = {
            (page.cluster, number): self._origin(pages, page, number)
            for page, needs in outside.items()
            for number in needs
        }
        for origin, position in places.values():
            first.setdefault(origin, set()).add(position)

        context: dict[PageId, dict[int, Values]] = {}

        def outer(page: PageId, number: int) -> Values:
            origin, place = places[page.cluster, number]
            found = {place: context[origin][place]}
            # Lengths are asked for as they are; symbols mean nothing where a value is an outlier.
            return (pages[origin][0].values(found) if self.columns[number].role == "counts" else found)[place]

        def decode(
            item: tuple[PageId, set[int]], needs: Sequence[int] = ()
        ) -> tuple[PageId, dict[int, Values]]:
            page, positions = item
            opened, name = pages[page]
            with named(self.container, page):
                codec = self.codec(name)
                if needs and isinstance(codec, ContextCodec):
                    codec = codec.with_context({number: outer(page, number) for number in needs})
                return page, opened.symbols(codec, sorted(positions))

        context.update(self._file.map(decode, first.items()))
        rest = [(page, positions) for page, positions in wanted.items() if outside[page]]
        # A page may both lean on others and hold what others lean on: that is decoded by itself.
        symbols = context | dict(self._file.map(lambda item: decode(item, outside[item[0]]), rest))

        def values(item: tuple[PageId, set[int]]) -> tuple[PageId, dict[int, Values]]:
            page, positions = item
            with named(self.container, page):
                return page, pages[page][0].values({p: symbols[page][p] for p in positions})

        return dict(self._file.map(values, wanted.items()))

    def _origin(
        self, pages: dict[PageId, tuple[Page, str]], needy: PageId, number: int
    ) -> tuple[PageId, int]:
        """Where the symbols are of a column of the entries (or of lists' lengths) that a page of lists needs."""
        for _ in range(2):
            if number >= len(self.columns) or self.columns[number].table != 0 or self.columns[number].shape:
                break
            page, position = self.page_of(needy.cluster, number)
            if page not in pages:
                pages.update(self.open_pages([page]))
            opened, name = pages[page]
            entry = opened.entries[position]
            if entry.copy_of is not None:
                number = entry.copy_of
                continue
            exact = entry.related is None and entry.spec is not None
            with named(self.container, page):
                if page != needy and exact and not opened.context_columns(self.codec(name), [position]):
                    return page, position
            break
        raise CorruptFileError(
            f"{self.container.describe(needy)}: needs column {number}, which is none of the entries with symbols of its own"
        )

    def _check_sources(
        self, pages: Mapping[PageId, tuple[Page, str]], cluster: int, column: int, sources: Sequence[int]
    ) -> None:
        """Raise CorruptFileError where a copy or relation is of columns that are not like it, or no columns of their own."""
        page, position = self.page_of(cluster, column)
        own = pages[page][0].entries[position]
        for source in sources:
            origin, place = self.page_of(cluster, source)
            entry = pages[origin][0].entries[place]
            anywhere = isinstance(own.relation, ANYWHERE)
            if entry.sources or entry.length != own.length or not (anywhere or self._alike(column, source)):
                what = "relation" if anywhere else "copy or sum"
                raise CorruptFileError(
                    f"{self.container.describe(page)}: a {what} of a column that is not like it"
                )

    def _alike(self, one: int, other: int) -> bool:
        """Whether a column can be kept as a copy of the other: the same type, or integers of any width."""
        dtypes = {self.columns[one].dtype, self.columns[other].dtype}
        return len(dtypes) == 1 or all(dtype.kind in "bui" for dtype in dtypes)

    def entry_size(self, branch: int) -> float:
        """Mean bytes in memory per entry of one branch."""
        entries = max(1, self.schema.num_entries)
        total = 0
        for number in self.columns_of(branch):
            total += int(self.statistics["length"][:, number].sum()) * self.columns[number].dtype.itemsize
        return total / entries
