"""Decodes the pages of one cluster, whose columns may need each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from baler_root._types import Values
from baler_root.errors import CorruptFileError, MissingModelError
from baler_root.format.codecs.base import Codec, is_context_codec
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.source_check import check_sources, checked_numbers, source_order
from baler_root.format.page import Page


class ClusterPage(NamedTuple):
    """A page of a cluster, the number of its first column in the tree, and the codec of its symbols."""

    first: int
    page: Page
    codec: Codec


@dataclass(slots=True)
class DecodedColumns:
    """Columns of one cluster, by their numbers in the tree."""

    encodings: dict[int, ColumnEncoding]
    """Encoding of each column of the pages."""
    symbols: dict[int, Values] = field(default_factory=dict)
    values: dict[int, Values] = field(default_factory=dict)
    problems: dict[int, Exception] = field(default_factory=dict)
    """Reason why a column of the pages has no values."""


def decode_cluster(pages: Sequence[ClusterPage], columns: Sequence[Column]) -> dict[int, Values]:
    """Values of all columns by number; raises FormatError for pages that do not fit together."""
    decoded = decode_columns(pages, columns)
    for problem in decoded.problems.values():
        raise problem
    return decoded.values


def decode_columns(pages: Sequence[ClusterPage], columns: Sequence[Column]) -> DecodedColumns:
    """The columns of some pages of a cluster, as far as they do not need columns that cannot be decoded.

    Raises MissingModelError.
    """
    return _ClusterDecoder(pages, columns).decode()


class _ClusterDecoder:
    """The columns of one cluster while they are decoded."""

    def __init__(self, pages: Sequence[ClusterPage], columns: Sequence[Column]) -> None:
        self._pages, self._columns = pages, columns
        self._location_of = {
            opened.first + i: (opened, i) for opened in pages for i in range(len(opened.page.encodings))
        }
        self._decoded = DecodedColumns(
            {number: opened.page.encodings[i] for number, (opened, i) in self._location_of.items()}
        )

    def decode(self) -> DecodedColumns:
        """All columns."""
        problems = self._decoded.problems
        # Pages without context come first, since pages of lists take pages of the entries as context.
        independent: list[ClusterPage] = []
        dependent: list[ClusterPage] = []
        for opened in self._pages:
            try:
                has_context = bool(opened.page.context_columns(opened.codec))
            except MissingModelError:
                raise
            except ValueError as error:
                self._give_up(opened, range(len(opened.page.encodings)), error)
            else:
                (dependent if has_context else independent).append(opened)
        for opened in independent:
            self._decode_page(opened, None)
        for opened in dependent:
            self._decode_dependent(opened)
        for opened in self._pages:
            coded = self._symbols_of(opened)
            for position, number in enumerate(range(opened.first, opened.first + len(opened.page.encodings))):
                if position in coded and number not in problems:
                    try:
                        values = opened.page.values({position: coded[position]})
                    except (ValueError, IndexError) as error:
                        problems[number] = error
                    else:
                        self._decoded.values.update((number, array) for array in values.values())
        self._decode_relations()
        return self._decoded

    def _symbols_of(self, opened: ClusterPage) -> dict[int, Values]:
        """Symbols of the columns of a page, by position in it."""
        numbers = range(opened.first, opened.first + len(opened.page.encodings))
        symbols = self._decoded.symbols
        return {i: symbols[number] for i, number in enumerate(numbers) if number in symbols}

    def _decode_page(
        self, opened: ClusterPage, positions: Sequence[int] | None, context: dict[int, Values] | None = None
    ) -> None:
        """The symbols at these positions (None: all), given symbols of columns of other pages."""
        codec = opened.codec
        if context and is_context_codec(codec):
            codec = codec.with_context(context)
        try:
            symbols = opened.page.symbols(codec, positions)
        except MissingModelError:
            raise
        except (ValueError, IndexError) as error:
            wanted = range(len(opened.page.encodings)) if positions is None else positions
            self._give_up(opened, wanted, error)
        else:
            self._decoded.symbols.update((opened.first + i, array) for i, array in symbols.items())

    def _decode_dependent(self, opened: ClusterPage) -> None:
        """The symbols of a page that needs columns of other pages, as far as these are there."""
        context: dict[int, Values] = {}
        problems: dict[int, Exception] = {}
        for number in opened.page.context_columns(opened.codec):
            try:
                context[number] = self._context_column(number)
            except (ValueError, IndexError) as error:
                problems[number] = error
        if not problems:
            self._decode_page(opened, None, context)
            return
        positions = []
        for position in filter(opened.page.has_symbols, range(len(opened.page.encodings))):
            needed = opened.page.context_columns(opened.codec, [position])
            missing = [number for number in needed if number in problems]
            if missing:
                self._give_up(opened, [position], problems[missing[0]])
            else:
                positions.append(position)
        self._decode_page(opened, positions, context)

    def _context_column(self, number: int) -> Values:
        """A column that another page needs: its symbols, or its values if it holds the lengths of lists."""
        encodings, symbols = self._decoded.encodings, self._decoded.symbols
        encoding = encodings.get(number)
        origin = encoding.source if isinstance(encoding, CopyEncoding) else number
        if origin not in encodings or encodings[origin].symbol_dtype is None or encodings[origin].sources:
            raise CorruptFileError(f"column {number} is needed by another, and not there")
        (_, page, codec), position = self._location_of[origin]
        if origin not in symbols and page.context_columns(codec, [position]):
            raise CorruptFileError(f"column {number} is needed by another, and needs others itself")
        coded = {position: symbols[origin]} if origin in symbols else page.symbols(codec, [position])
        return (page.values(coded) if self._columns[number].role == "counts" else coded)[position]

    def _decode_relations(self) -> None:
        """Values of the columns that are computed from others."""
        encodings, problems, values = self._decoded.encodings, self._decoded.problems, self._decoded.values

        def missing_sources(number: int) -> Sequence[int]:
            is_done = number in values or number in problems or number not in encodings
            return () if is_done else checked_numbers(number, encodings[number], len(self._columns))

        for target, encoding in encodings.items():
            if not encoding.sources or target in values or target in problems:
                continue
            try:
                check_sources(target, encodings, self._columns)
                order = source_order(target, missing_sources)
            except CorruptFileError as error:
                problems.setdefault(target, error)
                continue
            for number in order:
                if missing_sources(number):
                    self._decode_relation(number)

    def _decode_relation(self, number: int) -> None:
        """Values of a column that is computed from others, whose values are known as far as possible."""
        decoded = self._decoded
        encoding = decoded.encodings[number]
        try:
            check_sources(number, decoded.encodings, self._columns)
            if any(source not in decoded.values for source in encoding.sources):
                raise CorruptFileError("a copy or relation of columns that are not there")
            arrays = [decoded.values[source] for source in encoding.sources]
            dtype = self._columns[number].dtype
            decoded.values[number] = encoding.decode(decoded.symbols.get(number), arrays, dtype)
        except (ValueError, IndexError) as error:
            decoded.problems[number] = error

    def _give_up(self, opened: ClusterPage, positions: Sequence[int], error: Exception) -> None:
        """Note why the symbols at these positions of a page cannot be decoded."""
        for position in filter(opened.page.has_symbols, positions):
            self._decoded.problems[opened.first + position] = error
