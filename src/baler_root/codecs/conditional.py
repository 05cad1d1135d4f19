"""`conditional`: every column coded with what a model expects of it, given the columns before it in the row.

formats/codecs.md#conditional is the specification.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.codecs.base import SymbolSpec
from baler_root.codecs.classic import Classic
from baler_root.codecs.histograms import Histograms
from baler_root.codecs.model import Conditional, Model, ModelColumn
from baler_root.errors import CorruptFileError
from baler_root.varint import Cursor, pack_varint

Symbols = NDArray[Any]
Codes = dict[int, NDArray[np.int16]]
"""What networks see of the columns decoded so far, by their number in the model."""

NAME_SIZE = 8
"""Bytes of a model's SHA-256 by which a page names it."""

STREAM_HEAD = 3
"""Bytes that say where a stream is."""

ROWS = 1 << 16
"""Rows of a block: they go through a network at once, so that memory does not grow with a cluster."""


class ConditionalCodec:
    """Columns that a model knows, and `classic` for those it does not know or does not make smaller."""

    id = "conditional"

    def __init__(
        self,
        models: Mapping[bytes, Model] | None = None,
        model: bytes = b"",
        known: Sequence[int | None] = (),
        compare: bool = False,
    ) -> None:
        """`models` by SHA-256. To encode: the `model` to use, and its number for each of the page's columns.

        With `compare` columns that `classic` codes smaller are left to it.
        """
        self.models, self.model, self.known = models or {}, model, tuple(known)
        self.compare = compare

    def with_models(self, models: Mapping[bytes, bytes]) -> ConditionalCodec:
        """See `ModelCodec.with_models`."""
        return ConditionalCodec(_Opening(models))

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        known = self.known or (None,) * len(columns)
        position = {number: at for at, number in enumerate(known) if number is not None}
        table = self.models[self.model].columns if position else ()
        streams = _streams(table, {number: columns[at] for number, at in position.items()})
        streams = {position[number]: stream for number, stream in streams.items()}
        if self.compare and streams:
            whole, plain = Classic().encode(columns, specs)
            streams = {at: stream for at, stream in streams.items() if len(stream) + STREAM_HEAD < plain[at]}
            if sum(plain[at] - len(streams[at]) for at in streams) < NAME_SIZE + 2 * len(columns):
                return b"\0" + whole, _adding_up(plain, 1 + len(whole))
        others = [at for at in range(len(columns)) if at not in streams]
        rest, shares = Classic().encode([columns[at] for at in others], [specs[at] for at in others])
        if not streams:
            return b"\0" + rest, _adding_up(shares, 1 + len(rest))
        head = bytearray(b"\1" + self.model[:NAME_SIZE])
        for at, number in enumerate(known):
            head += pack_varint(0 if number is None else 2 * number + 1 + (at in streams))
            if at in streams:
                head += pack_varint(len(streams[at]))
        head += pack_varint(len(rest))
        sizes = {at: float(len(stream)) for at, stream in streams.items()}
        sizes.update(zip(others, shares, strict=True))
        payload = bytes(head) + rest + b"".join(streams[at] for at in sorted(streams))
        return payload, _adding_up([sizes[at] for at in range(len(columns))], len(payload))

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; besides the wanted columns only those are decoded that they depend on."""
        cursor = Cursor(payload)
        kind = cursor.byte()
        if kind == 0:
            return Classic().decode(cursor.rest(), specs, wanted)
        if kind != 1:
            raise CorruptFileError(f"a page of the unknown kind {kind}")
        name = bytes(cursor.take(NAME_SIZE))
        known: dict[int, int] = {}
        sizes: dict[int, int] = {}
        for at in range(len(specs)):
            code = cursor.varint()
            if code:
                column = (code - 1) // 2
                if column in known:
                    raise CorruptFileError(f"two columns are column {column} of the model")
                known[column] = at
                if not code & 1:
                    sizes[at] = cursor.varint()
        rest = cursor.take(cursor.varint())
        streams = {at: cursor.take(sizes[at]) for at in sorted(sizes)}
        cursor.finish("the last stream")
        # Without a stream no model is asked for: it may be in a file that is not there.
        asked = streams if wanted is None else streams.keys() & set(wanted)
        table = self._table(name) if asked else ()
        if asked and max(known) >= len(table):
            raise CorruptFileError(f"column {max(known)} of a model of {len(table)}")
        needed = _needed(table, known, streams, range(len(specs)) if wanted is None else wanted)
        others = [at for at in range(len(specs)) if at not in streams]
        chosen = [place for place, at in enumerate(others) if at in needed]
        plain = Classic().decode(rest, [specs[at] for at in others], chosen)
        out = {others[place]: symbols for place, symbols in plain.items()}
        codes: Codes = {}
        for column in sorted(known) if asked else ():
            at = known[column]
            if at not in needed:
                continue
            entry, spec = table[column], specs[at]
            if at in streams:
                conditional = entry.conditional
                if conditional is None or any(
                    specs[known[p]].length != spec.length for p in conditional.parents
                ):
                    raise CorruptFileError(f"column {column} of the model cannot be decoded here")
                places = _decode(entry, codes, spec.length, streams[at])
                out[at] = _symbols(places, entry.axis.low, spec.dtype)
                codes[column] = entry.axis.codes[places]
            else:
                codes[column] = entry.axis.codes[entry.axis.places(out[at])]
        return {at: symbols for at, symbols in out.items() if wanted is None or at in wanted}

    def _table(self, name: bytes) -> Sequence[ModelColumn]:
        """The columns of the model whose SHA-256 begins so."""
        for digest in self.models:
            if digest.startswith(name):
                return self.models[digest].columns
        raise CorruptFileError(f"the model {name.hex()} is not in the file")


class _Opening(Mapping[bytes, Model]):
    """Models from their bytes, each read when it is first needed."""

    def __init__(self, models: Mapping[bytes, bytes]) -> None:
        self._models = models

    def __getitem__(self, digest: bytes) -> Model:
        return _opened(self._models[digest])

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


@lru_cache(maxsize=16)
def _opened(data: bytes) -> Model:
    """The model in these bytes; its axes are worked out once."""
    return Model.from_bytes(data)


def _adding_up(shares: Sequence[float], size: int) -> list[float]:
    """The shares, with those bytes that belong to no column spread over them."""
    known = sum(shares)
    return [share * size / known if known else size / len(shares) for share in shares]


def _streams(table: Sequence[ModelColumn], columns: dict[int, Symbols]) -> dict[int, bytes]:
    """The streams of those columns that have a network, and whose symbols and parents are on their axes."""
    places = {number: table[number].axis.places(symbols) for number, symbols in columns.items()}
    codes = {number: table[number].axis.codes[at] for number, at in places.items()}
    out = {}
    for number, symbols in columns.items():
        column = table[number]
        parents = () if column.conditional is None else column.conditional.parents
        if column.conditional is None or any(len(codes.get(p, ())) != len(symbols) for p in parents):
            continue
        if np.array_equal(places[number] + column.axis.low, symbols):
            out[number] = _encode(column, codes, places[number])
    return out


def _encode(column: ModelColumn, codes: Codes, places: NDArray[np.int64]) -> bytes:
    """The stream of one column, block after block, each behind its size."""
    from baler_root.entropy import coder, histograms

    out = bytearray()
    for start in range(0, len(places), ROWS):
        block = slice(start, min(len(places), start + ROWS))
        if isinstance(column.conditional, Histograms):
            contexts = column.conditional.contexts(codes, block)
            words = histograms.encode(places[block], contexts, column.shares)
        else:
            words = coder.encode(places[block], column.axis.edges, _outputs(column.conditional, codes, block))
        out += pack_varint(len(words)) + words
    return bytes(out)


def _decode(column: ModelColumn, codes: Codes, length: int, stream: memoryview) -> NDArray[np.int64]:
    """The places on its axis of one column's values."""
    from baler_root.entropy import coder, histograms

    cursor = Cursor(stream)
    out = np.empty(length, dtype=np.int64)
    for start in range(0, length, ROWS):
        block = slice(start, min(length, start + ROWS))
        words = cursor.take(cursor.varint())
        if isinstance(column.conditional, Histograms):
            out[block] = histograms.decode(words, column.conditional.contexts(codes, block), column.shares)
        else:
            outputs = _outputs(column.conditional, codes, block)
            out[block] = coder.decode(words, block.stop - start, column.axis.edges, outputs)
    cursor.finish("the last block")
    return out


def _outputs(conditional: Conditional | None, codes: Codes, block: slice) -> NDArray[np.int32]:
    """What the network of a column says of each row of a block."""
    if conditional is None:
        raise ValueError("a column without a network")
    inputs = np.empty((block.stop - block.start, len(conditional.parents)), dtype=np.float32)
    for place, parent in enumerate(conditional.parents):
        inputs[:, place] = codes[parent][block]
    return conditional.net(inputs)


def _needed(
    table: Sequence[Any], known: dict[int, int], streams: dict[int, Any], wanted: Sequence[int]
) -> set[int]:
    """Positions of the columns that must be decoded for the wanted ones; raises CorruptFileError."""
    numbers = {at: number for number, at in known.items()}
    needed, todo = set(), list(wanted)
    while todo:
        at = todo.pop()
        if at in needed:
            continue
        needed.add(at)
        if at in streams:
            conditional = table[numbers[at]].conditional
            if conditional is None:
                raise CorruptFileError(
                    f"column {numbers[at]} of the model has neither network nor histograms"
                )
            for parent in conditional.parents:
                if parent not in known:
                    raise CorruptFileError(
                        f"column {parent} of the model, on which another depends, is not in the page"
                    )
                todo.append(known[parent])
    return needed


def _symbols(places: NDArray[np.int64], low: int, dtype: np.dtype[Any]) -> Symbols:
    """Places on the axis as the column's symbols; raises CorruptFileError when they do not fit its type."""
    if dtype.kind not in "uib":
        raise CorruptFileError(f"an axis of {dtype} symbols")
    limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    first, last = low + int(places.min(initial=0)), low + int(places.max(initial=0))
    if first < limits[0] or last > limits[1]:
        raise CorruptFileError(f"symbols from {first} to {last} in a column of {dtype}")
    return (places + low).astype(dtype)
