"""Streams of the columns that a model predicts: networks or histograms, and rANS
(formats/codecs.md#conditional).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.list_context import ListStructure
from baler_root.format.codecs.conditional.model import Conditional, ModelColumn
from baler_root.format.limits import MAX_PAGE_PRODUCTS

Symbols = NDArray[Any]


Codes = dict[int, NDArray[np.int16]]
"""Codes, the inputs of networks, of the columns decoded so far, by their number in the model."""


ROWS = 1 << 16
"""Rows of a block, which go through a network at once: memory does not grow with the cluster."""


def encode_streams(
    table: Sequence[ModelColumn],
    columns: dict[int, Symbols],
    context_codes: Codes,
    lists: ListStructure | None,
) -> dict[int, bytes]:
    """Streams of the columns that have a network or histograms, and whose symbols and parents are on their
    axes.
    """
    places = {number: table[number].axis.places(symbols) for number, symbols in columns.items()}
    codes = context_codes | {
        number: table[number].axis.codes[column_places] for number, column_places in places.items()
    }
    streams = {}
    products = 0
    for number, symbols in columns.items():
        column = table[number]
        products += column.products * len(symbols)
        if column.products and products > MAX_PAGE_PRODUCTS:
            continue
        parents = () if column.conditional is None else column.conditional.parents
        if column.conditional is None or any(
            p not in codes or len(codes[p]) != len(symbols) for p in parents
        ):
            continue
        if not np.array_equal(places[number] + column.axis.low, symbols):
            continue
        if number not in parents:
            streams[number] = _encode(column, codes, places[number])
        elif lists is not None and lists.rows == len(symbols):
            # Each item needs the previous one: first items of all lists are coded first, then second ones.
            ordered = {p: codes[p][lists.order] for p in parents if p != number}
            ordered[number] = lists.previous_codes(codes[number])[lists.order]
            streams[number] = _encode(column, ordered, places[number][lists.order])
    return streams


def _encode(column: ModelColumn, codes: Codes, places: NDArray[np.int64]) -> bytes:
    """Stream of one column: blocks, each after its size."""
    from baler_root.format.entropy import rans_histogram as histograms
    from baler_root.format.entropy import rans_mixture as coder

    stream = bytearray()
    for start in range(0, len(places), ROWS):
        block = slice(start, min(len(places), start + ROWS))
        if isinstance(column.conditional, Histograms):
            contexts = column.conditional.contexts(codes, block)
            words = histograms.encode(places[block], contexts, column.table)
        else:
            words = coder.encode(places[block], column.axis.edges, _outputs(column.conditional, codes, block))
        stream += pack_varint(len(words)) + words
    return bytes(stream)


def decode_stream(column: ModelColumn, codes: Codes, length: int, stream: memoryview) -> NDArray[np.int64]:
    """Places of the values of one column on its axis."""
    from baler_root.format.entropy import rans_histogram as histograms
    from baler_root.format.entropy import rans_mixture as coder

    cursor = Cursor(stream)
    places = np.empty(length, dtype=np.int64)
    for start in range(0, length, ROWS):
        block = slice(start, min(length, start + ROWS))
        words = cursor.take(cursor.varint())
        if isinstance(column.conditional, Histograms):
            places[block] = histograms.decode(words, column.conditional.contexts(codes, block), column.table)
        else:
            outputs = _outputs(column.conditional, codes, block)
            places[block] = coder.decode(words, column.axis.edges, outputs)
    cursor.finish("the last block")
    return places


def decode_chained(
    column: ModelColumn, number: int, codes: Codes, lists: ListStructure, stream: memoryview
) -> NDArray[np.int64]:
    """Like `decode_stream`, for a column whose items need the previous one: step by step, all lists at
    once.
    """
    from baler_root.format.entropy import rans_mixture as coder

    cursor = Cursor(stream)
    places = np.empty(lists.rows, dtype=np.int64)
    item_codes = np.full(lists.rows + 1, -CODE_LIMIT, np.int16)
    bounds = np.union1d(lists.bounds, np.arange(0, lists.rows, ROWS))
    decoder = None
    for start, stop in pairwise(bounds.tolist()):
        if start % ROWS == 0:
            if decoder is not None:
                decoder.finish()
            decoder = coder.Decoder(cursor.take(cursor.varint()), column.axis.edges)
        items = lists.order[start:stop]
        parents = column.conditional.parents if column.conditional else ()
        step_codes = {p: codes[p][items] for p in parents if p != number}
        # The last element of `item_codes` is never written: it stands for the item before a first item.
        step_codes[number] = item_codes[np.where(lists.steps[items] == 0, lists.rows, items - 1)]
        if decoder is not None:
            places[items] = decoder.take(_outputs(column.conditional, step_codes, slice(0, stop - start)))
            item_codes[items] = column.axis.codes[places[items]]
    if decoder is not None:
        decoder.finish()
    cursor.finish("the last block")
    return places


def _outputs(conditional: Conditional | Histograms | None, codes: Codes, block: slice) -> NDArray[np.int32]:
    """Outputs of the network of a column for the rows of a block."""
    if not isinstance(conditional, Conditional):
        raise TypeError("a column without a network")
    inputs = np.empty((block.stop - block.start, len(conditional.parents)), dtype=np.float32)
    for index, parent in enumerate(conditional.parents):
        inputs[:, index] = codes[parent][block]
    return conditional.net(inputs)
