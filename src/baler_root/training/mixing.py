"""Chooses the contexts from which adaptive mixing predicts each column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.conditional.mixing import (
    BinnedSource,
    ContextKind,
    MixingContexts,
    Source,
    SourceKind,
)
from baler_root.training.context_cost import Target

SAMPLE_ROWS = 20_000
"""Most rows on which contexts are compared."""


NEAR_COLUMNS = 48
"""Columns directly before a column that may be its sources."""


MIN_GAIN = 0.01
"""Least gain, in bits per value, of a source alone."""


TRIED_ALONE, TRIED_IN_PAIRS = 8, 7
"""Sources, the best first, that are tried in triples, and in pairs."""


MIN_TRIPLE_ROWS = 1500
"""Rows from which combinations of three sources are tried: fewer rows fill too few contexts."""


MAX_BINS = 128
"""Most bins of a source that stands alone in a context."""


MAX_PAIR_BINS = 24
"""Most bins of a source in a pair."""


@dataclass(frozen=True, slots=True, eq=False)
class MixingTable:
    """Columns of one table, in the order in which they are decoded."""

    columns: Sequence[NDArray[Any]]
    """Symbols of each column; sources name it by its position here."""
    rows: int
    """Rows of a cluster, from which its counters learn; the columns may be a sample."""
    is_first: NDArray[np.bool_]
    """Whether each row has no previous one."""
    given: Sequence[tuple[Source, NDArray[Any]]] = ()
    """Sources that are known before all columns, with their values."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A source with its rows of the sample, in bins."""

    source: Source
    binned: BinnedSource

    def of_bins(self, limit: int) -> tuple[NDArray[np.int32], int]:
        return self.binned.bins(limit), self.binned.num_bins(limit)


def choose_contexts(table: MixingTable, chosen: Sequence[bool]) -> list[MixingContexts | None]:
    """Contexts of each column, None for those that are not `chosen`, which are sources alone."""
    length = len(table.is_first)
    thinned = np.arange(0, length, max(1, length // SAMPLE_ROWS))
    candidates = [
        _candidate(Source(SourceKind.COLUMN, n), symbols[thinned]) for n, symbols in enumerate(table.columns)
    ]
    given = [_candidate(source, values[thinned]) for source, values in table.given]
    result: list[MixingContexts | None] = []
    for number, column in enumerate(candidates):
        if column is None or not chosen[number]:
            result.append(None)
            continue
        earlier = [c for c in (*candidates[max(0, number - NEAR_COLUMNS) : number], *given) if c is not None]
        previous = _previous(table, number, thinned)
        result.append(_Chooser(column.binned, earlier, previous, table.rows).choose())
    return result


def _candidate(source: Source, values: NDArray[Any]) -> _Candidate | None:
    """A source; None if its values are floats or never change."""
    if values.dtype.kind not in "uib" or len(values) < 2 or values.min() == values.max():
        return None
    return _Candidate(source, BinnedSource.of(values))


def _previous(table: MixingTable, number: int, rows: NDArray[np.int64]) -> _Candidate | None:
    """The previous value of a column, with one more bin for none."""
    symbols = table.columns[number]
    values = np.unique(symbols[rows])
    before = np.searchsorted(values, symbols[np.maximum(rows - 1, 0)], side="right")
    before[table.is_first[rows]] = 0
    return _candidate(Source(SourceKind.PREVIOUS), before)


class _Chooser:
    """The contexts of one column."""

    def __init__(
        self,
        column: BinnedSource,
        candidates: Sequence[_Candidate],
        previous: _Candidate | None,
        rows: int,
    ) -> None:
        num_bins = 32 if rows > 3000 else 16 if rows > 600 else 8
        self.target = Target.of(column.bins(num_bins), column.num_bins(num_bins))
        self.rows, self.scale = rows, 2 if rows > 2 * SAMPLE_ROWS else 1
        alone = Target.bits(self.target, np.zeros(len(column.order), np.int32), 1)
        gains = [(self.bits((candidate,), 16), number) for number, candidate in enumerate(candidates)]
        best = sorted((bits, number) for bits, number in gains if bits < alone - MIN_GAIN)
        self.pool = [candidates[number] for _, number in best[:TRIED_ALONE]]
        self.previous = previous
        if previous is not None and self.bits((previous,), 16) > alone - MIN_GAIN:
            self.previous = None

    def bits(self, members: Sequence[_Candidate], limit: int) -> float:
        """Bits per value in the contexts of these sources with at most `limit` bins each."""
        contexts, size = np.zeros(len(self.target.bins), np.int32), 1
        for member in members:
            bins, num_bins = member.of_bins(limit)
            contexts = contexts * np.int32(num_bins) + bins
            size *= num_bins
        return self.target.bits(contexts, size)

    def choose(self) -> MixingContexts:
        """The best source alone, the best pair, a triple, and the previous value."""
        chosen: list[tuple[tuple[_Candidate, ...], int]] = []
        pool, rows = self.pool, self.rows
        if pool:
            bins = min((8, 16, 32, 64, MAX_BINS), key=lambda limit: self.bits(pool[:1], limit))
            chosen.append(((pool[0],), min(MAX_BINS, bins * self.scale)))
        pairs = [
            (self.bits(pair, limit), number, limit)
            for number, pair in enumerate(combinations(pool[:TRIED_IN_PAIRS], 2))
            for limit in ((6, 12) if rows > 5000 else (4, 8))
        ]
        pair: tuple[_Candidate, ...] = ()
        if pairs:
            _, number, limit = min(pairs)
            pair = list(combinations(pool[:TRIED_IN_PAIRS], 2))[number]
            chosen.append((pair, min(MAX_PAIR_BINS, limit * self.scale)))
        if len(pool) > 2 and rows > MIN_TRIPLE_ROWS:
            triples = [
                (self.bits((*pair, third), limit), number, limit)
                for number, third in enumerate(pool)
                if third not in pair
                for limit in ((4, 8) if rows > 20_000 else (3, 4))
            ]
            _, number, limit = min(triples)
            chosen.append(((*pair, pool[number]), limit))
        if self.previous is not None and pool:
            chosen.append(((pool[0], self.previous), 9))
        elif self.previous is not None:
            chosen.append(((self.previous,), 33))
        return _contexts(chosen)


def _contexts(chosen: Sequence[tuple[tuple[_Candidate, ...], int]]) -> MixingContexts:
    """The contexts, with each source once."""
    sources = list(dict.fromkeys(member.source for members, _ in chosen for member in members))
    kinds = tuple(
        ContextKind(tuple(sorted(sources.index(member.source) for member in members)), bins)
        for members, bins in chosen
    )
    return MixingContexts(tuple(sources), kinds)
