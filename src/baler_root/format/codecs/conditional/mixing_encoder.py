"""Codes a column by adaptive mixing: chooses its cells by the sizes they give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.codecs.conditional.mixing import (
    MAX_SPAN,
    MixedColumn,
    MixingContexts,
    SourceValues,
    above,
)
from baler_root.format.limits import MAX_MIXING_ROWS

LEVELS = ((300, 3), (1200, 4), (5000, 5), (15_000, 6))
"""(rows, levels): columns of at most so many rows have so many levels of cells; longer ones have one more."""


FEW_ROWS = 20_000
"""Rows up to which several ways to cut cells are tried."""


PACKED_SHARE = 0.8
"""Estimated share of the bytes of a column's record that is left when a page packs its records."""


@dataclass(frozen=True, slots=True, eq=False)
class MixedStream:
    """A column coded by mixing."""

    column: MixedColumn
    stream: bytes
    size: float
    """Estimated bytes in the page."""


def encode_mixed(
    symbols: NDArray[Any],
    contexts: MixingContexts,
    position: int,
    given: SourceValues,
    entries: Mapping[int, int],
    limit: float,
) -> MixedStream | None:
    """The column in the cells that give the smallest stream; None if it takes `limit` bytes or more, or if
    it cannot be coded so.

    `position` is its position in the page, `entries` are the positions of columns of the entries in the list
    of the page.
    """
    from baler_root.format.entropy import adaptive_mixing

    if symbols.dtype.kind not in "uib" or not 0 < len(symbols) <= MAX_MIXING_ROWS:
        return None
    low, high = int(symbols.min()), int(symbols.max())
    span = high - low + 1
    if not 2 <= span <= MAX_SPAN or not -(1 << 63) <= low < 1 << 63:
        return None
    values = above(symbols, low)
    best: MixedStream | None = None
    for levels, bounds, used in _cells(values, span, contexts):
        column = MixedColumn(low, span, levels, bounds, used)
        head = 2 + PACKED_SHARE * len(column.pack(position, entries))
        most = int((limit if best is None else best.size) - head)
        if most < 0:
            continue
        try:
            inputs = given.inputs(column, len(values))
        except CorruptFileError:
            continue
        stream = adaptive_mixing.encode(values, inputs, most)
        if stream is not None:
            best = MixedStream(column, stream, len(stream) + head)
    return best


def _cells(
    values: Ints, span: int, contexts: MixingContexts
) -> Iterator[tuple[int, Ints | None, MixingContexts]]:
    """Levels and bounds of cells that may be best, with contexts for each."""
    levels = next((levels for rows, levels in LEVELS if len(values) <= rows), LEVELS[-1][1] + 1)
    levels = min(levels, (span - 1).bit_length())
    if span <= 1 << levels:
        yield levels, None, contexts
    else:
        yield levels, quantile_cells(values, span, levels), contexts
    if len(values) > FEW_ROWS:
        return
    if span > 1 << levels:
        yield levels, None, contexts
    if contexts.kinds and contexts.kinds[0].sources == (0,):
        yield min(4, levels), None, MixingContexts(contexts.sources[:1], contexts.kinds[:1])
    yield 0, None, MixingContexts()


def quantile_cells(values: Ints, span: int, levels: int) -> Ints:
    """Bounds of 2**levels cells of about equal content; a frequent value fills several, all but one empty."""
    distinct, counts = np.unique(values, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    wanted = np.arange(1, 1 << levels) * len(values) / (1 << levels)
    index = np.searchsorted(below, wanted)
    before = np.maximum(index - 1, 0)
    index = np.where(np.abs(below[before] - wanted) < np.abs(below[index] - wanted), before, index)
    edges = np.append(distinct, span)
    edges[0] = 0
    inner = edges[index]
    return np.concatenate([[0], inner, [span]]).astype(np.int64)
