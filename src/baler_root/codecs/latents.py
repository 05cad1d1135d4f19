"""Codecs that store latents: numbers that a network makes of each row, from which another tells its columns.

What the latents do not say is a residual: a stream for each column, coded with what the decoder expects of it, or
the rows that the latents alone do not give back. Either way every symbol comes back. Which networks these are is no
matter here; `autoencoder` and others differ in what is trained (formats/codecs.md#autoencoder).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.codecs.autoencoder_model import LATENT_LIMIT, AutoencoderModel
from baler_root.codecs.base import SymbolSpec
from baler_root.codecs.classic import Classic
from baler_root.codecs.coarse import fine_dtype, put_together, take_apart
from baler_root.codecs.conditional import ROWS, ConditionalCodec, adding_up, symbols_at
from baler_root.codecs.latent_page import LatentPage, pack_rows
from baler_root.codecs.learned_page import NAME_SIZE
from baler_root.codecs.model import ModelColumn
from baler_root.entropy.tables import AXIS_BITS, OUTPUT_BITS
from baler_root.errors import CorruptFileError
from baler_root.varint import Cursor, pack_varint

Symbols = NDArray[Any]
Rows = NDArray[np.integer]

LATENT = np.dtype(np.int16)

FEW_VALUES = 1 << 8
"""Values in a row up to which so many rows go through a network at once as in `conditional`."""


class LatentCodec:
    """Columns that an autoencoder knows, and `classic` for all others. A subclass says which networks are trained."""

    id: ClassVar[str]
    network: ClassVar[str]
    """`module:class` of a `baler_root.training.autoencoder.Autoencoder`, imported only for training."""
    grids: ClassVar[bool] = False
    """Whether it is for columns of two-dimensional arrays, each by itself, and not for tables of numbers."""

    def __init__(
        self,
        models: Mapping[bytes, AutoencoderModel] | None = None,
        model: bytes = b"",
        known: Sequence[int | None] = (),
        anomalies: tuple[Rows, Symbols] | None = None,
    ) -> None:
        """`models` by SHA-256. To encode: the `model` to use, its number for each of the page's columns, and the
        rows that are anomalies with their scores."""
        self.models = {} if models is None else models
        self.model, self.known, self.anomalies = model, tuple(known), anomalies

    def with_models(self, models: Mapping[bytes, bytes]) -> Self:
        """See `ModelCodec.with_models`."""
        return type(self)(_Opening(models))

    def find_anomalies(
        self, columns: Sequence[Symbols]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int] | None:
        """Rows of the page that are unlike those that the model learned from, their scores, and how many rows there are.

        None if the model does not ask for them.
        """
        position = {number: at for at, number in enumerate(self.known) if number is not None}
        anomaly = self.models[self.model].anomaly if position else None
        if anomaly is None:
            return None
        model = self.models[self.model]
        places = {
            n: model.columns[n].axis.places(_take_apart(model.columns[n], columns[at])[0])
            for n, at in position.items()
        }
        scores = anomaly.scores(latents_of(model, places))
        rows = np.flatnonzero(scores > anomaly.threshold)
        return rows, scores[rows], len(scores)

    def with_anomalies(self, rows: Rows, scores: Symbols) -> Self:
        """The same codec, told which rows of the page it encodes are anomalies."""
        return type(self)(self.models, self.model, self.known, (rows, scores))

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        position = {number: at for at, number in enumerate(self.known) if number is not None}
        if not position or not specs[min(position.values())].length:
            payload, shares = Classic().encode(columns, specs)
            return b"\0" + payload, adding_up(shares, 1 + len(payload))
        model = self.models[self.model]
        parts = {n: _take_apart(model.columns[n], columns[at]) for n, at in position.items()}
        places = {n: model.columns[n].axis.places(symbols) for n, (symbols, _) in parts.items()}
        # What is not on its axis cannot be told by the model; it still tells of the others.
        told = {
            n: at
            for n, at in sorted(position.items())
            if np.array_equal(places[n] + model.columns[n].axis.low, parts[n][0])
        }
        latents = latents_of(model, places)
        streams: dict[int, bytes] = {}
        missed = b""
        if model.residual == "bounded":
            streams = _encode_streams(model, latents, {n: places[n] for n in told})
        else:
            rows = np.flatnonzero(_wrong(model, latents, {n: places[n] for n in told}))
            missed = pack_rows(rows, [_of_rows(model, n, parts[n][0])[rows].reshape(-1) for n in told])
        others = [(at, columns[at], specs[at]) for at in range(len(columns)) if at not in told.values()]
        for n, at in told.items():
            if (fine := parts[n][1]) is not None:
                others.append((at, fine, SymbolSpec(fine.dtype, len(fine))))
        rest, shares = Classic().encode([array for _, array, _ in others], [spec for _, _, spec in others])
        packed = pack_latents(model, latents)
        anomalies = b"" if self.anomalies is None else pack_rows(self.anomalies[0], [self.anomalies[1]])
        number_of = {at: n for n, at in told.items()}
        head = bytearray(b"\1" + self.model[:NAME_SIZE] + pack_varint(len(latents)))
        for at in range(len(columns)):
            head += pack_varint(number_of[at] + 1 if at in number_of else 0)
            if at in number_of:
                head += pack_varint(len(streams.get(number_of[at], b"")))
        for part in (packed, anomalies, missed, rest):
            head += pack_varint(len(part)) + part
        payload = bytes(head) + b"".join(streams.get(number_of[at], b"") for at in sorted(number_of))
        sizes = [0.0] * len(columns)
        for (at, _, _), share in zip(others, shares, strict=True):
            sizes[at] += share
        for n, at in told.items():
            sizes[at] += len(streams.get(n, b"")) + (len(packed) + len(missed)) / len(told)
        return payload, adding_up(sizes, len(payload))

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; the latents are decoded for any column that the model knows, other columns are not."""
        if payload[:1].tobytes() == b"\0":
            return Classic().decode(payload[1:], specs, wanted)
        page = LatentPage(payload, specs)
        model = self._model(page)
        chosen = set(range(len(specs)) if wanted is None else wanted)
        told = {n: at for n, at in sorted(page.known.items()) if at in chosen}
        others = [(at, specs[at]) for at in range(len(specs)) if at not in page.streams]
        drops = [(n, drop) for n in sorted(page.known) if (drop := model.columns[n].drop) is not None]
        others += [(page.known[n], SymbolSpec(fine_dtype(drop), page.rows)) for n, drop in drops]
        asked = [place for place, (at, _) in enumerate(others) if at in chosen]
        found = Classic().decode(page.rest, [spec for _, spec in others], asked)
        out = {others[place][0]: symbols for place, symbols in found.items()}
        if not told:
            return out
        latents = _unpack_latents(model, page)
        if model.residual == "bounded":
            located = _decode_streams(model, latents, {n: page.streams[at] for n, at in told.items()})
        else:
            located = _guesses(model, latents, told)
            rows, exact = page.missed([model.columns[n].each for n in sorted(page.known)])
            for n, symbols in zip(sorted(page.known), exact, strict=True):
                if n in located:
                    places = model.columns[n].axis.checked(symbols)
                    _of_rows(model, n, located[n])[rows] = _of_rows(model, n, places)
        for n, at in told.items():
            column = model.columns[n]
            out[at] = _put_together(column, located[n], out.get(at), specs[at].dtype)
        return out

    def latents(self, page: LatentPage) -> NDArray[np.int16]:
        """The latents of a page, (rows, latents); raises FormatError."""
        return _unpack_latents(self._model(page), page)

    def _model(self, page: LatentPage) -> AutoencoderModel:
        """The model of a page; raises CorruptFileError where that is not there, or does not have its columns."""
        for digest in self.models:
            if digest.startswith(page.model):
                model = self.models[digest]
                if max(page.known) >= len(model.columns):
                    raise CorruptFileError(f"the model {page.model.hex()} does not have the page's columns")
                return model
        raise CorruptFileError(f"the model {page.model.hex()} is not in the file")


class _Opening(Mapping[bytes, AutoencoderModel]):
    """Models from their bytes, each read when it is first needed."""

    def __init__(self, models: Mapping[bytes, bytes]) -> None:
        self._models = models

    def __getitem__(self, digest: bytes) -> AutoencoderModel:
        return _opened(self._models[digest])

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


@lru_cache(maxsize=16)
def _opened(data: bytes) -> AutoencoderModel:
    return AutoencoderModel.from_bytes(data)


def latents_of(model: AutoencoderModel, places: Mapping[int, NDArray[np.int64]]) -> NDArray[np.int16]:
    """What the encoder makes of rows, (rows, latents), from places on the axes of its columns; absent ones count as 0."""
    first = min(places)
    rows = len(places[first]) // model.columns[first].each
    out = np.empty((rows, model.latents), LATENT)
    for block in _blocks(model, rows):
        codes = np.zeros((block.stop - block.start, model.bounds[-1]), np.float32)
        for n, at in places.items():
            start, stop = model.bounds[n : n + 2]
            few = at.reshape(rows, stop - start)[block]
            codes[:, start:stop] = model.columns[n].axis.codes[few]
        out[block] = np.clip(model.encoder(codes), -LATENT_LIMIT, LATENT_LIMIT - 1)
    return out


def pack_latents(model: AutoencoderModel, latents: NDArray[np.int16]) -> bytes:
    """The latents as columns of a page of their own, with the model that knows them."""
    known = model.coded if model.latent_model else ()
    models = {model.latent_digest: model.latent_model} if model.latent_model else {}
    codec = ConditionalCodec(models, model.latent_digest, known, compare=True)
    specs = [SymbolSpec(LATENT, len(latents))] * model.latents
    payload, _ = codec.encode([np.ascontiguousarray(column) for column in latents.T], specs)
    return payload


def _unpack_latents(model: AutoencoderModel, page: LatentPage) -> NDArray[np.int16]:
    models = {model.latent_digest: model.latent_model} if model.latent_model else {}
    specs = [SymbolSpec(LATENT, page.rows)] * model.latents
    codec = ConditionalCodec(models)
    if codec.outside(page.latents, specs):
        raise CorruptFileError("latents that depend on other pages")
    found = codec.decode(page.latents, specs)
    out = np.stack([found[number] for number in range(model.latents)], axis=1)
    if out.size and not -LATENT_LIMIT <= out.min() <= out.max() < LATENT_LIMIT:
        raise CorruptFileError(f"latents from {out.min()} to {out.max()}")
    return out


def _blocks(model: AutoencoderModel, rows: int) -> Iterator[slice]:
    """Rows that go through a network at once, so that memory does not grow with a cluster."""
    step = max(1, ROWS // max(1, model.bounds[-1] // FEW_VALUES))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def _told(
    model: AutoencoderModel, latents: NDArray[np.int16], columns: Iterable[int]
) -> Iterator[tuple[int, slice, NDArray[np.int32]]]:
    """Block by block, for each column: which of its values, and what the decoder says of them, (values, 3 × components)."""
    chosen = list(columns)
    for block in _blocks(model, len(latents)):
        outputs = model.decoder(latents[block])
        outputs = outputs.reshape(len(outputs), model.bounds[-1], -1)
        for n in chosen:
            start, stop = model.bounds[n : n + 2]
            own = np.ascontiguousarray(outputs[:, start:stop])
            each = stop - start
            yield n, slice(block.start * each, block.stop * each), own.reshape(-1, own.shape[2])


def _encode_streams(
    model: AutoencoderModel, latents: NDArray[np.int16], places: Mapping[int, NDArray[np.int64]]
) -> dict[int, bytes]:
    """The stream of each column, block after block, each behind its size."""
    from baler_root.entropy import coder

    out = {n: bytearray() for n in places}
    for n, values, told in _told(model, latents, places):
        words = coder.encode(places[n][values], model.columns[n].axis.edges, told)
        out[n] += pack_varint(len(words)) + words
    return {n: bytes(stream) for n, stream in out.items()}


def _decode_streams(
    model: AutoencoderModel, latents: NDArray[np.int16], streams: Mapping[int, memoryview]
) -> dict[int, NDArray[np.int64]]:
    """The places on its axis of each column's values."""
    from baler_root.entropy import coder

    cursors = {n: Cursor(stream) for n, stream in streams.items()}
    out = {n: np.empty(len(latents) * model.columns[n].each, np.int64) for n in streams}
    for n, values, told in _told(model, latents, streams):
        words = cursors[n].take(cursors[n].varint())
        out[n][values] = coder.decode(words, model.columns[n].axis.edges, told)
    for cursor in cursors.values():
        cursor.finish("the last block")
    return out


def _guesses(
    model: AutoencoderModel, latents: NDArray[np.int16], columns: Iterable[int]
) -> dict[int, NDArray[np.int64]]:
    """For each column the places in which the mean of its heaviest component lies."""
    k = model.components
    out = {n: np.empty(len(latents) * model.columns[n].each, np.int64) for n in columns}
    for n, values, told in _told(model, latents, out):
        heaviest = told[:, :k].argmax(axis=1)
        means = np.take_along_axis(told[:, k : 2 * k], heaviest[:, None], axis=1)[:, 0]
        edges = model.columns[n].axis.edges
        at = np.searchsorted(edges, means.astype(np.int64) << AXIS_BITS - OUTPUT_BITS, side="right") - 1
        out[n][values] = np.clip(at, 0, len(edges) - 2)
    return out


def _wrong(
    model: AutoencoderModel, latents: NDArray[np.int16], places: Mapping[int, NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """The rows that the latents do not give back."""
    out = np.zeros(len(latents), np.bool_)
    for n, guess in _guesses(model, latents, places).items():
        out |= (guess != places[n]).reshape(len(latents), -1).any(axis=1)
    return out


def _of_rows(model: AutoencoderModel, number: int, values: Symbols) -> Symbols:
    """The values of a column by rows, (rows, values), without a copy."""
    return values.reshape(-1, model.columns[number].each)


def _take_apart(column: ModelColumn, symbols: Symbols) -> tuple[NDArray[np.int64], Symbols | None]:
    """The integers that a column's axis is of, and the low bits of exact floats."""
    if column.drop is None:
        return symbols.astype(np.int64), None
    return take_apart(symbols, column.drop)


def _put_together(
    column: ModelColumn, places: NDArray[np.int64], fine: Symbols | None, dtype: np.dtype[Any]
) -> Symbols:
    """A column's symbols; raises CorruptFileError when they do not fit its type."""
    if column.drop is None:
        return symbols_at(places, column.axis.low, dtype)
    if fine is None or dtype.kind != "f" or column.drop >= 8 * dtype.itemsize:
        raise CorruptFileError(f"low bits of {dtype} symbols")
    return put_together(places + column.axis.low, fine, dtype, column.drop)
