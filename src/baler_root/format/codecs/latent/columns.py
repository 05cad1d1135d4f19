"""Columns of a page to latents, streams and missed rows, and back.

`modelled` has the columns that the latents predict: the number in the model of each by its position in the
page.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.axis import QuantileAxis, symbols_at
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.conditional.model_streams import ROWS
from baler_root.format.codecs.latent.model import LATENT_LIMIT, AutoencoderModel, ResidualMode
from baler_root.format.codecs.latent.page import LatentPage, pack_rows
from baler_root.format.codecs.latent.split_floats import join_bits, low_dtype, split_bits
from baler_root.format.entropy.probability_tables import AXIS_BITS, OUTPUT_BITS

Symbols = NDArray[Any]


Places = NDArray[np.int64]
"""Places on the axis of a column."""


Latents = NDArray[np.int16]
"""(rows, latents)"""


LATENT = np.dtype(np.int16)


BLOCK_OUTPUTS = 1 << 23
"""Most outputs of the decoder in a block of rows; a block never has more rows than in `conditional`."""


def by_rows(values: Symbols, rows: int) -> Symbols:
    """View of the values of a column as (rows, values)."""
    return values.reshape(rows, -1)


def rows_of(model: AutoencoderModel, places: Mapping[int, Places]) -> int:
    """Number of rows of these columns."""
    number = min(places)
    return len(places[number]) // model.columns[number].values_per_row


def latents_of(model: AutoencoderModel, places: Mapping[int, Places]) -> Latents:
    """Latents of rows, (rows, latents), from places on the axes of the columns; the codes of missing columns
    are 0.
    """
    rows = rows_of(model, places)
    latents = np.empty((rows, model.latents), LATENT)
    for block in _blocks(model, rows):
        codes = np.zeros((block.stop - block.start, model.bounds[-1]), np.float32)
        for n, column_places in places.items():
            start, stop = model.bounds[n : n + 2]
            codes[:, start:stop] = model.columns[n].axis.codes[by_rows(column_places, rows)[block]]
        latents[block] = np.clip(model.encoder(codes), -LATENT_LIMIT, LATENT_LIMIT - 1)
    return latents


def pack_latents(model: AutoencoderModel, latents: Latents) -> bytes:
    """Latents as columns of a page, coded with their own model."""
    numbers = model.latent_numbers if model.latent_model else ()
    models = {model.latent_digest: model.latent_model} if model.latent_model else {}
    codec = ConditionalCodec(models, model.latent_digest, numbers, compare=True)
    specs = [SymbolSpec(LATENT, len(latents))] * model.latents
    payload, _ = codec.encode([np.ascontiguousarray(column) for column in latents.T], specs)
    return payload


def unpack_latents(model: AutoencoderModel, page: LatentPage) -> Latents:
    """Latents of a page; raises FormatError if they are not valid."""
    if PayloadKind.CONTEXT.is_kind_of(page.latents) or PayloadKind.MIXING.is_kind_of(page.latents):
        raise CorruptFileError("latents that depend on other pages")
    models = {model.latent_digest: model.latent_model} if model.latent_model else {}
    specs = [SymbolSpec(LATENT, page.rows)] * model.latents
    columns = ConditionalCodec(models).decode(page.latents, specs)
    latents = np.stack([columns[number] for number in range(model.latents)], axis=1)
    if not -LATENT_LIMIT <= latents.min() <= latents.max() < LATENT_LIMIT:
        raise CorruptFileError(f"latents from {latents.min()} to {latents.max()}")
    return latents


def _blocks(model: AutoencoderModel, rows: int) -> Iterator[slice]:
    """Blocks of rows that go through a network at once, so that memory does not grow with the cluster."""
    step = min(ROWS, BLOCK_OUTPUTS // model.decoder.outputs)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def _outputs(
    model: AutoencoderModel, latents: Latents, modelled: Mapping[int, int]
) -> Iterator[tuple[int, slice, NDArray[np.int32]]]:
    """For each block and position: the slice of values, and the outputs of the decoder, (values, 3 ×
    components).
    """
    for block in _blocks(model, len(latents)):
        outputs = model.decoder(latents[block])
        outputs = outputs.reshape(len(outputs), model.bounds[-1], -1)
        for position, n in modelled.items():
            start, stop = model.bounds[n : n + 2]
            part = np.ascontiguousarray(outputs[:, start:stop])
            values_per_row = stop - start
            yield (
                position,
                slice(block.start * values_per_row, block.stop * values_per_row),
                part.reshape(-1, part.shape[2]),
            )


def encode_streams(
    model: AutoencoderModel,
    latents: Latents,
    modelled: Mapping[int, int],
    places: Mapping[int, Places],
) -> dict[int, bytes]:
    """Stream of each column: blocks, each after its size."""
    from baler_root.format.entropy import rans_mixture as coder

    streams = {position: bytearray() for position in modelled}
    for position, values, outputs in _outputs(model, latents, modelled):
        n = modelled[position]
        words = coder.encode(places[n][values], model.columns[n].axis.edges, outputs)
        streams[position] += pack_varint(len(words)) + words
    return {position: bytes(stream) for position, stream in streams.items()}


def pack_missed(
    model: AutoencoderModel, latents: Latents, modelled: Mapping[int, int], places: Mapping[int, Places]
) -> bytes:
    """Rows that the latents do not reproduce, with the places of all their values."""
    wrong = np.zeros(len(latents), np.bool_)
    for position, values, predicted in point_predictions(model, latents, modelled):
        column = model.columns[modelled[position]]
        missed = predicted != places[modelled[position]][values]
        rows = slice(values.start // column.values_per_row, values.stop // column.values_per_row)
        wrong[rows] |= missed.reshape(-1, column.values_per_row).any(axis=1)
    (rows_missed,) = np.nonzero(wrong)
    exact = [by_rows(places[n], len(latents))[rows_missed].reshape(-1) for n in modelled.values()]
    return pack_rows(rows_missed, [values.astype(np.uint32) for values in exact])


def decode_columns(
    model: AutoencoderModel, page: LatentPage, modelled: Mapping[int, int]
) -> dict[int, Symbols]:
    """Symbols of these modelled columns, by position; raises FormatError if they are not valid."""
    from baler_root.format.entropy import rans_mixture as coder

    low = _unpack_low_bits(model, page, modelled)
    latents = unpack_latents(model, page)
    missed, exact = page.missed(modelled)
    streams = {position: Cursor(page.streams[position]) for position in modelled}
    columns = {
        position: np.empty(page.specs[position].length, page.specs[position].dtype) for position in modelled
    }
    for position, values, outputs in _outputs(model, latents, modelled):
        column = model.columns[modelled[position]]
        if model.residual is ResidualMode.BOUNDED:
            words = streams[position].take(streams[position].varint())
            places = coder.decode(words, column.axis.edges, outputs)
        else:
            places = point_prediction(column.axis, outputs)
            start, stop = values.start // column.values_per_row, values.stop // column.values_per_row
            missed_rows = slice(*np.searchsorted(missed, (start, stop)))
            by_rows(places, stop - start)[missed[missed_rows] - start] = exact[position].reshape(
                -1, column.values_per_row
            )[missed_rows]
            if int(places.max()) >= column.axis.length:
                raise CorruptFileError(f"place {places.max()} of an axis of {column.axis.length}")
        bits = low[position][values] if position in low else None
        columns[position][values] = _symbols(column, places, bits, columns[position].dtype)
    for stream in streams.values():
        stream.finish("the last block")
    return columns


def point_predictions(
    model: AutoencoderModel, latents: Latents, modelled: Mapping[int, int]
) -> Iterator[tuple[int, slice, Places]]:
    """For each block and position: the slice of values, and their places as predicted by the latents
    alone.
    """
    for position, values, outputs in _outputs(model, latents, modelled):
        yield position, values, point_prediction(model.columns[modelled[position]].axis, outputs)


def point_prediction(axis: QuantileAxis, outputs: NDArray[np.int32]) -> Places:
    """Point predictions: the places that contain the mean of the heaviest component."""
    components = outputs.shape[1] // 3
    heaviest = outputs[:, :components].argmax(axis=1)
    means = np.take_along_axis(outputs[:, components : 2 * components], heaviest[:, None], axis=1)[:, 0]
    places = np.searchsorted(axis.edges, means.astype(np.int64) << AXIS_BITS - OUTPUT_BITS, side="right") - 1
    return np.asarray(np.clip(places, 0, axis.length - 1))


def split_symbols(column: ModelColumn, symbols: Symbols) -> tuple[Places, bool, Symbols | None]:
    """Places on the axis of a column, whether all symbols are on the axis, and the low bits of exact
    floats.
    """
    low = None
    if column.dropped_bits is not None:
        symbols, low = split_bits(symbols, column.dropped_bits)
    places = column.axis.places(symbols)
    return places, np.array_equal(places + column.axis.low, symbols), low


def _symbols(column: ModelColumn, places: Places, low: Symbols | None, dtype: np.dtype[Any]) -> Symbols:
    """Symbols of a column; raises CorruptFileError if they do not fit its type."""
    if column.dropped_bits is None or low is None:
        return symbols_at(places, column.axis.low, dtype)
    return join_bits(symbols_at(places, column.axis.low, np.dtype(np.int64)), low, dtype, column.dropped_bits)


def pack_low_bits(low: Mapping[int, Symbols | None]) -> tuple[bytes, dict[int, float]]:
    """Low bits of exact floats, and the share of each column in the bytes; empty without exact floats."""
    present = {position: bits for position, bits in low.items() if bits is not None}
    if not present:
        return b"", {}
    specs = [SymbolSpec(bits.dtype, len(bits)) for bits in present.values()]
    payload, shares = Classic().encode(list(present.values()), specs)
    return payload, dict(zip(present, shares, strict=True))


def _unpack_low_bits(
    model: AutoencoderModel, page: LatentPage, positions: Container[int]
) -> dict[int, Symbols]:
    """Low bits of the columns with exact floats among those at `positions`, by position."""
    dropped = [
        (position, dropped_bits)
        for position, n in page.numbers.items()
        if (dropped_bits := model.columns[n].dropped_bits) is not None
    ]
    if not dropped and not page.low_bits:
        return {}
    specs = [
        SymbolSpec(low_dtype(dropped_bits), page.specs[position].length) for position, dropped_bits in dropped
    ]
    indices = [index for index, (position, _) in enumerate(dropped) if position in positions]
    columns = Classic().decode(page.low_bits, specs, indices)
    return {dropped[index][0]: bits for index, bits in columns.items()}
