"""Parses the payload of a page with a model (formats/codecs.md#conditional)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.model_arrays import MAX_COLUMNS
from baler_root.format.limits import MAX_PAGE_PRODUCTS

NAME_SIZE = 8
"""Leading bytes of the SHA-256 of a model, by which a page names it."""


LENGTH_KINDS = ("length", "position")
"""Kinds of model columns that are computed from the lengths of lists alone."""


@dataclass(slots=True)
class Dependencies:
    """Columns that must be known to decode some columns of a page."""

    columns: set[int]
    """Positions in the page, those of the columns themselves included."""
    context: set[int]
    """Numbers of the context columns in the model."""
    list_items: set[int]
    """Positions of the columns whose values must be the items of the lists."""

    def context_columns(self, page: ConditionalPage) -> tuple[int, ...]:
        """Numbers in the tree of the columns that must be decoded first."""
        lists = {page.lists} if self.list_items else set()
        return tuple(sorted(lists | {page.context[n] for n in self.context if n in page.context}))


class ConditionalPage:
    """Parts of a payload; the streams themselves are not decoded."""

    def __init__(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        table: Callable[[bytes], Sequence[ModelColumn]],
    ) -> None:
        cursor = Cursor(payload)
        kind = cursor.byte()
        if kind not in (PayloadKind.MODEL, PayloadKind.CONTEXT):
            raise CorruptFileError(f"a page of the unknown kind {kind}")
        self._model, self._table = bytes(cursor.take(NAME_SIZE)), table
        self.lists = -1
        """Number in the tree of the column with the lengths of the lists; -1 if there is none."""
        self.context: dict[int, int] = {}
        """Number in the tree of each column of the model that is a column of the entries."""
        if kind == PayloadKind.CONTEXT:
            self.lists = cursor.varint()
            count = cursor.varint()
            if count > MAX_COLUMNS:
                raise CorruptFileError(f"a page that leans on {count} columns")
            for _ in range(count):
                number = cursor.varint()
                if number in self.context:
                    raise CorruptFileError(f"two columns are column {number} of the model")
                self.context[number] = cursor.varint()
        self.positions: dict[int, int] = {}
        """Position in the page of each column of the model that the page has."""
        sizes: dict[int, int] = {}
        for position in range(len(specs)):
            code = cursor.varint()
            if code:
                column_number = (code - 1) // 2
                if column_number in self.positions:
                    raise CorruptFileError(f"two columns are column {column_number} of the model")
                self.positions[column_number] = position
                if not code & 1:
                    sizes[position] = cursor.varint()
        self.rest = cursor.take(cursor.varint())
        self.streams = {position: cursor.take(sizes[position]) for position in sorted(sizes)}
        cursor.finish("the last stream")

    @cached_property
    def table(self) -> Sequence[ModelColumn]:
        """Columns of the model; it is loaded only now, since it may be in a file that is missing."""
        table = self._table(self._model)
        highest = max([*self.positions, *self.context])
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
        coded = dependencies.columns & self.streams.keys()
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
        result = Dependencies(set(), set(), set())
        todo = list(positions)
        while todo:
            position = todo.pop()
            if position in result.columns:
                continue
            result.columns.add(position)
            if position not in self.streams or position in decoded:
                continue
            number = numbers[position]
            conditional = self.table[number].conditional
            if conditional is None:
                raise CorruptFileError(f"column {number} of the model has neither network nor histograms")
            for parent in conditional.parents:
                if parent == number and self.lists >= 0:
                    result.list_items.add(position)
                elif parent in self.positions and parent != number:
                    todo.append(self.positions[parent])
                elif parent in self.context or (self.lists >= 0 and self.table[parent].kind in LENGTH_KINDS):
                    result.context.add(parent)
                    result.list_items.add(position)
                else:
                    raise CorruptFileError(
                        f"column {parent} of the model, on which another depends, is not in the page"
                    )
        return result
