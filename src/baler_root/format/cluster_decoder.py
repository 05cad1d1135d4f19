"""Decodes all pages of one cluster, which may need each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import Codec, ContextCodec
from baler_root.format.columns import Column
from baler_root.format.page import Page

Values = NDArray[Any]


class OpenedPage(NamedTuple):
    """A page, its first column in the tree, and the codec of its symbols."""

    first: int
    page: Page
    codec: Codec


def decode_cluster(pages: Sequence[OpenedPage], columns: Sequence[Column]) -> dict[int, Values]:
    """The values of all columns, by number; raises FormatError for pages that do not fit together."""
    entries = {first + i: entry for first, page, _ in pages for i, entry in enumerate(page.entries)}
    home = {opened.first + i: (opened, i) for opened in pages for i in range(len(opened.page.entries))}
    symbols: dict[int, Values] = {}
    values: dict[int, Values] = {}

    def outer(number: int) -> Values:
        """What codecs get of a column outside their page."""
        copied = entries[number].copy_of if number in entries else None
        origin = number if copied is None else copied
        if origin not in entries or entries[origin].spec is None:
            raise CorruptFileError(f"column {number} is needed by another, and not there")
        (_, page, codec), at = home[origin]
        if origin not in symbols and page.context_columns(codec, [at]):
            raise CorruptFileError(f"column {number} is needed by another, and needs others itself")
        found = {at: symbols[origin]} if origin in symbols else page.symbols(codec, [at])
        return (page.values(found) if columns[number].role == "counts" else found)[at]

    # Pages of lists lean on pages of the entries.
    for first, page, codec in sorted(
        pages, key=lambda opened: bool(opened.page.context_columns(opened.codec))
    ):
        reader = codec
        if isinstance(codec, ContextCodec) and (outside := page.context_columns(codec)):
            reader = codec.with_context({number: outer(number) for number in outside})
        coded = page.symbols(reader)
        symbols.update((first + position, array) for position, array in coded.items())
        values.update((first + position, array) for position, array in page.values(coded).items())
    own = dict(values)
    for number, entry in entries.items():
        if entry.sources:
            if any(source not in own for source in entry.sources):
                raise CorruptFileError("a copy or relation of columns that are not there")
            sources = [own[source] for source in entry.sources]
            values[number] = entry.from_sources(sources, columns[number].dtype, own.get(number))
    return values
