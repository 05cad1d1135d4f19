"""`conditional`: codes each column with the distribution that a model predicts from earlier columns of the
row.

formats/codecs.md#conditional is the specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.axis import CODE_LIMIT, symbols_at
from baler_root.format.codecs.base import OpenedPayload, PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.model import Conditional, Model, ModelColumn
from baler_root.format.codecs.conditional.page import LENGTH_KINDS, NAME_SIZE, ConditionalPage, Dependencies
from baler_root.format.codecs.lazy_models import LazyModels, model_by_digest_prefix
from baler_root.format.limits import MAX_PAGE_PRODUCTS

Symbols = NDArray[Any]


Codes = dict[int, NDArray[np.int16]]
"""Codes, the inputs of networks, of the columns decoded so far, by their number in the model."""


STREAM_HEAD = 3
"""Bytes that a stream takes in the head of a page."""


ROWS = 1 << 16
"""Rows of a block, which go through a network at once: memory does not grow with the cluster."""


class ConditionalCodec:
    """Codes columns with a model, and with `classic` those that the model lacks or does not make smaller."""

    id = "conditional"

    def __init__(
        self,
        models: Mapping[bytes, Model] | None = None,
        model: bytes = b"",
        numbers: Sequence[int | None] = (),
        compare: bool = False,
        context: ListContext | None = None,
    ) -> None:
        """`models` by SHA-256. To encode: the digest of the `model` to use, and in `numbers` the number in
        the model of each column of the page. With `compare`, columns that are smaller in `classic` are coded
        by it.
        """
        self.models = {} if models is None else models
        self.model, self.numbers = model, tuple(numbers)
        self.compare, self.context = compare, context or ListContext({})

    def with_models(self, models: Mapping[bytes, bytes]) -> ConditionalCodec:
        """See `ModelCodec.with_models`."""
        return ConditionalCodec(LazyModels(models, Model.from_bytes))

    def with_context(self, symbols: Mapping[int, Symbols]) -> ConditionalCodec:
        """See `ContextCodec.with_context`."""
        return ConditionalCodec(self.models, context=ListContext(symbols))

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        numbers = self.numbers or (None,) * len(columns)
        positions = {number: position for position, number in enumerate(numbers) if number is not None}
        table = self.models[self.model].columns if positions else ()
        context = self.context
        context_codes: Codes = {}
        lists = None
        if context.lists is not None:
            lengths = context.symbols[context.lists]
            lists = ListStructure(lengths, int(lengths.sum(dtype=np.int64)))
            context_codes = {
                n: lists.codes(column, context.symbols.get(context.columns.get(n, -1)))
                for n, column in enumerate(table)
                if column.kind in LENGTH_KINDS or n in context.columns
            }
        streams = _streams(
            table, {n: columns[position] for n, position in positions.items()}, context_codes, lists
        )
        streams = {positions[number]: stream for number, stream in streams.items()}
        if self.compare and streams:
            classic_payload, classic_shares = Classic().encode(columns, specs)
            streams = {
                position: stream
                for position, stream in streams.items()
                if len(stream) + STREAM_HEAD < classic_shares[position]
            }
            saved = sum(classic_shares[position] - len(stream) for position, stream in streams.items())
            if saved < NAME_SIZE + 2 * len(columns):
                payload = PayloadKind.PLAIN.prefix + classic_payload
                return payload, scale_shares(classic_shares, len(payload))
        rest_positions = [position for position in range(len(columns)) if position not in streams]
        rest, shares = Classic().encode(
            [columns[position] for position in rest_positions],
            [specs[position] for position in rest_positions],
        )
        if not streams:
            return PayloadKind.PLAIN.prefix + rest, scale_shares(shares, 1 + len(rest))
        kind = PayloadKind.MODEL if context.lists is None else PayloadKind.CONTEXT
        head = bytearray(kind.prefix + self.model[:NAME_SIZE])
        if context.lists is not None:
            head += pack_varint(context.lists) + pack_varint(len(context.columns))
            for n in sorted(context.columns):
                head += pack_varint(n) + pack_varint(context.columns[n])
        for position, number in enumerate(numbers):
            head += pack_varint(0 if number is None else 2 * number + 1 + (position in streams))
            if position in streams:
                head += pack_varint(len(streams[position]))
        head += pack_varint(len(rest))
        sizes = {position: float(len(stream)) for position, stream in streams.items()}
        sizes.update(zip(rest_positions, shares, strict=True))
        payload = bytes(head) + rest + b"".join(streams[position] for position in sorted(streams))
        return payload, scale_shares([sizes[position] for position in range(len(columns))], len(payload))

    def context_columns(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """See `ContextCodec.context_columns`."""
        if not PayloadKind.CONTEXT.is_kind_of(payload):
            return ()
        page = ConditionalPage(payload, specs, self._table)
        return page.dependencies(range(len(specs)) if positions is None else positions).context_columns(page)

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; of the other columns only those are decoded on which these depend."""
        selected = range(len(specs)) if positions is None else positions
        columns = self.decode_more(payload, specs, selected, {})
        return {position: columns[position] for position in selected}

    def open_payload(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> OpenedPayload | None:
        """See `OpeningCodec.open_payload`; columns that a model codes need others."""
        return Classic().open_payload(payload[1:], specs) if PayloadKind.PLAIN.is_kind_of(payload) else None

    def decode_more(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        positions: Sequence[int],
        decoded: Mapping[int, Symbols],
    ) -> dict[int, Symbols]:
        """See `IncrementalCodec.decode_more`."""
        if PayloadKind.PLAIN.is_kind_of(payload):
            known = {position: decoded[position] for position in positions if position in decoded}
            missing = [position for position in positions if position not in known]
            return known | Classic().decode(payload[1:], specs, missing)
        page = ConditionalPage(payload, specs, self._table)
        dependencies = page.dependencies(positions, decoded)
        page.check_products(dependencies, specs)
        columns = {position: decoded[position] for position in dependencies.columns if position in decoded}
        rest_positions = [position for position in range(len(specs)) if position not in page.streams]
        rest_indices = [
            index
            for index, position in enumerate(rest_positions)
            if position in dependencies.columns and position not in columns
        ]
        # Without a column to decode, the rest was checked when the first columns were decoded.
        if rest_indices or not decoded:
            classic_columns = Classic().decode(
                page.rest, [specs[position] for position in rest_positions], rest_indices
            )
            columns |= {rest_positions[index]: symbols for index, symbols in classic_columns.items()}
        if dependencies.columns <= columns.keys():
            return columns
        lists = self._lists(page, dependencies, specs)
        symbols = self.context.symbols
        codes = {
            n: lists.codes(page.table[n], symbols.get(page.context.get(n, -1)))
            for n in dependencies.context
            if lists is not None
        }
        for column in sorted(page.positions):
            position = page.positions[column]
            if position not in dependencies.columns:
                continue
            entry, spec = page.table[column], specs[position]
            if position not in columns:
                parents = () if entry.conditional is None else entry.conditional.parents
                lengths = {len(codes[p]) for p in parents if p != column} | {spec.length}
                if column in parents and lists is not None:
                    lengths.add(lists.rows)
                if entry.conditional is None or len(lengths) > 1:
                    raise CorruptFileError(f"column {column} of the model cannot be decoded here")
                if column in parents and lists is not None:
                    places = _decode_chained(entry, column, codes, lists, page.streams[position])
                else:
                    places = _decode(entry, codes, spec.length, page.streams[position])
                columns[position] = symbols_at(places, entry.axis.low, spec.dtype)
                codes[column] = entry.axis.codes[places]
            else:
                codes[column] = entry.axis.codes_of(columns[position])
        return columns

    def _lists(
        self, page: ConditionalPage, dependencies: Dependencies, specs: Sequence[SymbolSpec]
    ) -> ListStructure | None:
        """The lists whose items are the rows of the page; None if no column depends on them."""
        columns = dependencies.context_columns(page)
        if not columns:
            return None
        missing = [column for column in columns if column not in self.context.symbols]
        if missing:
            raise CorruptFileError(f"column {missing[0]} of the tree is needed, and was not decoded")
        rows = {specs[position].length for position in dependencies.list_items}
        if len(rows) != 1:
            raise CorruptFileError("columns of different lengths in lists of one structure")
        return ListStructure(self.context.symbols[page.lists], rows.pop())

    def _table(self, name: bytes) -> Sequence[ModelColumn]:
        """Columns of the model whose SHA-256 begins with `name`."""
        return model_by_digest_prefix(self.models, name).columns


def scale_shares(shares: Sequence[float], size: int) -> list[float]:
    """Shares scaled to add up to `size`: bytes that belong to no column are spread over all."""
    total = sum(shares)
    return [share * size / total if total else size / len(shares) for share in shares]


def _streams(
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


def _decode(column: ModelColumn, codes: Codes, length: int, stream: memoryview) -> NDArray[np.int64]:
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


def _decode_chained(
    column: ModelColumn, number: int, codes: Codes, lists: ListStructure, stream: memoryview
) -> NDArray[np.int64]:
    """Like `_decode`, for a column whose items need the previous one: step by step, all lists at once."""
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
