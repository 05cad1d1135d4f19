"""Pages of the codec `conditional` whose columns are all coded by mixing, also where that is larger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import encode_column
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.mixing import (
    ContextKind,
    MixingContexts,
    Source,
    SourceKind,
    SourceValues,
)
from baler_root.format.codecs.conditional.mixing_encoder import encode_mixed
from baler_root.format.codecs.conditional.page_encoder import PageEncoder

Columns = Sequence[NDArray[Any]]

COUNTS, MET = 3, 5
"""Numbers in the tree of the lengths of lists and of a column of the entries."""


def specs_of(columns: Columns) -> list[SymbolSpec]:
    return [SymbolSpec(column.dtype, len(column)) for column in columns]


def contexts_of(columns: Columns, position: int, lists: bool = False, bins: int = 6) -> MixingContexts:
    """Contexts of every kind: the columns before, the previous value, and what is known of lists."""
    length = len(columns[position])
    sources = [
        Source(SourceKind.COLUMN, n)
        for n, column in enumerate(columns[:position])
        if column.dtype.kind in "uib" and len(column) == length
    ][-3:]
    if lists:
        sources += [Source(SourceKind.LENGTH), Source(SourceKind.POSITION), Source(SourceKind.ENTRY, MET)]
    sources.append(Source(SourceKind.PREVIOUS))
    kinds = [ContextKind((n,), bins) for n in range(len(sources))]
    if len(sources) > 2:
        kinds.append(ContextKind((0, 1, len(sources) - 1), 2))
    return MixingContexts(tuple(sources), tuple(kinds[-7:]))


def list_context(counts: NDArray[Any], met: NDArray[Any]) -> ListContext:
    """Lists of these lengths, with a column of the entries."""
    return ListContext({COUNTS: counts, MET: met}, lists=COUNTS)


def mixed_page(
    columns: Columns, contexts: Mapping[int, MixingContexts], context: ListContext | None = None
) -> bytes:
    """A page in which these columns are coded by mixing, as far as they can be."""
    given_context = context or ListContext({})
    lists = None
    if given_context.lists is not None:
        lengths = given_context.symbols[given_context.lists]
        lists = ListStructure(lengths, int(lengths.sum()))
    entries = {MET: 0} if given_context.lists is not None else {}
    given = SourceValues(dict(enumerate(columns)), lists, given_context.symbols)
    mixed = {}
    for position, chosen in contexts.items():
        stream = encode_mixed(columns[position], chosen, position, given, entries, 1e8)
        if stream is not None:
            mixed[position] = stream
    classic = {n: encode_column(*pair) for n, pair in enumerate(zip(columns, specs_of(columns), strict=True))}
    encoder = PageEncoder({}, b"", (), True, given_context, contexts)
    return encoder.join_mixed((None,) * len(columns), {}, mixed, entries, classic)[0]


class MixingCodec(ConditionalCodec):
    """The codec with contexts of every kind for each column of a page."""

    def encode(self, columns: Columns, specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        self.mixing = {n: contexts_of(columns, n) for n in range(len(columns))}
        return super().encode(columns, specs)


def correlated(rows: int, seed: int = 0) -> list[NDArray[Any]]:
    """Columns that depend on each other, of several types; one of floats."""
    rng = np.random.default_rng(seed)
    first = rng.poisson(20, rows)
    return [
        first.astype("u1"),
        (3 * first - 40 + rng.integers(0, 3, rows)).astype("i2"),
        rng.normal(size=rows).astype("f4"),
        first > 20,
        (first * 1000 + rng.integers(0, 9, rows)).astype("i8"),
    ]
