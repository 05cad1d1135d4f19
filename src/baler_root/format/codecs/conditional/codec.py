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
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.model import Conditional, Model, ModelColumn
from baler_root.format.codecs.conditional.page import LENGTH_KINDS, NAME_SIZE, ConditionalPage, Dependencies
from baler_root.format.codecs.lazy_models import LazyModels, model_by_digest_prefix

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
        known: Sequence[int | None] = (),
        compare: bool = False,
        context: ListContext | None = None,
    ) -> None:
        """`models` by SHA-256. To encode: the digest of the `model` to use, and in `known` the number in the
        model of each column of the page. With `compare`, columns that are smaller in `classic` are coded by
        it.
        """
        self.models = {} if models is None else models
        self.model, self.known = model, tuple(known)
        self.compare, self.context = compare, context or ListContext({})

    def with_models(self, models: Mapping[bytes, bytes]) -> ConditionalCodec:
        """See `ModelCodec.with_models`."""
        return ConditionalCodec(LazyModels(models, Model.from_bytes))

    def with_context(self, symbols: Mapping[int, Symbols]) -> ConditionalCodec:
        """See `ContextCodec.with_context`."""
        return ConditionalCodec(self.models, context=ListContext(symbols))

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        known = self.known or (None,) * len(columns)
        position = {number: at for at, number in enumerate(known) if number is not None}
        table = self.models[self.model].columns if position else ()
        context = self.context
        given: Codes = {}
        lists = None
        if context.lists is not None:
            lengths = context.symbols[context.lists]
            lists = ListStructure(lengths, int(lengths.sum(dtype=np.int64)))
            given = {
                n: lists.codes(column, context.symbols.get(context.columns.get(n, -1)))
                for n, column in enumerate(table)
                if column.kind in LENGTH_KINDS or n in context.columns
            }
        streams = _streams(table, {n: columns[at] for n, at in position.items()}, given, lists)
        streams = {position[number]: stream for number, stream in streams.items()}
        if self.compare and streams:
            whole, plain = Classic().encode(columns, specs)
            streams = {at: stream for at, stream in streams.items() if len(stream) + STREAM_HEAD < plain[at]}
            if sum(plain[at] - len(streams[at]) for at in streams) < NAME_SIZE + 2 * len(columns):
                return PayloadKind.PLAIN.prefix + whole, scale_shares(plain, 1 + len(whole))
        others = [at for at in range(len(columns)) if at not in streams]
        rest, shares = Classic().encode([columns[at] for at in others], [specs[at] for at in others])
        if not streams:
            return PayloadKind.PLAIN.prefix + rest, scale_shares(shares, 1 + len(rest))
        kind = PayloadKind.MODEL if context.lists is None else PayloadKind.CONTEXT
        head = bytearray(kind.prefix + self.model[:NAME_SIZE])
        if context.lists is not None:
            head += pack_varint(context.lists) + pack_varint(len(context.columns))
            for n in sorted(context.columns):
                head += pack_varint(n) + pack_varint(context.columns[n])
        for at, number in enumerate(known):
            head += pack_varint(0 if number is None else 2 * number + 1 + (at in streams))
            if at in streams:
                head += pack_varint(len(streams[at]))
        head += pack_varint(len(rest))
        sizes = {at: float(len(stream)) for at, stream in streams.items()}
        sizes.update(zip(others, shares, strict=True))
        payload = bytes(head) + rest + b"".join(streams[at] for at in sorted(streams))
        return payload, scale_shares([sizes[at] for at in range(len(columns))], len(payload))

    def context_columns(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> tuple[int, ...]:
        """See `ContextCodec.context_columns`."""
        if not PayloadKind.CONTEXT.is_kind_of(payload):
            return ()
        page = ConditionalPage(payload, specs, self._table)
        return page.dependencies(range(len(specs)) if wanted is None else wanted).context_columns(page)

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; besides the wanted columns only those are decoded that they depend on."""
        positions = range(len(specs)) if wanted is None else wanted
        found = self.decode_more(payload, specs, positions, {})
        return {at: found[at] for at in positions}

    def decode_more(
        self,
        payload: memoryview,
        specs: Sequence[SymbolSpec],
        wanted: Sequence[int],
        decoded: Mapping[int, Symbols],
    ) -> dict[int, Symbols]:
        """See `IncrementalCodec.decode_more`."""
        if PayloadKind.PLAIN.is_kind_of(payload):
            missing = [at for at in wanted if at not in decoded]
            plain = Classic().decode(payload[1:], specs, missing)
            return plain | {at: decoded[at] for at in wanted if at in decoded}
        page = ConditionalPage(payload, specs, self._table)
        needed = page.dependencies(wanted, decoded)
        out = {at: decoded[at] for at in needed.columns if at in decoded}
        others = [at for at in range(len(specs)) if at not in page.streams]
        chosen = [place for place, at in enumerate(others) if at in needed.columns and at not in out]
        if chosen or not decoded:  # without a column to decode, the rest was checked with the first ones
            plain = Classic().decode(page.rest, [specs[at] for at in others], chosen)
            out |= {others[place]: symbols for place, symbols in plain.items()}
        if needed.columns <= out.keys():
            return out
        lists = self._lists(page, needed, specs)
        symbols = self.context.symbols
        codes = {
            n: lists.codes(page.table[n], symbols.get(page.context.get(n, -1)))
            for n in needed.context
            if lists is not None
        }
        for column in sorted(page.known):
            at = page.known[column]
            if at not in needed.columns:
                continue
            entry, spec = page.table[column], specs[at]
            if at not in out:
                parents = () if entry.conditional is None else entry.conditional.parents
                lengths = {len(codes[p]) for p in parents if p != column} | {spec.length}
                if column in parents and lists is not None:
                    lengths.add(lists.rows)
                if entry.conditional is None or len(lengths) > 1:
                    raise CorruptFileError(f"column {column} of the model cannot be decoded here")
                if column in parents and lists is not None:
                    places = _decode_chained(entry, column, codes, lists, page.streams[at])
                else:
                    places = _decode(entry, codes, spec.length, page.streams[at])
                out[at] = symbols_at(places, entry.axis.low, spec.dtype)
                codes[column] = entry.axis.codes[places]
            else:
                codes[column] = entry.axis.codes_of(out[at])
        return out

    def _lists(
        self, page: ConditionalPage, needed: Dependencies, specs: Sequence[SymbolSpec]
    ) -> ListStructure | None:
        """The lists whose items are the rows of the page; None if no column depends on them."""
        columns = needed.context_columns(page)
        if not columns:
            return None
        missing = [column for column in columns if column not in self.context.symbols]
        if missing:
            raise CorruptFileError(f"column {missing[0]} of the tree is needed, and was not decoded")
        rows = {specs[at].length for at in needed.list_items}
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
    table: Sequence[ModelColumn], columns: dict[int, Symbols], given: Codes, lists: ListStructure | None
) -> dict[int, bytes]:
    """Streams of the columns that have a network or histograms, and whose symbols and parents are on their
    axes.
    """
    places = {number: table[number].axis.places(symbols) for number, symbols in columns.items()}
    codes = given | {number: table[number].axis.codes[at] for number, at in places.items()}
    out = {}
    for number, symbols in columns.items():
        column = table[number]
        parents = () if column.conditional is None else column.conditional.parents
        if column.conditional is None or any(
            p not in codes or len(codes[p]) != len(symbols) for p in parents
        ):
            continue
        if not np.array_equal(places[number] + column.axis.low, symbols):
            continue
        if number not in parents:
            out[number] = _encode(column, codes, places[number])
        elif lists is not None and lists.rows == len(symbols):
            # Each item needs the previous one: first items of all lists are coded first, then second ones.
            ordered = {p: codes[p][lists.order] for p in parents if p != number}
            ordered[number] = lists.before(codes[number])[lists.order]
            out[number] = _encode(column, ordered, places[number][lists.order])
    return out


def _encode(column: ModelColumn, codes: Codes, places: NDArray[np.int64]) -> bytes:
    """Stream of one column: blocks, each after its size."""
    from baler_root.format.entropy import rans_histogram as histograms
    from baler_root.format.entropy import rans_mixture as coder

    out = bytearray()
    for start in range(0, len(places), ROWS):
        block = slice(start, min(len(places), start + ROWS))
        if isinstance(column.conditional, Histograms):
            contexts = column.conditional.contexts(codes, block)
            words = histograms.encode(places[block], contexts, column.table)
        else:
            words = coder.encode(places[block], column.axis.edges, _outputs(column.conditional, codes, block))
        out += pack_varint(len(words)) + words
    return bytes(out)


def _decode(column: ModelColumn, codes: Codes, length: int, stream: memoryview) -> NDArray[np.int64]:
    """Places of the values of one column on its axis."""
    from baler_root.format.entropy import rans_histogram as histograms
    from baler_root.format.entropy import rans_mixture as coder

    cursor = Cursor(stream)
    out = np.empty(length, dtype=np.int64)
    for start in range(0, length, ROWS):
        block = slice(start, min(length, start + ROWS))
        words = cursor.take(cursor.varint())
        if isinstance(column.conditional, Histograms):
            out[block] = histograms.decode(words, column.conditional.contexts(codes, block), column.table)
        else:
            outputs = _outputs(column.conditional, codes, block)
            out[block] = coder.decode(words, column.axis.edges, outputs)
    cursor.finish("the last block")
    return out


def _decode_chained(
    column: ModelColumn, number: int, codes: Codes, lists: ListStructure, stream: memoryview
) -> NDArray[np.int64]:
    """Like `_decode`, for a column whose items need the previous one: step by step, all lists at once."""
    from baler_root.format.entropy import rans_mixture as coder

    cursor = Cursor(stream)
    out = np.empty(lists.rows, dtype=np.int64)
    own = np.full(lists.rows + 1, -CODE_LIMIT, np.int16)
    bounds = np.union1d(lists.bounds, np.arange(0, lists.rows, ROWS))
    decoder = None
    for start, stop in pairwise(bounds.tolist()):
        if start % ROWS == 0:
            if decoder is not None:
                decoder.finish()
            decoder = coder.Decoder(cursor.take(cursor.varint()), column.axis.edges)
        items = lists.order[start:stop]
        few = (
            {p: codes[p][items] for p in column.conditional.parents if p != number}
            if column.conditional
            else {}
        )
        # The last element of `own` is never written: it is the code before first items.
        few[number] = own[np.where(lists.steps[items] == 0, lists.rows, items - 1)]
        if decoder is not None:
            out[items] = decoder.take(_outputs(column.conditional, few, slice(0, stop - start)))
            own[items] = column.axis.codes[out[items]]
    if decoder is not None:
        decoder.finish()
    cursor.finish("the last block")
    return out


def _outputs(conditional: Conditional | Histograms | None, codes: Codes, block: slice) -> NDArray[np.int32]:
    """Outputs of the network of a column for the rows of a block."""
    if not isinstance(conditional, Conditional):
        raise TypeError("a column without a network")
    inputs = np.empty((block.stop - block.start, len(conditional.parents)), dtype=np.float32)
    for place, parent in enumerate(conditional.parents):
        inputs[:, place] = codes[parent][block]
    return conditional.net(inputs)


def symbols_at(places: NDArray[np.int64], low: int, dtype: np.dtype[Any]) -> Symbols:
    """Symbols at these places of an axis; raises CorruptFileError if they do not fit the type of the
    column.
    """
    if dtype.kind not in "uib":
        raise CorruptFileError(f"an axis of {dtype} symbols")
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    first, last = low + int(places.min(initial=0)), low + int(places.max(initial=0))
    if first < limits[0] or last > limits[1]:
        raise CorruptFileError(f"symbols from {first} to {last} in a column of {dtype}")
    return (places + low).astype(dtype)
