"""Codecs that store latents: numbers that a network makes of each row, from which another tells its columns.

What the latents do not say is a residual: a stream for each column, coded with what the decoder expects of it, or
the rows that the latents alone do not give back. Either way every symbol comes back. Which networks these are is no
matter here; `autoencoder` and others differ in what is trained (formats/codecs.md#autoencoder).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import scale_shares
from baler_root.format.codecs.latent.columns import (
    decode_columns,
    encode_streams,
    latents_of,
    pack_latents,
    pack_low_bits,
    pack_missed,
    rows_of,
    split_symbols,
    unpack_latents,
)
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.page import LatentPage, pack_latent_page, pack_rows
from baler_root.format.codecs.lazy_models import LazyModels, named

Symbols = NDArray[Any]


Rows = NDArray[np.integer]


MAX_LATENT_VALUES = 1 << 27
"""Latents of all rows of a page: as many bytes as a page may have."""


class LatentCodec:
    """Columns that an autoencoder knows, and `classic` for all others. A subclass says which networks are trained."""

    id: ClassVar[str]
    network: ClassVar[str]
    """`module:class` of a `baler_root.training.autoencoder.Autoencoder`, imported only for training."""
    firmware: ClassVar[bool] = False
    """Whether the network heeds the `circuit` of a `Reshape`: dense layers alone, which can be firmware."""
    grids: ClassVar[bool] = False
    """Whether it is for columns of two-dimensional arrays, each by itself, and not for tables of numbers."""

    def __init__(
        self,
        models: Mapping[bytes, AutoencoderModel] | None = None,
        model: bytes = b"",
        known: Sequence[int | None] = (),
        anomalies: tuple[Rows, Symbols] | None = None,
        compare: bool = False,
    ) -> None:
        """`models` by SHA-256. To encode: the `model` to use, its number for each of the page's columns, and the
        rows that are anomalies with their scores.

        With `compare` columns whose streams would be larger than in `classic` are left to it, and so is all of a page.
        """
        self.models = {} if models is None else models
        self.model, self.known, self.anomalies = model, tuple(known), anomalies
        self.compare = compare

    def with_models(self, models: Mapping[bytes, bytes]) -> Self:
        """See `ModelCodec.with_models`."""
        return type(self)(LazyModels(models, AutoencoderModel.from_bytes))

    def find_outlier_rows(
        self, columns: Sequence[Symbols]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int] | None:
        """Rows of the page that are unlike those that the model learned from, their scores, and how many rows there are.

        None if the model does not ask for them.
        """
        position = self._position()
        anomaly = self.models[self.model].anomaly if position else None
        if anomaly is None:
            return None
        model = self.models[self.model]
        places = {n: split_symbols(model.columns[n], columns[at])[0] for n, at in position.items()}
        scores = anomaly.scores(latents_of(model, places))
        rows = np.flatnonzero(scores > anomaly.threshold)
        return rows, scores[rows], len(scores)

    def with_outlier_rows(self, rows: Rows, scores: Symbols) -> Self:
        """The same codec, told which rows of the page it encodes are anomalies."""
        return type(self)(self.models, self.model, self.known, (rows, scores), self.compare)

    def _position(self) -> dict[int, int]:
        """Where in the page to encode the model's columns are, by number."""
        return {number: at for at, number in enumerate(self.known) if number is not None}

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        position = self._position()
        if not position or not specs[min(position.values())].length:
            return _plain(columns, specs)
        model = self.models[self.model]
        parts = {n: split_symbols(model.columns[n], columns[at]) for n, at in position.items()}
        places = {n: part[0] for n, part in parts.items()}
        # What is not on its axis cannot be told by the model; it still tells of the others.
        told = {at: n for n, at in position.items() if parts[n][1]}
        rows = rows_of(model, places)
        if not told or rows * model.latents > MAX_LATENT_VALUES:
            return _plain(columns, specs)
        latents = latents_of(model, places)
        streams: dict[int, bytes] = {}
        missed = b""
        compare = self.compare and model.residual == "bounded"
        whole, plain = _plain(columns, specs) if compare else (b"", [])
        low, low_shares = pack_low_bits({at: parts[n][2] for at, n in told.items()})
        if model.residual == "bounded":
            streams = encode_streams(model, latents, told, places)
        else:
            missed = pack_missed(model, latents, told, places)
        if compare and 0 < len(worth := _worth(streams, low_shares, plain)) < len(told):
            told = {at: n for at, n in told.items() if at in worth}
            streams = {at: streams[at] for at in told}
            low, low_shares = pack_low_bits({at: parts[n][2] for at, n in told.items()})
        others = [at for at in range(len(columns)) if at not in told]
        rest, shares = Classic().encode([columns[at] for at in others], [specs[at] for at in others])
        packed = pack_latents(model, latents)
        anomalies = b"" if self.anomalies is None else pack_rows(self.anomalies[0], [self.anomalies[1]])
        payload = pack_latent_page(
            self.model,
            rows,
            [(told[at], streams.get(at, b"")) if at in told else None for at in range(len(columns))],
            (packed, anomalies, missed, low, rest),
        )
        if compare and not anomalies and len(payload) > len(whole):
            return whole, plain
        sizes = dict(zip(others, shares, strict=True))
        shared = (len(packed) + len(missed)) / len(told)
        for at in told:
            sizes[at] = len(streams.get(at, b"")) + low_shares.get(at, 0.0) + shared
        return payload, scale_shares([sizes[at] for at in range(len(columns))], len(payload))

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], wanted: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; the latents are decoded for any column that the model knows, other columns are not."""
        if PayloadKind.PLAIN.is_kind_of(payload):
            return Classic().decode(payload[1:], specs, wanted)
        page = LatentPage(payload, specs)
        chosen = set(range(len(specs)) if wanted is None else wanted)
        told = {at: n for at, n in page.known.items() if at in chosen}
        out = decode_columns(self._model(page), page, told) if told else {}
        others = [at for at in range(len(specs)) if at not in page.known]
        asked = [place for place, at in enumerate(others) if at in chosen]
        found = Classic().decode(page.rest, [specs[at] for at in others], asked)
        return out | {others[place]: symbols for place, symbols in found.items()}

    def latent_page(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> LatentPage | None:
        """The parts of a payload with latents; None if it has none. Raises FormatError."""
        return None if PayloadKind.PLAIN.is_kind_of(payload) else LatentPage(payload, specs)

    def latents(self, page: LatentPage) -> NDArray[np.int16]:
        """The latents of a page, (rows, latents); raises FormatError."""
        return unpack_latents(self._model(page), page)

    def _model(self, page: LatentPage) -> AutoencoderModel:
        """The model of a page; raises CorruptFileError where that is not there, or not for such columns."""
        model = named(self.models, page.model)
        _check(model, page)
        return model


def _worth(streams: Mapping[int, bytes], low: Mapping[int, float], plain: Sequence[float]) -> set[int]:
    """The columns whose streams and low bits are smaller than what `classic` makes of them."""
    return {at for at, stream in streams.items() if len(stream) + low.get(at, 0.0) < plain[at]}


def _check(model: AutoencoderModel, page: LatentPage) -> None:
    """Raise CorruptFileError for a page that a model cannot be for."""
    for at, n in page.known.items():
        if n >= len(model.columns):
            raise CorruptFileError(f"column {n} of a model of {len(model.columns)}")
        column, spec = model.columns[n], page.specs[at]
        if column.values_per_row * page.rows != spec.length:
            raise CorruptFileError(
                f"{spec.length} values where the model has {column.values_per_row} in a row"
            )
        exact = (
            spec.dtype.kind == "f"
            and column.dropped_bits is not None
            and column.dropped_bits < 8 * spec.dtype.itemsize
        )
        if not exact and (column.dropped_bits is not None or spec.dtype.kind not in "uib"):
            dropped = "" if column.dropped_bits is None else f" without {column.dropped_bits} bits"
            raise CorruptFileError(f"an axis of {spec.dtype} symbols{dropped}")
        if page.streams[at] and model.residual != "bounded":
            raise CorruptFileError("streams of a model whose latents stand alone")
    if page.missed_rows and model.residual == "bounded":
        raise CorruptFileError("rows stored by themselves beside streams")
    if page.rows * model.latents > MAX_LATENT_VALUES:
        raise CorruptFileError(f"{page.rows} rows of {model.latents} latents")


def _plain(columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
    """The page without latents."""
    payload, shares = Classic().encode(columns, specs)
    return PayloadKind.PLAIN.prefix + payload, scale_shares(shares, 1 + len(payload))
