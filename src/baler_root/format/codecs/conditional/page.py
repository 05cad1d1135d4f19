"""The payload of a page with a model, taken apart (formats/codecs.md#conditional)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.model_arrays import MAX_COLUMNS

NAME_SIZE = 8
"""Bytes of a model's SHA-256 by which a page names it."""


LENGTH_KINDS = ("length", "position")
"""Kinds of columns of a model that the lengths of lists are enough for."""


@dataclass(slots=True)
class Dependencies:
    """What some columns of a page depend on."""

    positions: set[int]
    """In the page, they themselves included."""
    context: set[int]
    """Columns of the model that lie around the page."""
    leaning: set[int]
    """Positions of those whose values must be the items of the lists."""

    def context_columns(self, page: ConditionalPage) -> tuple[int, ...]:
        """The columns of the tree that are needed."""
        lists = {page.lists} if self.leaning else set()
        return tuple(sorted(lists | {page.outside[n] for n in self.context if n in page.outside}))


class ConditionalPage:
    """A payload taken apart, but for the streams themselves."""

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
        """Column of the tree with the lengths of the lists."""
        self.outside: dict[int, int] = {}
        """Columns of the tree, for those of the model that are columns of the entries."""
        if kind == PayloadKind.CONTEXT:
            self.lists = cursor.varint()
            count = cursor.varint()
            if count > MAX_COLUMNS:
                raise CorruptFileError(f"a page that leans on {count} columns")
            for _ in range(count):
                number = cursor.varint()
                if number in self.outside:
                    raise CorruptFileError(f"two columns are column {number} of the model")
                self.outside[number] = cursor.varint()
        self.known: dict[int, int] = {}
        """Position in the page of each of the model's columns."""
        sizes: dict[int, int] = {}
        for at in range(len(specs)):
            code = cursor.varint()
            if code:
                column_number = (code - 1) // 2
                if column_number in self.known:
                    raise CorruptFileError(f"two columns are column {column_number} of the model")
                self.known[column_number] = at
                if not code & 1:
                    sizes[at] = cursor.varint()
        self.rest = cursor.take(cursor.varint())
        self.streams = {at: cursor.take(sizes[at]) for at in sorted(sizes)}
        cursor.finish("the last stream")

    @cached_property
    def table(self) -> Sequence[ModelColumn]:
        """The columns of the model, which is asked for only now: it may be in a file that is not there."""
        table = self._table(self._model)
        last = max([*self.known, *self.outside])
        if last >= len(table):
            raise CorruptFileError(f"column {last} of a model of {len(table)}")
        if any(table[n].kind != "value" for n in self.known) or any(
            table[n].kind != "entry" for n in self.outside
        ):
            raise CorruptFileError(
                "a column that is in the page for the model, and outside of it here, or the reverse"
            )
        return table

    def needed(self, wanted: Iterable[int], decoded: Container[int] = ()) -> Dependencies:
        """Everything that the columns at these positions are decoded from; raises CorruptFileError.

        The positions in `decoded` are already known, so their own dependencies are not followed.
        """
        numbers = {at: number for number, at in self.known.items()}
        out = Dependencies(set(), set(), set())
        todo = list(wanted)
        while todo:
            at = todo.pop()
            if at in out.positions:
                continue
            out.positions.add(at)
            if at not in self.streams or at in decoded:
                continue
            number = numbers[at]
            conditional = self.table[number].conditional
            if conditional is None:
                raise CorruptFileError(f"column {number} of the model has neither network nor histograms")
            for parent in conditional.parents:
                if parent == number and self.lists >= 0:
                    out.leaning.add(at)
                elif parent in self.known and parent != number:
                    todo.append(self.known[parent])
                elif parent in self.outside or (self.lists >= 0 and self.table[parent].kind in LENGTH_KINDS):
                    out.context.add(parent)
                    out.leaning.add(at)
                else:
                    raise CorruptFileError(
                        f"column {parent} of the model, on which another depends, is not in the page"
                    )
        return out
