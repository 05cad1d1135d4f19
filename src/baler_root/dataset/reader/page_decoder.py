"""Decodes columns of opened pages; pages of lists may need columns of the entries, from other pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from baler_root._types import Values
from baler_root.dataset.reader.context import OpenedPage
from baler_root.dataset.reader.page_errors import errors_of_page
from baler_root.dataset.reader.tree_pages import TreePages
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import Codec, is_context_codec, is_incremental_codec
from baler_root.format.container.read import PageId
from baler_root.format.encodings.copy import CopyEncoding

Decoded = dict[int, Values]
"""Arrays of columns of one page, by position in it."""


Positions = Mapping[PageId, set[int]]
"""Positions of columns, by page."""


class PageDecoder:
    """Decodes columns of pages of one tree, and remembers those that others are computed from."""

    def __init__(self, tree: TreePages) -> None:
        self._tree = tree
        self._context = tree.context

    def values(
        self, pages: Mapping[PageId, OpenedPage], targets: Positions, sources: Positions
    ) -> dict[PageId, Decoded]:
        """Values of columns by page and position; for a column computed from others, its symbols, if any.

        `targets` are columns asked for, `sources` columns that these are computed from. Raises FormatError.
        """
        requested = {
            page: targets.get(page, set()) | sources.get(page, set()) for page in {**targets, **sources}
        }
        symbols = self._symbols(pages, targets, requested)

        def values(item: tuple[PageId, set[int]]) -> tuple[PageId, Decoded]:
            page, positions = item
            coded = {position: symbols[page][position] for position in positions}
            with errors_of_page(self._tree.container, page):
                computed = pages[page].content.values(coded)
            values = {
                position: _writable_values(array, coded[position]) for position, array in computed.items()
            }
            return page, coded | values

        return dict(self._context.map(values, requested.items()))

    def _symbols(
        self, pages: Mapping[PageId, OpenedPage], targets: Positions, requested: Positions
    ) -> dict[PageId, Decoded]:
        """Symbols of the `requested` columns; columns that are not `targets` are remembered.

        Pages of lists may need columns of the entries, in other pages, which need no further ones.
        """
        remembered = {page: self._remembered(pages[page], numbers) for page, numbers in requested.items()}
        context_columns = {
            page: self._context_columns(pages[page], positions - remembered[page].keys())
            for page, positions in requested.items()
        }
        origins = {
            (page.cluster, number): self._origin(pages[page], number)
            for page, numbers in context_columns.items()
            for number in numbers
        }
        opened = {**pages, **{page.id: page for page, _ in origins.values()}}
        independent = {
            page: set(positions) for page, positions in requested.items() if not context_columns[page]
        }
        for origin, position in origins.values():
            independent.setdefault(origin.id, set()).add(position)
            remembered[origin.id] = remembered.get(origin.id, {}) | self._remembered(origin, {position})
        context: dict[PageId, Decoded] = {}

        def context_of(page: PageId) -> Decoded:
            """Columns outside a page that its codec needs, by number in the tree."""
            result = {}
            for number in context_columns.get(page, ()):
                origin, position = origins[page.cluster, number]
                symbols = {position: context[origin.id][position]}
                # Lengths are needed as values: symbols mean nothing where a value is an outlier.
                is_counts = self._tree.columns[number].role == "counts"
                result[number] = (origin.content.values(symbols) if is_counts else symbols)[position]
            return result

        def decode(page: PageId, positions: set[int], columns: Decoded) -> tuple[PageId, Decoded]:
            page_targets = targets.get(page, set())
            return page, self._decode(opened[page], positions, remembered[page], columns, page_targets)

        context.update(self._context.map(lambda item: decode(*item, {}), independent.items()))
        # A page may need columns of other pages and also hold such columns; the latter are decoded before.
        dependent = [(page, positions) for page, positions in requested.items() if context_columns[page]]
        dependent_symbols = self._context.map(lambda item: decode(*item, context_of(item[0])), dependent)
        return context | dict(dependent_symbols)

    def _decode(
        self, page: OpenedPage, positions: set[int], remembered: Decoded, context: Decoded, targets: set[int]
    ) -> Decoded:
        """Symbols of columns of a page, those `remembered` included; `context` are columns outside it."""
        missing = positions - remembered.keys()
        if not missing:
            return remembered
        with errors_of_page(self._tree.container, page.id):
            codec = self._context.codec(page.codec)
            if context and is_context_codec(codec):
                codec = codec.with_context(context)
            decoded = page.content.symbols(codec, sorted(missing), remembered)
            self._remember(page, codec, decoded, targets)
        return remembered | decoded

    def _remember(self, page: OpenedPage, codec: Codec, symbols: Decoded, targets: set[int]) -> None:
        """Put symbols that may be needed again into the cache: columns that others were computed from.

        With an IncrementalCodec any column may be needed for others of its page, so all are remembered,
        unless the whole page is read at once: the cache would then only take memory.
        """
        keep_all = is_incremental_codec(codec) and len(targets) < page.content.num_coded
        for position, array in symbols.items():
            if keep_all or position not in targets:
                # A view would keep more memory alive than its size.
                cached = array if array.base is None else array.copy()
                cached.flags.writeable = False
                self._context.columns.put((page.id, position), cached, cached.nbytes)

    def _remembered(self, page: OpenedPage, positions: Iterable[int]) -> Decoded:
        """Symbols of the columns at these positions that are in the cache; those of all columns of the page
        where others are decoded with their help."""
        with errors_of_page(self._tree.container, page.id):
            codec = self._context.codec(page.codec)
            if is_incremental_codec(codec) and page.content.opened(codec) is None:
                positions = range(len(page.content.encodings))
        keys = [(page.id, position) for position in positions]
        return {position: array for (_, position), array in self._context.columns.find(keys).items()}

    def _context_columns(self, page: OpenedPage, positions: Iterable[int]) -> tuple[int, ...]:
        """Columns of the tree, outside the page, that its codec needs to decode these positions."""
        ordered = sorted(positions)
        if not ordered:
            return ()
        with errors_of_page(self._tree.container, page.id):
            return page.content.context_columns(self._context.codec(page.codec), ordered)

    def _origin(self, list_page: OpenedPage, number: int) -> tuple[OpenedPage, int]:
        """Page and position of the symbols of a column of the entries that a page of lists needs.

        A copy is followed to its source, once: the source of a copy is never a copy
        (formats/pages.md#copies).
        """
        origin, position = self._locate(list_page, number)
        encoding = origin.content.encodings[position]
        if isinstance(encoding, CopyEncoding):
            origin, position = self._locate(list_page, encoding.source)
            encoding = origin.content.encodings[position]
        is_coded = encoding.symbol_dtype is not None and not encoding.sources
        if origin.id == list_page.id or not is_coded or self._context_columns(origin, [position]):
            raise self._no_origin(list_page, number)
        return origin, position

    def _locate(self, list_page: OpenedPage, number: int) -> tuple[OpenedPage, int]:
        """Page and position of a column of the entries, in the cluster of the page that needs it."""
        columns = self._tree.columns
        if number >= len(columns) or columns[number].table != 0 or columns[number].shape:
            raise self._no_origin(list_page, number)
        page, position = self._tree.page_of(list_page.id.cluster, number)
        return self._tree.open_pages([page])[page], position

    def _no_origin(self, list_page: OpenedPage, number: int) -> CorruptFileError:
        return CorruptFileError(
            f"{self._tree.container.describe(list_page.id)}: needs column {number}, which is none of the entries with "
            "symbols of its own"
        )


def _writable_values(values: Values, symbols: Values) -> Values:
    """The values, copied if they are symbols in the cache, so that the caller may write into them."""
    shared = not symbols.flags.writeable and np.may_share_memory(values, symbols)
    return values.copy() if shared else values
