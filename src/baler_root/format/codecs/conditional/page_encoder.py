"""Encodes a page: each column by adaptive mixing, with a model or by `classic`, whichever is smallest
(formats/codecs.md#conditional).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary.packed import pack_bytes
from baler_root.format.binary.varint import pack_varint
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Stream, encode_column, join_streams
from baler_root.format.codecs.conditional.list_context import ListContext, ListStructure
from baler_root.format.codecs.conditional.mixing import MixingContexts, SourceKind, SourceValues
from baler_root.format.codecs.conditional.mixing_encoder import MixedStream, encode_mixed
from baler_root.format.codecs.conditional.model import Model
from baler_root.format.codecs.conditional.model_streams import Codes, encode_streams
from baler_root.format.codecs.conditional.page import (
    HAS_LISTS,
    HAS_MODEL,
    LENGTH_KINDS,
    MAX_ENTRIES,
    NAME_SIZE,
)

Symbols = NDArray[Any]


STREAM_HEAD = 3
"""Bytes that a stream takes in the head of a page."""


@dataclass(frozen=True, slots=True)
class PageEncoder:
    """Encodes the columns of a page; see `ConditionalCodec` for the fields."""

    models: Mapping[bytes, Model]
    model: bytes
    numbers: tuple[int | None, ...]
    compare: bool
    context: ListContext
    mixing: Mapping[int, MixingContexts]

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """The payload of a page, and each column's share of it."""
        numbers = self.numbers or (None,) * len(columns)
        lists = None
        if self.context.lists is not None:
            lengths = self.context.symbols[self.context.lists]
            lists = ListStructure(lengths, int(lengths.sum(dtype=np.int64)))
        streams = self._model_streams(numbers, columns, lists)
        if not self.compare and not self.mixing:
            return self._join(numbers, streams, _classic(columns, specs, streams))
        classic = _classic(columns, specs)
        payload, shares = join_streams(list(classic.values()))
        streams = {n: stream for n, stream in streams.items() if len(stream) + STREAM_HEAD < shares[n]}
        saved = sum(shares[n] - len(stream) for n, stream in streams.items())
        if saved < NAME_SIZE + 2 * len(columns):
            payload = PayloadKind.PLAIN.prefix + payload
            page = payload, scale_shares(shares, len(payload))
        else:
            page = self._join(numbers, streams, classic)
        # Columns share bytes in `classic`: what one costs depends on which others are there.
        alone = [max(share, classic[n].cost + 1.0) for n, share in enumerate(shares)]
        limits = [float(len(streams[n])) if n in streams else size for n, size in enumerate(alone)]
        mixed, entries = self._mixed_streams(numbers, columns, lists, limits)
        smaller = {n: stream for n, stream in mixed.items() if n in streams or stream.size < shares[n]}
        pages = [page]
        choices = (mixed, smaller) if len(smaller) < len(mixed) else (mixed,)
        pages += [self.join_mixed(numbers, streams, some, entries, classic) for some in choices if some]
        return min(pages, key=lambda page: len(page[0]))

    def _model_streams(
        self, numbers: Sequence[int | None], columns: Sequence[Symbols], lists: ListStructure | None
    ) -> dict[int, bytes]:
        """Streams of the columns that the model codes, by position."""
        positions = {number: position for position, number in enumerate(numbers) if number is not None}
        table = self.models[self.model].columns if positions else ()
        codes: Codes = {}
        if lists is not None:
            symbols, context = self.context.symbols, self.context.columns
            codes = {
                n: lists.codes(column, symbols.get(context.get(n, -1)))
                for n, column in enumerate(table)
                if column.kind in LENGTH_KINDS or n in context
            }
        coded = {number: columns[position] for number, position in positions.items()}
        return {positions[n]: stream for n, stream in encode_streams(table, coded, codes, lists).items()}

    def _mixed_streams(
        self,
        numbers: Sequence[int | None],
        columns: Sequence[Symbols],
        lists: ListStructure | None,
        sizes: Sequence[float],
    ) -> tuple[dict[int, MixedStream], dict[int, int]]:
        """Columns that are smaller by mixing than `sizes`, by position, and the positions of columns of the
        entries in the page's list."""
        known = [number for number in numbers if number is not None]
        sources = {source for contexts in self.mixing.values() for source in contexts.sources}
        needed = sorted({source.number for source in sources if source.kind is SourceKind.ENTRY})
        if known != sorted(known) or len(needed) > MAX_ENTRIES:
            return {}, {}
        entries = {number: index for index, number in enumerate(needed)}
        given = SourceValues(dict(enumerate(columns)), lists, self.context.symbols)
        mixed: dict[int, MixedStream] = {}
        for position, contexts in self.mixing.items():
            stream = encode_mixed(columns[position], contexts, position, given, entries, sizes[position])
            if stream is not None:
                mixed[position] = stream
        return mixed, entries

    def _join(
        self, numbers: Sequence[int | None], streams: Mapping[int, bytes], classic: Mapping[int, Stream]
    ) -> tuple[bytes, list[float]]:
        """A page without mixing."""
        if not streams:
            payload, shares = join_streams(list(classic.values()))
            return PayloadKind.PLAIN.prefix + payload, scale_shares(shares, 1 + len(payload))
        kind = PayloadKind.MODEL if self.context.lists is None else PayloadKind.CONTEXT
        head = bytearray(kind.prefix + self.model[:NAME_SIZE])
        if self.context.lists is not None:
            head += pack_varint(self.context.lists) + self._pairs()
        for position, number in enumerate(numbers):
            head += pack_varint(0 if number is None else 2 * number + 1 + (position in streams))
            if position in streams:
                head += pack_varint(len(streams[position]))
        return _with_rest(bytes(head), streams, classic, len(numbers))

    def join_mixed(
        self,
        numbers: Sequence[int | None],
        streams: Mapping[int, bytes],
        mixed: Mapping[int, MixedStream],
        entries: Mapping[int, int],
        classic: Mapping[int, Stream],
    ) -> tuple[bytes, list[float]]:
        """A page with mixing."""
        coded = {n: stream for n, stream in streams.items() if n not in mixed}
        if not coded:
            numbers = (None,) * len(numbers)
        lists = self.context.lists
        flags = (HAS_MODEL if coded else 0) | (0 if lists is None else HAS_LISTS)
        head = bytearray((flags,))
        head += self.model[:NAME_SIZE] if coded else b""
        if lists is not None:
            head += pack_varint(lists) + (self._pairs() if coded else b"")
            head += pack_varint(len(entries)) + b"".join(map(pack_varint, entries))
        every = coded | {position: stream.stream for position, stream in mixed.items()}
        for position, number in enumerate(numbers):
            coding = 2 if position in mixed else int(position in coded)
            head += pack_varint(coding // 2 if number is None else 3 * number + 2 + coding)
            if position in every:
                head += pack_varint(len(every[position]))
        for position in sorted(mixed):
            head += mixed[position].column.pack(position, entries)
        return _with_rest(PayloadKind.MIXING.prefix + pack_bytes(bytes(head)), every, classic, len(numbers))

    def _pairs(self) -> bytes:
        """Numbers in the model and in the tree of the context columns."""
        pairs = sorted(self.context.columns.items())
        return pack_varint(len(pairs)) + b"".join(pack_varint(n) + pack_varint(column) for n, column in pairs)


def scale_shares(shares: Sequence[float], size: int) -> list[float]:
    """Shares scaled to add up to `size`: bytes that belong to no column are spread over all."""
    total = sum(shares)
    return [share * size / total if total else size / len(shares) for share in shares]


def _classic(
    columns: Sequence[Symbols], specs: Sequence[SymbolSpec], streams: Mapping[int, bytes] | None = None
) -> dict[int, Stream]:
    """Columns without a stream, coded one by one by `classic`, by position."""
    return {
        position: encode_column(column, spec)
        for position, (column, spec) in enumerate(zip(columns, specs, strict=True))
        if streams is None or position not in streams
    }


def _with_rest(
    head: bytes, streams: Mapping[int, bytes], classic: Mapping[int, Stream], columns: int
) -> tuple[bytes, list[float]]:
    """A page of this head, the columns without a stream, and the streams."""
    positions = [position for position in range(columns) if position not in streams]
    rest, shares = join_streams([classic[position] for position in positions])
    sizes = {position: float(len(stream)) for position, stream in streams.items()}
    sizes.update(zip(positions, shares, strict=True))
    payload = head + pack_varint(len(rest)) + rest + b"".join(streams[n] for n in sorted(streams))
    return payload, scale_shares([sizes[n] for n in range(columns)], len(payload))
