"""Parses the payload of a page with a model (formats/codecs.md#conditional)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.conditional.mixing import MixedColumn, SourceKind
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.model_arrays import MAX_COLUMNS
from baler_root.format.limits import MAX_PAGE_PRODUCTS

NAME_SIZE = 8
"""Leading bytes of the SHA-256 of a model, by which a page names it."""


HAS_MODEL, HAS_LISTS = 1, 2
"""Flags of a page of the kind `MIXING`."""


LENGTH_KINDS = ("length", "position")
"""Kinds of model columns that are computed from the lengths of lists alone."""


MAX_ENTRIES = 1 << 8
"""Most columns of the entries on which the columns of a page that are coded by mixing may depend."""


HEAD_BYTES, COLUMN_BYTES = 1 << 20, 1 << 11
"""Most bytes in the head of a page of the kind `MIXING`, and more for each of its columns."""


@dataclass(slots=True)
class Dependencies:
    """Columns that must be known to decode some columns of a page."""

    columns: set[int] = field(default_factory=set)
    """Positions in the page, those of the columns themselves included."""
    context: set[int] = field(default_factory=set)
    """Numbers of the context columns in the model."""
    entries: set[int] = field(default_factory=set)
    """Numbers in the tree of columns of the entries that mixing needs."""
    list_items: set[int] = field(default_factory=set)
    """Positions of the columns whose values must be the items of the lists."""

    def context_columns(self, page: ConditionalPage) -> tuple[int, ...]:
        """Numbers in the tree of the columns that must be decoded first."""
        lists = {page.lists} if self.list_items else set()
        return tuple(
            sorted(lists | self.entries | {page.context[n] for n in self.context if n in page.context})
        )


class ConditionalPage:
    """Parts of a payload; the streams themselves are not decoded."""

    def __init__(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        table: Callable[[bytes], Sequence[ModelColumn]],
    ) -> None:
        """Raises FormatError for bytes that are not a page with these columns; `table` gives the columns of a
        model by the first bytes of its digest."""
        cursor = Cursor(payload)
        kind = cursor.byte()
        if kind not in (PayloadKind.MODEL, PayloadKind.CONTEXT, PayloadKind.MIXING):
            raise CorruptFileError(f"a page of the unknown kind {kind}")
        self._model, self._table = b"", table
        self.lists = -1
        """Number in the tree of the column with the lengths of the lists; -1 if there is none."""
        self.context: dict[int, int] = {}
        """Number in the tree of each column of the model that is a column of the entries."""
        self.positions: dict[int, int] = {}
        """Position in the page of each column of the model that the page has."""
        self.mixed: dict[int, MixedColumn] = {}
        """Columns that are coded by mixing, by position."""
        if kind == PayloadKind.MIXING:
            sizes = self._read_mixing(cursor, len(specs))
        else:
            self._read_model(cursor, kind == PayloadKind.CONTEXT)
            sizes = self._read_codes(cursor, len(specs))
        numbers = {position: number for number, position in self.positions.items()}
        if kind == PayloadKind.MIXING:
            order = sorted(numbers.keys() | self.mixed.keys())
        else:
            order = [self.positions[number] for number in sorted(self.positions)]
        self.order = [(position, numbers.get(position)) for position in order]
        """Positions of the columns that are coded by mixing or in the model, with their numbers in the model:
        each comes after all columns that it depends on."""
        self.rest = cursor.take(cursor.varint())
        self.streams = {position: cursor.take(sizes[position]) for position in sorted(sizes)}
        """Stream of each column that is not in the rest, by position."""
        cursor.finish("the last stream")

    def _read_model(self, cursor: Cursor, has_lists: bool) -> None:
        """The name of the model and its context."""
        self._model = bytes(cursor.take(NAME_SIZE))
        if has_lists:
            self.lists = cursor.varint()
            self._read_pairs(cursor)

    def _read_pairs(self, cursor: Cursor) -> None:
        count = cursor.varint()
        if count > MAX_COLUMNS:
            raise CorruptFileError(f"a page that leans on {count} columns")
        for _ in range(count):
            number = cursor.varint()
            if number in self.context:
                raise CorruptFileError(f"two columns are column {number} of the model")
            self.context[number] = cursor.varint()

    def _read_codes(self, cursor: Cursor, columns: int) -> dict[int, int]:
        """Sizes of the streams of a page without mixing, by position."""
        sizes: dict[int, int] = {}
        for position in range(columns):
            code = cursor.varint()
            if code:
                self._set_number(position, (code - 1) // 2)
                if not code & 1:
                    sizes[position] = cursor.varint()
        return sizes

    def _set_number(self, position: int, number: int) -> None:
        if number in self.positions:
            raise CorruptFileError(f"two columns are column {number} of the model")
        self.positions[number] = position

    def _read_mixing(self, cursor: Cursor, columns: int) -> dict[int, int]:
        """Sizes of the streams of a page with mixing, by position."""
        head = Cursor(unpack_bytes(cursor, HEAD_BYTES + COLUMN_BYTES * columns))
        flags = head.byte()
        if flags & ~(HAS_MODEL | HAS_LISTS):
            raise CorruptFileError(f"a page with the unknown flags {flags}")
        entries: list[int] = []
        if flags & HAS_MODEL:
            self._model = bytes(head.take(NAME_SIZE))
        if flags & HAS_LISTS:
            self.lists = head.varint()
            if flags & HAS_MODEL:
                self._read_pairs(head)
            if (count := head.varint()) > MAX_ENTRIES:
                raise CorruptFileError(f"mixing that needs {count} columns of the entries")
            entries = [head.varint() for _ in range(count)]
        sizes: dict[int, int] = {}
        mixed: list[int] = []
        for position in range(columns):
            code = head.varint()
            number, coding = (code - 2) // 3, (code - 2) % 3
            if code < 2:
                coding = 2 * code
            elif not flags & HAS_MODEL or number <= max(self.positions, default=-1):
                raise CorruptFileError(
                    f"a page with mixing has column {number} of a model in the wrong place"
                )
            else:
                self.positions[number] = position
            if coding:
                sizes[position] = head.varint()
            if coding == 2:
                mixed.append(position)
        self.mixed = {position: MixedColumn.read(head, position, entries) for position in mixed}
        head.finish("the head of a page with mixing")
        return sizes

    @cached_property
    def table(self) -> Sequence[ModelColumn]:
        """Columns of the model; it is loaded only now, since it may be in a file that is missing."""
        if not self._model:
            return ()
        table = self._table(self._model)
        highest = max([*self.positions, *self.context], default=-1)
        if highest >= len(table):
            raise CorruptFileError(f"column {highest} of a model of {len(table)}")
        if any(table[n].kind != "value" for n in self.positions) or any(
            table[n].kind != "entry" for n in self.context
        ):
            raise CorruptFileError(
                "a column that is in the page for the model, and outside of it here, or the reverse"
            )
        return table

    def check_products(self, dependencies: Dependencies, specs: Sequence[SymbolSpec]) -> None:
        """Raise CorruptFileError if the networks of these columns would compute too much for the page."""
        coded = dependencies.columns & self.streams.keys() - self.mixed.keys()
        positions = [(n, p) for n, p in self.positions.items() if p in coded]
        products = sum(self.table[n].products * specs[p].length for n, p in positions)
        if products > MAX_PAGE_PRODUCTS:
            raise CorruptFileError(
                f"networks with {products} products for a page; at most {MAX_PAGE_PRODUCTS}"
            )

    def dependencies(self, positions: Iterable[int], decoded: Container[int] = ()) -> Dependencies:
        """Everything that the columns at these positions are decoded from; raises CorruptFileError.

        The positions in `decoded` are already known, so their own dependencies are not followed.
        """
        numbers = {position: number for number, position in self.positions.items()}
        result = Dependencies()
        todo = list(positions)
        while todo:
            position = todo.pop()
            if position in result.columns:
                continue
            result.columns.add(position)
            if position in decoded:
                continue
            if position in self.mixed:
                todo += self._sources(position, result)
            elif position in self.streams:
                todo += self._parents(numbers[position], position, result)
        return result

    def _sources(self, position: int, result: Dependencies) -> list[int]:
        """Columns of the page from which mixing predicts one; others are added to the `result`."""
        columns = []
        for source in self.mixed[position].contexts.sources:
            if source.kind is SourceKind.COLUMN:
                columns.append(source.number)
                continue
            if self.lists >= 0:
                result.list_items.add(position)
            elif source.kind is not SourceKind.PREVIOUS:
                raise CorruptFileError("a context of lists in a page without lists")
            if source.kind is SourceKind.ENTRY:
                result.entries.add(source.number)
        return columns

    def _parents(self, number: int, position: int, result: Dependencies) -> list[int]:
        """Columns of the page on which a column of the model depends; context is added to the `result`."""
        columns = []
        conditional = self.table[number].conditional
        if conditional is None:
            raise CorruptFileError(f"column {number} of the model has neither network nor histograms")
        for parent in conditional.parents:
            if parent == number and self.lists >= 0:
                result.list_items.add(position)
            elif parent in self.positions and parent != number:
                columns.append(self.positions[parent])
            elif parent in self.context or (self.lists >= 0 and self.table[parent].kind in LENGTH_KINDS):
                result.context.add(parent)
                result.list_items.add(position)
            else:
                raise CorruptFileError(
                    f"column {parent} of the model, on which another depends, is not in the page"
                )
        return columns
