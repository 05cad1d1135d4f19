"""Adaptive mixing of the columns of a tree: contexts chosen on a sample, and what a page can use of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from baler_root._types import Values
from baler_root.compression.models.sample import TreeSample
from baler_root.compression.plan import GroupMixing
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.mixing import (
    ContextKind,
    MixingContexts,
    Source,
    SourceKind,
    SourceValues,
)
from baler_root.format.codecs.conditional.mixing_encoder import encode_mixed
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.page import EncodedColumn
from baler_root.format.tables import lengths_of
from baler_root.training.conditional import classic_size
from baler_root.training.effort import TrainingEffort
from baler_root.training.mixing import SAMPLE_ROWS, MixingTable, choose_contexts

MAX_ENTRY_COLUMNS = 32
"""Most columns of the entries that may be sources for the columns of a list: the nearest ones."""


PAGE_OVERHEAD = 256
"""Bytes that a page of its own takes, which also divides the page that the columns would share otherwise."""


MAX_COMPARED = 1 << 14
"""Most symbols of a table in a cluster for which mixing is compared with `classic` beforehand.

In a larger table it saves more than a page takes.
"""


@dataclass(frozen=True, slots=True, eq=False)
class TableMixing:
    """Contexts for the columns of one table."""

    contexts: dict[int, MixingContexts]
    """Contexts of each column, by number in the tree, with sources by number in the tree."""
    lists: int | None = None
    """Number of the column with the lengths of the lists; None for entries."""

    def of(self, numbers: Collection[int]) -> TableMixing:
        """The contexts of some of the columns."""
        return TableMixing({n: contexts for n, contexts in self.contexts.items() if n in numbers}, self.lists)


@dataclass(frozen=True, slots=True)
class MixingShares:
    """Number of columns that adaptive mixing may code in each page, so that a table is read in time."""

    sample: TreeSample
    cluster: int
    """Entries of a cluster."""
    symbols: Mapping[int, int]
    """Symbols of each table in a cluster that it might code."""
    most: int | None
    """Most symbols of a table in a cluster that it may code; None for all."""

    @classmethod
    def of(
        cls, sample: TreeSample, runs: Sequence[Sequence[int]], cluster: int, effort: TrainingEffort
    ) -> Self:
        """The shares of these runs of columns, each of one table and a page by itself."""
        shares = cls(sample, cluster, {}, effort.level.mixing if effort.mixes else 0)
        symbols: dict[int, int] = {}
        for members in runs:
            table = sample.tables[members[0]]
            mixable = sum(map(sample.is_mixable, members))
            symbols[table] = symbols.get(table, 0) + mixable * shares.rows(members)
        return cls(sample, cluster, symbols, shares.most)

    def rows(self, members: Sequence[int]) -> int:
        """Rows of a cluster in the table of these columns."""
        rows = len(self.sample.values[members[0]])
        return max(1, round(rows * self.cluster / max(1, self.sample.entries)))

    def columns(self, members: Sequence[int]) -> int:
        """Columns among `members` that may be coded by mixing."""
        symbols = self.symbols[self.sample.tables[members[0]]]
        if self.most is None or symbols <= self.most:
            return len(members)
        mixable = sum(map(self.sample.is_mixable, members)) * self.rows(members)
        return int(self.most * mixable // (symbols * self.rows(members)))


def find_mixing(sample: TreeSample, members: Sequence[int], rows: int) -> TableMixing:
    """Contexts of the columns `members` of one table of which a cluster has `rows` rows."""
    columns = [sample.quantised(number).symbols for number in members]
    length = len(columns[0])
    is_first = np.arange(length) == 0
    given: list[tuple[Source, Values]] = []
    lists = lengths_of(sample.columns, sample.tables, sample.tables[members[0]])
    if lists is not None and isinstance(sample.encoded[lists].encoding, QuantisedEncoding | CopyEncoding):
        structure = ListStructure(sample.values[lists], length)
        is_first = structure.positions == 0
        given.append((Source(SourceKind.LENGTH), np.repeat(structure.lengths, structure.lengths)))
        given.append((Source(SourceKind.POSITION), structure.positions))
        for number in _entry_columns(sample, members[0]):
            symbols = sample.quantised(number).symbols
            given.append((Source(SourceKind.ENTRY, number), np.repeat(symbols, structure.lengths)))
    else:
        lists = None
    found = choose_contexts(
        MixingTable(columns, rows, is_first, given), [sample.is_mixable(number) for number in members]
    )
    contexts = {
        number: MixingContexts(
            tuple(
                Source(source.kind, members[source.number]) if source.kind is SourceKind.COLUMN else source
                for source in chosen.sources
            ),
            chosen.kinds,
        )
        for number, chosen in zip(members, found, strict=True)
        if chosen is not None
    }
    return TableMixing(contexts, lists)


def _entry_columns(sample: TreeSample, first: int) -> list[int]:
    """The columns of the entries nearest to column `first` that may be sources."""
    numbers = [n for n, table in enumerate(sample.tables) if table == 0 and sample.is_mixable(n)]
    return sorted(sorted(numbers, key=lambda n: abs(n - first))[:MAX_ENTRY_COLUMNS])


def mixed_bits(sample: TreeSample, members: Sequence[int], mixing: TableMixing) -> dict[int, float]:
    """Bits per value of the columns `members` in adaptive mixing, by number, estimated on a few rows."""
    entries = sample.entries
    lists = None
    length = min(SAMPLE_ROWS, len(sample.quantised(members[0]).symbols))
    if mixing.lists is not None:
        lengths = sample.values[mixing.lists]
        entries = int(np.searchsorted(np.cumsum(lengths, dtype=np.int64), length, side="right"))
        length = int(lengths[:entries].sum(dtype=np.int64))
        if not length:
            return {}
        lists = ListStructure(lengths[:entries], length)
    columns = {number: sample.quantised(number).symbols[:length] for number in members}
    sources = {source for contexts in mixing.contexts.values() for source in contexts.sources}
    numbers = sorted({source.number for source in sources if source.kind is SourceKind.ENTRY})
    given = SourceValues(
        columns, lists, {number: sample.quantised(number).symbols[:entries] for number in numbers}
    )
    bits = {}
    for number, contexts in mixing.contexts.items():
        most = 8.0 * length
        stream = encode_mixed(
            columns[number], contexts, len(sample.columns), given, dict.fromkeys(numbers, 0), most
        )
        if stream is not None:
            bits[number] = 8 * stream.size / length
    return bits


def is_worth_a_page(sample: TreeSample, members: Sequence[int], mixing: TableMixing, rows: int) -> bool:
    """Whether mixing saves more bytes than a page of its own takes, in a cluster with `rows` rows."""
    if rows * len(mixing.contexts) > MAX_COMPARED:
        return True
    bits = mixed_bits(sample, members, mixing)
    symbols = {number: sample.quantised(number).symbols for number in bits}
    classic = {number: 8 * classic_size(values) / len(values) for number, values in symbols.items()}
    saved = sum(max(0.0, classic[number] - bits[number]) for number in bits)
    return saved * rows / 8 > PAGE_OVERHEAD


def page_contexts(
    mixing: GroupMixing, coded: Sequence[int], encoded: Sequence[EncodedColumn], context: ListContext
) -> dict[int, MixingContexts]:
    """Contexts of the columns of a page by position in it, with sources as the page names them.

    `coded` are the columns of the page that have symbols. Contexts of columns that are not there in this
    cluster, or of another length, are left out.
    """
    positions = {number: position for position, number in enumerate(coded)}
    result = {}
    for number, contexts in mixing.contexts.items():
        if number not in positions:
            continue
        result[positions[number]] = _available(contexts, number, positions, encoded, context)
    return result


def _available(
    contexts: MixingContexts,
    number: int,
    positions: Mapping[int, int],
    encoded: Sequence[EncodedColumn],
    context: ListContext,
) -> MixingContexts:
    """The contexts of column `number` whose sources are all there."""
    length = encoded[number].encoding.length
    sources: list[Source | None] = []
    for source in contexts.sources:
        if source.kind is SourceKind.COLUMN:
            symbols = encoded[source.number].symbols if source.number in positions else None
            fits = symbols is not None and len(symbols) == length and symbols.dtype.kind in "uib"
            sources.append(Source(source.kind, positions[source.number]) if fits else None)
        elif source.kind is SourceKind.ENTRY:
            sources.append(source if source.number in context.symbols else None)
        else:
            needs_lists = source.kind is not SourceKind.PREVIOUS
            sources.append(None if needs_lists and context.lists is None else source)
    kept = [index for index, source in enumerate(sources) if source is not None]
    kinds = tuple(
        ContextKind(tuple(kept.index(index) for index in kind.sources), kind.bins)
        for kind in contexts.kinds
        if all(index in kept for index in kind.sources)
    )
    return MixingContexts(tuple(source for source in sources if source is not None), kinds)
