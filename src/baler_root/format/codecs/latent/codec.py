"""Codecs that store latents: a few integers per row, from which a decoder predicts the columns of the row.

    row --encoder--> latents --decoder--> mixture of each value --entropy coder--> residual

The residual is a stream for each column, coded with the mixtures, or the rows that the latents alone do not
reproduce. Either way every symbol comes back. The codecs differ only in the networks that are trained
(formats/codecs.md#autoencoder).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.base import OpenedPayload, PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.page_encoder import scale_shares
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
from baler_root.format.codecs.latent.model import AutoencoderModel, ResidualMode
from baler_root.format.codecs.latent.page import LatentPage, pack_latent_page, pack_rows
from baler_root.format.codecs.lazy_models import LazyModels, model_by_digest_prefix
from baler_root.format.limits import MAX_LATENT_PRODUCTS

Symbols = NDArray[Any]


Rows = NDArray[np.integer]


MAX_LATENT_VALUES = 1 << 27
"""Most latents of a page, rows times latents per row: as many as a page may have bytes."""


class LatentCodec:
    """Codes the columns of an autoencoder, and all others with `classic`. A subclass names the networks to
    train.
    """

    id: ClassVar[str]
    """Name of the codec in files."""
    network: ClassVar[str]
    """`module:name` of a function or class that makes a `baler_root.training.torch.autoencoder.Autoencoder`.

    It is imported only for training.
    """
    firmware: ClassVar[bool] = False
    """Whether the networks follow the `hardware` of an `AutoencoderShape`, so that the encoder can be
    firmware.
    """
    grids: ClassVar[bool] = False
    """Whether the codec is for single columns of two-dimensional arrays, not for tables of numbers."""

    def __init__(
        self,
        models: Mapping[bytes, AutoencoderModel] | None = None,
        model: bytes = b"",
        numbers: Sequence[int | None] = (),
        outlier_rows: tuple[Rows, Symbols] | None = None,
        compare: bool = False,
    ) -> None:
        """`models` by SHA-256. To encode: the digest of the `model` to use, in `numbers` the number in the
        model of each column of the page, and the outlier rows with their scores.

        With `compare`, columns whose streams are larger than in `classic` are coded by it, and so is a whole
        page.
        """
        self.models = {} if models is None else models
        self.model, self.numbers, self.outlier_rows = model, tuple(numbers), outlier_rows
        self.compare = compare

    def with_models(self, models: Mapping[bytes, bytes]) -> Self:
        """See `ModelCodec.with_models`."""
        return type(self)(LazyModels(models, AutoencoderModel.from_bytes))

    def find_outlier_rows(
        self, columns: Sequence[Symbols]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int] | None:
        """Outlier rows of the page, which are unlike those of the training, their scores, and the number of
        all rows.

        None if the model has no outlier detector.
        """
        positions = self._positions()
        outlier_detector = self.models[self.model].outlier_detector if positions else None
        if outlier_detector is None:
            return None
        model = self.models[self.model]
        places = {
            n: split_symbols(model.columns[n], columns[position])[0] for n, position in positions.items()
        }
        scores = outlier_detector.scores(latents_of(model, places))
        rows = np.flatnonzero(scores > outlier_detector.threshold)
        return rows, scores[rows], len(scores)

    def with_outlier_rows(self, rows: Rows, scores: Symbols) -> Self:
        """A codec for a page with these outlier rows."""
        return type(self)(self.models, self.model, self.numbers, (rows, scores), self.compare)

    def _positions(self) -> dict[int, int]:
        """Position in the page of each column of the model, when encoding."""
        return {number: position for position, number in enumerate(self.numbers) if number is not None}

    def encode(self, columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
        """See `Codec.encode`."""
        positions = self._positions()
        if not positions or not specs[min(positions.values())].length:
            return _without_latents(columns, specs)
        model = self.models[self.model]
        parts = {n: split_symbols(model.columns[n], columns[position]) for n, position in positions.items()}
        places = {n: part[0] for n, part in parts.items()}
        # Columns with symbols outside their axis are not modelled, but remain inputs of the encoder.
        modelled = {position: n for n, position in positions.items() if parts[n][1]}
        rows = rows_of(model, places)
        if not modelled or not _is_feasible(model, rows):
            return _without_latents(columns, specs)
        latents = latents_of(model, places)
        streams: dict[int, bytes] = {}
        missed = b""
        compare = self.compare and model.residual is ResidualMode.BOUNDED
        classic_payload, classic_shares = _without_latents(columns, specs) if compare else (b"", [])
        low, low_shares = pack_low_bits({position: parts[n][2] for position, n in modelled.items()})
        if model.residual is ResidualMode.BOUNDED:
            streams = encode_streams(model, latents, modelled, places)
        else:
            missed = pack_missed(model, latents, modelled, places)
        if compare and 0 < len(paying := _paying(streams, low_shares, classic_shares)) < len(modelled):
            modelled = {position: n for position, n in modelled.items() if position in paying}
            streams = {position: streams[position] for position in modelled}
            low, low_shares = pack_low_bits({position: parts[n][2] for position, n in modelled.items()})
        rest_positions = [position for position in range(len(columns)) if position not in modelled]
        rest, shares = Classic().encode(
            [columns[position] for position in rest_positions],
            [specs[position] for position in rest_positions],
        )
        packed = pack_latents(model, latents)
        outlier_rows = (
            b"" if self.outlier_rows is None else pack_rows(self.outlier_rows[0], [self.outlier_rows[1]])
        )
        payload = pack_latent_page(
            self.model,
            rows,
            [
                (modelled[position], streams.get(position, b"")) if position in modelled else None
                for position in range(len(columns))
            ],
            (packed, outlier_rows, missed, low, rest),
        )
        if compare and not outlier_rows and len(payload) > len(classic_payload):
            return classic_payload, classic_shares
        sizes = dict(zip(rest_positions, shares, strict=True))
        shared = (len(packed) + len(missed)) / len(modelled)
        for position in modelled:
            sizes[position] = len(streams.get(position, b"")) + low_shares.get(position, 0.0) + shared
        return payload, scale_shares([sizes[position] for position in range(len(columns))], len(payload))

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, Symbols]:
        """See `Codec.decode`; latents are decoded if any wanted column is modelled."""
        if PayloadKind.PLAIN.is_kind_of(payload):
            return Classic().decode(payload[1:], specs, positions)
        page = LatentPage(payload, specs)
        selected = set(range(len(specs)) if positions is None else positions)
        modelled = {position: n for position, n in page.numbers.items() if position in selected}
        columns = decode_columns(self._model(page), page, modelled) if modelled else {}
        rest_positions = [position for position in range(len(specs)) if position not in page.numbers]
        rest_indices = [index for index, position in enumerate(rest_positions) if position in selected]
        rest_columns = Classic().decode(
            page.rest, [specs[position] for position in rest_positions], rest_indices
        )
        return columns | {rest_positions[index]: symbols for index, symbols in rest_columns.items()}

    def open_payload(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> OpenedPayload | None:
        """See `OpeningCodec.open_payload`; the columns of a model share its latents."""
        return Classic().open_payload(payload[1:], specs) if PayloadKind.PLAIN.is_kind_of(payload) else None

    def latent_page(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> LatentPage | None:
        """The parts of a payload with latents; None if it has none. Raises FormatError."""
        return None if PayloadKind.PLAIN.is_kind_of(payload) else LatentPage(payload, specs)

    def latents(self, page: LatentPage) -> NDArray[np.int16]:
        """The latents of a page, (rows, latents); raises FormatError."""
        return unpack_latents(self._model(page), page)

    def _model(self, page: LatentPage) -> AutoencoderModel:
        """The model of a page; raises CorruptFileError if it is missing, or does not fit the columns."""
        model = model_by_digest_prefix(self.models, page.model)
        _check(model, page)
        return model


def _paying(
    streams: Mapping[int, bytes], low: Mapping[int, float], classic_shares: Sequence[float]
) -> set[int]:
    """Columns whose streams and low bits are smaller than in `classic`."""
    return {
        position
        for position, stream in streams.items()
        if len(stream) + low.get(position, 0.0) < classic_shares[position]
    }


def _check(model: AutoencoderModel, page: LatentPage) -> None:
    """Raise CorruptFileError if a page does not fit its model."""
    for position, n in page.numbers.items():
        if n >= len(model.columns):
            raise CorruptFileError(f"column {n} of a model of {len(model.columns)}")
        column, spec = model.columns[n], page.specs[position]
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
        if page.streams[position] and model.residual is not ResidualMode.BOUNDED:
            raise CorruptFileError("streams of a model whose latents stand alone")
    if page.missed_rows and model.residual is ResidualMode.BOUNDED:
        raise CorruptFileError("rows stored by themselves beside streams")
    if not _is_feasible(model, page.rows):
        products = model.decoder.products
        raise CorruptFileError(f"{page.rows} rows of {model.latents} latents and {products} products each")


def _is_feasible(model: AutoencoderModel, rows: int) -> bool:
    """Whether a page of this many rows is within the limits of latents and products."""
    return rows * model.latents <= MAX_LATENT_VALUES and rows * model.decoder.products <= MAX_LATENT_PRODUCTS


def _without_latents(columns: Sequence[Symbols], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:
    """Payload without latents, coded by `classic`."""
    payload, shares = Classic().encode(columns, specs)
    return PayloadKind.PLAIN.prefix + payload, scale_shares(shares, 1 + len(payload))
