"""Decodes all pages of one cluster, whose columns may need each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import Codec, is_context_codec
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.source_check import check_sources
from baler_root.format.page import Page


class ClusterPage(NamedTuple):
    """A page of a cluster, the number of its first column in the tree, and the codec of its symbols."""

    first: int
    page: Page
    codec: Codec


def decode_cluster(pages: Sequence[ClusterPage], columns: Sequence[Column]) -> dict[int, Values]:
    """Values of all columns by number; raises FormatError for pages that do not fit together."""
    symbols = _decode_symbols(pages, columns)
    values: dict[int, Values] = {}
    for first, page, _ in pages:
        coded = {i: symbols[first + i] for i in range(len(page.encodings)) if page.has_symbols(i)}
        values.update((first + i, array) for i, array in page.values(coded).items())
    encodings = {
        number: encoding for first, page, _ in pages for number, encoding in enumerate(page.encodings, first)
    }
    for number, encoding in encodings.items():
        if encoding.sources:
            check_sources(number, encodings, columns)
            arrays = [values[source] for source in encoding.sources]
            values[number] = encoding.decode(symbols.get(number), arrays, columns[number].dtype)
    return values


def _decode_symbols(pages: Sequence[ClusterPage], columns: Sequence[Column]) -> dict[int, Values]:
    """Symbols of all columns that have some, by number."""
    location_of = {
        opened.first + i: (opened, i) for opened in pages for i in range(len(opened.page.encodings))
    }
    encodings = {number: opened.page.encodings[i] for number, (opened, i) in location_of.items()}
    symbols: dict[int, Values] = {}

    def context_column(number: int) -> Values:
        """A column that another page needs: its symbols, or its values if it holds the lengths of lists."""
        encoding = encodings.get(number)
        origin = encoding.source if isinstance(encoding, CopyEncoding) else number
        if origin not in encodings or encodings[origin].symbol_dtype is None or encodings[origin].sources:
            raise CorruptFileError(f"column {number} is needed by another, and not there")
        (_, page, codec), position = location_of[origin]
        if origin not in symbols and page.context_columns(codec, [position]):
            raise CorruptFileError(f"column {number} is needed by another, and needs others itself")
        coded = {position: symbols[origin]} if origin in symbols else page.symbols(codec, [position])
        return (page.values(coded) if columns[number].role == "counts" else coded)[position]

    # Pages without context come first, since pages of lists take pages of the entries as context.
    for first, page, codec in sorted(
        pages, key=lambda opened: bool(opened.page.context_columns(opened.codec))
    ):
        reader = codec
        if is_context_codec(codec) and (context := page.context_columns(codec)):
            reader = codec.with_context({number: context_column(number) for number in context})
        symbols.update((first + position, array) for position, array in page.symbols(reader).items())
    return symbols
