"""Columns coded by adaptive mixing: what a page stores of each, and the contexts it names
(formats/codecs.md#mixing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint, pack_zigzag
from baler_root.format.codecs.conditional.list_context import ListStructure
from baler_root.format.entropy.mixing_tables import COARSE_BINS, MAX_LEVELS, MixingInput
from baler_root.format.limits import (
    MAX_MIXING_COUNTERS,
    MAX_MIXING_KINDS,
    MAX_MIXING_ROWS,
    MAX_MIXING_SOURCES,
    MIXING_COUNTERS_PER_ROW,
)

MAX_SPAN = 1 << 32
"""Most values between the smallest and the largest symbol of a column."""


COARSE, COARSE_PER_ROW = 1 << 12, 1 << 4
"""Most counters of decisions inside cells, and more for each row: a wider column does not learn these."""


REMEMBERED = 1 << 6
"""Sources of a page that stay in bins, for the columns after them."""


EXPLICIT = 1 << 4
"""Bit of the levels of a column whose cells are stored; without it they are equally wide."""


class SourceKind(IntEnum):
    """Kind of a source of contexts."""

    PREVIOUS = 0
    """The value of the column itself in the previous row, or the previous item of the list."""
    LENGTH = 1
    """Number of items of the list."""
    POSITION = 2
    """Position of the item in its list."""
    COLUMN = 3
    """A column of the page before this one."""
    ENTRY = 4
    """A column of the entries."""


class Source(NamedTuple):
    """A source of contexts."""

    kind: SourceKind
    number: int = -1
    """Position of a column in the page, or number of a column of the entries in the tree; -1 for others."""


class ContextKind(NamedTuple):
    """A kind of context: each combination of the bins of some sources is one context."""

    sources: tuple[int, ...]
    """Positions in the sources of the column, increasing."""
    bins: int
    """Most bins of each source."""


@dataclass(frozen=True, slots=True)
class MixingContexts:
    """Contexts from which the values of a column are predicted."""

    sources: tuple[Source, ...] = ()
    kinds: tuple[ContextKind, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MixedColumn:
    """A column of a page that is coded by mixing, without its stream."""

    low: int
    """Smallest symbol."""
    span: int
    """Number of values from the smallest symbol to the largest."""
    levels: int
    bounds: Ints | None
    """Bounds of the cells; None if these are equally wide."""
    contexts: MixingContexts

    def pack(self, position: int, entries: Mapping[int, int]) -> bytes:
        """The column as bytes, given its position in the page and the positions of `entries` in the page's
        list."""
        sources, kinds = self.contexts.sources, self.contexts.kinds
        packed = bytearray(pack_zigzag(self.low) + pack_varint(self.span - 1))
        packed.append(self.levels + (0 if self.bounds is None else EXPLICIT))
        packed.append(len(sources) << 4 | len(kinds))
        for source in sources:
            code = int(source.kind)
            if source.kind is SourceKind.COLUMN:
                code = 3 + 2 * (position - 1 - source.number)
            elif source.kind is SourceKind.ENTRY:
                code = 4 + 2 * entries[source.number]
            packed += pack_varint(code)
        for kind in kinds:
            packed.append(sum(1 << index for index in kind.sources))
            packed.append(kind.bins)
        if self.bounds is not None:
            for width in np.diff(self.bounds[:-1]).tolist():
                packed += pack_varint(width)
        return bytes(packed)

    @classmethod
    def read(cls, cursor: Cursor, position: int, entries: Sequence[int]) -> MixedColumn:
        """The column that `pack` packed; raises FormatError."""
        low, span = cursor.zigzag(), cursor.varint() + 1
        levels, counts = cursor.byte(), cursor.byte()
        explicit = bool(levels & EXPLICIT)
        levels &= ~EXPLICIT
        num_sources, num_kinds = counts >> 4, counts & 15
        if not 2 <= span <= MAX_SPAN or levels > MAX_LEVELS:
            raise CorruptFileError(f"a column of {span} values and {levels} levels of cells")
        if num_sources > MAX_MIXING_SOURCES or num_kinds > MAX_MIXING_KINDS:
            raise CorruptFileError(f"a column with {num_sources} sources and {num_kinds} kinds of contexts")
        sources = tuple(_source(cursor.varint(), position, entries) for _ in range(num_sources))
        kinds = tuple(_kind(cursor.byte(), cursor.byte(), num_sources) for _ in range(num_kinds))
        bounds = None
        if explicit:
            widths = [cursor.varint() for _ in range((1 << levels) - 1)]
            if sum(widths) > span:
                raise CorruptFileError("cells beyond the values of their column")
            bounds = np.append(np.cumsum([0, *widths], dtype=np.int64), span)
        return cls(low, span, levels, bounds, MixingContexts(sources, kinds))

    @property
    def all_bounds(self) -> Ints:
        """Bounds of the cells."""
        return equal_cells(self.span, self.levels) if self.bounds is None else self.bounds


def equal_cells(span: int, levels: int) -> Ints:
    """Bounds of 2**levels cells that are equally wide."""
    return np.arange((1 << levels) + 1, dtype=np.int64) * span >> levels


def _source(code: int, position: int, entries: Sequence[int]) -> Source:
    if code < SourceKind.COLUMN:
        return Source(SourceKind(code))
    distance = (code - 3) // 2
    if code % 2 and distance < position:
        return Source(SourceKind.COLUMN, position - 1 - distance)
    if code % 2 or distance >= len(entries):
        raise CorruptFileError("a context of a column that is not in the page")
    return Source(SourceKind.ENTRY, entries[distance])


def _kind(mask: int, bins: int, num_sources: int) -> ContextKind:
    if not mask or mask >> num_sources or bins < 2:
        raise CorruptFileError("a kind of context of no sources or bins")
    return ContextKind(tuple(index for index in range(num_sources) if mask >> index & 1), bins)


def from_lowest(values: Ints, low: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The symbols from the differences that `above` gives."""
    return (values.astype(np.uint64) + np.uint64(low % (1 << 64))).astype(dtype)


def above(symbols: NDArray[Any], low: int) -> Ints:
    """The symbols of any type of integer, counted from the smallest one, for a span below 2**63."""
    # Unsigned integers of 64 bits wrap around, so that differences are right for every type.
    return (symbols.astype(np.uint64) - np.uint64(low % (1 << 64))).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class BinnedSource:
    """A source whose values are cut into bins of about equal content."""

    order: NDArray[np.int32]
    """Position of each row's value among the distinct values, in increasing order."""
    centres: Ints
    """Twice the rows below each distinct value, and the rows with it."""

    @classmethod
    def of(cls, symbols: NDArray[Any]) -> BinnedSource:
        """The source with these values, at least one."""
        low, high = int(symbols.min()), int(symbols.max())
        if high - low <= 4 * len(symbols) + 4096:
            values = above(symbols, low)
            table = np.bincount(values)
            occurring = table > 0
            order = (np.cumsum(occurring) - 1)[values]
            counts = table[occurring]
        else:
            _, order, counts = np.unique(symbols, return_inverse=True, return_counts=True)
        return cls(order.astype(np.int32, copy=False), 2 * np.cumsum(counts) - counts)

    def num_bins(self, limit: int) -> int:
        """Number of bins, at most `limit`."""
        return min(limit, len(self.centres))

    def bins(self, limit: int) -> NDArray[np.int32]:
        """Bin of each row, among at most `limit`: values that are no more than these have one each."""
        if len(self.centres) <= limit:
            return self.order
        return (self.centres * limit // (2 * len(self.order))).astype(np.int32)[self.order]


@dataclass(slots=True)
class SourceValues:
    """Values of the sources in a page, cut into bins when they are first needed."""

    symbols: Mapping[int, NDArray[Any]]
    """Symbols of the columns of the page decoded so far, by position."""
    lists: ListStructure | None = None
    """Lists whose items are the rows."""
    entries: Mapping[int, NDArray[Any]] = field(default_factory=dict)
    """Symbols of columns of the entries, by number in the tree."""
    _binned: dict[Source, BinnedSource] = field(default_factory=dict)

    def values(self, source: Source, length: int) -> NDArray[Any]:
        """The values of a source in each row; raises CorruptFileError if it does not fit the column."""
        values: NDArray[Any] | None = None
        if source.kind is SourceKind.COLUMN:
            values = self.symbols.get(source.number)
        elif self.lists is not None and source.kind is SourceKind.LENGTH:
            values = np.repeat(self.lists.lengths, self.lists.lengths)
        elif self.lists is not None and source.kind is SourceKind.POSITION:
            values = self.lists.positions
        elif self.lists is not None:
            symbols = self.entries.get(source.number)
            if symbols is not None and len(symbols) == len(self.lists.lengths):
                values = np.repeat(symbols, self.lists.lengths)
        if values is None or len(values) != length or values.dtype.kind not in "uib":
            raise CorruptFileError("a context that does not fit its column")
        return values

    def binned(self, source: Source, length: int) -> BinnedSource:
        """A source in bins; raises CorruptFileError if it does not fit the column."""
        binned = self._binned.get(source)
        if binned is None:
            if len(self._binned) == REMEMBERED:
                del self._binned[next(iter(self._binned))]
            binned = self._binned[source] = BinnedSource.of(self.values(source, length))
        if len(binned.order) != length:
            raise CorruptFileError("a context that does not fit its column")
        return binned

    def is_first(self, length: int) -> NDArray[np.uint8]:
        """Whether each row has no previous one."""
        positions = np.arange(length) if self.lists is None else self.lists.positions
        if len(positions) != length:
            raise CorruptFileError("a context that does not fit its column")
        return np.equal(positions, 0).view(np.uint8)

    def inputs(self, column: MixedColumn, length: int) -> MixingInput:
        """Everything that the coder needs of a column of `length` values; raises CorruptFileError."""
        if length > MAX_MIXING_ROWS:
            raise CorruptFileError(f"mixing of {length} values; at most {MAX_MIXING_ROWS} are possible")
        sources = column.contexts.sources
        has_previous = any(source.kind is SourceKind.PREVIOUS for source in sources)
        is_first = self.is_first(length) if has_previous else np.zeros(length, np.uint8)
        kinds = column.contexts.kinds
        sizes, previous = [1], [0]
        for kind in kinds:
            members = [sources[index] for index in kind.sources]
            size = 1
            for source in members:
                if source.kind is not SourceKind.PREVIOUS:
                    size *= self.binned(source, length).num_bins(kind.bins)
            previous.append(kind.bins if any(s.kind is SourceKind.PREVIOUS for s in members) else 0)
            sizes.append(size * max(1, previous[-1]))
        bounds = column.all_bounds
        most = MAX_MIXING_COUNTERS + MIXING_COUNTERS_PER_ROW * length
        if sum(sizes) * (len(bounds) - 1) > most:
            raise CorruptFileError("contexts of more counters than a column of this length may have")
        contexts = np.zeros((1 + len(kinds), length), np.int32)
        for number, kind in enumerate(kinds, start=1):
            for index in kind.sources:
                if sources[index].kind is not SourceKind.PREVIOUS:
                    binned = self.binned(sources[index], length)
                    contexts[number] *= binned.num_bins(kind.bins)
                    contexts[number] += binned.bins(kind.bins)
        coarse = np.zeros(0, np.uint8)
        if column.span * (COARSE_BINS + 1) <= COARSE + COARSE_PER_ROW * length:
            coarse = np.zeros(length, np.uint8)
            if sources and sources[0].kind is not SourceKind.PREVIOUS:
                coarse = self.binned(sources[0], length).bins(COARSE_BINS).astype(np.uint8)
        return MixingInput(
            bounds,
            contexts,
            np.array(sizes, np.int64),
            np.array(previous, np.int64),
            is_first,
            coarse,
        )
