"""Model of an autoencoder: axes of the columns, an encoder and a decoder of integers
(formats/codecs.md#autoencoder-models).

The encoder computes latents from the codes of a row; the decoder predicts a mixture for each value from the
latents. The latents themselves are coded with a conditional model of which they are the columns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import BalerError, CorruptFileError
from baler_root.format.binary.bounded_json import integer, load_json
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.model import Model, ModelColumn
from baler_root.format.codecs.latent.outlier_rows import MAX_CENTRES, OutlierDetector
from baler_root.format.codecs.model_arrays import (
    MAX_COLUMNS,
    MAX_MODEL_LENGTH,
    ArrayReader,
    axis_arrays,
    axis_from_arrays,
    check_places,
    count,
    joined,
)
from baler_root.format.limits import MAX_COMPONENTS, MAX_MANIFEST_LENGTH, MAX_WEIGHTS
from baler_root.format.networks.operations import MAX_SIZE
from baler_root.format.networks.program import Program

FORMAT = "baler-root autoencoder model 1"


LATENT_LIMIT = 1 << 11
"""Latents have 12 bits: from minus this to below this."""


MAX_LATENTS = 1 << 8
"""Most latents of a row."""


class ResidualMode(StrEnum):
    """Data that are stored besides latents, so that every value comes back within its bound."""

    BOUNDED = "bounded"
    """A stream for each column: its values within the error bounds, given the latents."""
    LOSSLESS = "lossless"
    """The streams of `bounded`; branches that no rule names keep every bit."""
    NONE = "none"
    """No streams; rows that the latents do not reproduce within the error bounds are stored whole."""

    @property
    def in_model(self) -> ResidualMode:
        """The residual as a model stores it: lossless columns are a matter of bounds, not of the model."""
        return ResidualMode.NONE if self is ResidualMode.NONE else ResidualMode.BOUNDED


@dataclass(frozen=True, eq=False)
class AutoencoderModel:
    """Autoencoder of the columns of one table."""

    codec: str
    """Id of its codec."""
    columns: tuple[ModelColumn, ...]
    """Columns of the table in the order of the encoder's inputs, each with an axis only."""
    encoder: Program
    """Network from codes of the columns to latents."""
    decoder: Program
    """Network from latents to the mixture of each value of a row, (values, 3 × components)."""
    components: int
    """Components of each mixture."""
    residual: ResidualMode
    """`BOUNDED` or `NONE`."""
    coding: bytes
    """Model whose columns are latents, as bytes; empty if it would not pay."""
    latent_numbers: tuple[int | None, ...]
    """Number of each latent in that model; None for latents that `classic` codes."""
    training_record: dict[str, Any]
    """Notes on the training, for users."""
    outlier_detector: OutlierDetector | None = None
    """Detector of the rows that are stored exactly because their latents are far from all others."""

    def __post_init__(self) -> None:
        if not 1 <= self.latents <= MAX_LATENTS or not 1 <= self.components <= MAX_COMPONENTS:
            raise CorruptFileError(f"{self.latents} latents, {self.components} components")
        if self.decoder.inputs != self.latents or len(self.latent_numbers) != self.latents:
            raise CorruptFileError("an encoder and a decoder of different latents")
        width = self.bounds[-1]
        if self.encoder.inputs != width or self.decoder.outputs != 3 * self.components * width:
            raise CorruptFileError("networks that do not fit the columns")
        numbers = [number for number in self.latent_numbers if number is not None]
        columns = len(self.latent_model.columns) if self.latent_model else 0
        if len(set(numbers)) < len(numbers) or max(numbers, default=-1) >= columns:
            raise CorruptFileError(f"latents that are not each one of the {columns} columns of their model")

    @cached_property
    def bounds(self) -> list[int]:
        """Index among the values of a row at which each column begins, and the end."""
        return [0, *accumulate(column.values_per_row for column in self.columns)]

    @property
    def latents(self) -> int:
        """Number of latents of a row."""
        return self.encoder.outputs

    @cached_property
    def latent_model(self) -> Model | None:
        """Model of the latents; None without one."""
        return Model.from_bytes(self.coding) if self.coding else None

    @cached_property
    def latent_digest(self) -> bytes:
        """SHA-256 of the model of the latents."""
        return hashlib.sha256(self.coding).digest()

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads; equal models have equal bytes."""
        arrays: list[NDArray[Any]] = [a for column in self.columns for a in axis_arrays(column.axis)]
        for program in (self.encoder, self.decoder):
            weights, biases = program.arrays()
            arrays += [joined(weights, np.int8), joined(biases, np.int32)]
        document = {
            "format": FORMAT,
            "about": self.training_record,
            "codec": self.codec,
            "columns": [_column_to_json(column) for column in self.columns],
            "latents": list(self.latent_numbers),
            "encoder": self.encoder.to_json(),
            "decoder": self.decoder.to_json(),
            "components": self.components,
            "residual": self.residual,
        }
        if self.outlier_detector is not None:
            document["clusters"] = len(self.outlier_detector.centres)
            arrays.append(self.outlier_detector.to_array())
        document["lengths"] = [len(array) for array in arrays]
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
        quantisers = b"".join(column.quantiser for column in self.columns)
        payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
        return pack_bytes(text) + pack_bytes(quantisers) + pack_bytes(self.coding) + payload

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> AutoencoderModel:
        """The model in these bytes; raises CorruptFileError if they are not a model."""
        cursor = Cursor(memoryview(data))
        try:
            document = load_json(unpack_bytes(cursor, MAX_MANIFEST_LENGTH))
            quantisers = Cursor(unpack_bytes(cursor, MAX_MODEL_LENGTH))
            coding = bytes(unpack_bytes(cursor, MAX_MODEL_LENGTH))
            if document["format"] != FORMAT:
                raise CorruptFileError(f"a model of the format {document['format']!r}, not {FORMAT!r}")
            return _model(document, quantisers, coding, cursor.rest())
        except BalerError as error:
            raise CorruptFileError(f"the model is not valid: {error}") from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
            raise CorruptFileError(f"the model is not valid ({type(error).__name__}: {error})") from None


def _column_to_json(column: ModelColumn) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "low": column.axis.low, "recipe": len(column.quantiser)}
    if column.dropped_bits is not None:
        entry["drop"] = column.dropped_bits
    if column.values_per_row != 1:
        entry["each"] = column.values_per_row
    return entry


def _model(
    document: dict[str, Any], quantisers: Cursor, coding: bytes, payload: memoryview
) -> AutoencoderModel:
    lengths = [count(length, MAX_MODEL_LENGTH) for length in document["lengths"]]
    described = document["columns"]
    dtypes: list[Any] = [*[np.uint32] * (2 * len(described)), *[np.int8, np.int32] * 2]
    if "clusters" in document:
        dtypes.append(np.float32)
    if len(lengths) != len(dtypes) or sum(lengths) > MAX_MODEL_LENGTH or len(described) > MAX_COLUMNS:
        raise CorruptFileError("its arrays are too many, too few or too long")
    start = 2 * len(described)
    if max(lengths[start], lengths[start + 2]) > MAX_WEIGHTS:
        raise CorruptFileError(f"networks of {lengths[start]} and {lengths[start + 2]} weights")
    specs = [SymbolSpec(np.dtype(dtype), length) for dtype, length in zip(dtypes, lengths, strict=True)]
    arrays = Classic().decode(payload, specs)
    columns = []
    for number, entry in enumerate(described):
        axis = axis_from_arrays(entry["low"], arrays[2 * number], arrays[2 * number + 1])
        quantiser = bytes(quantisers.take(count(entry["recipe"], 1 << 24)))
        dropped_bits = count(entry["drop"], 63) if "drop" in entry else None
        values_per_row = count(entry.get("each", 1), MAX_SIZE)
        if not values_per_row:
            raise CorruptFileError("a column without values")
        columns.append(
            ModelColumn(
                str(entry["name"]),
                quantiser,
                axis,
                None,
                dropped_bits=dropped_bits,
                values_per_row=values_per_row,
            )
        )
    check_places(column.axis for column in columns)
    quantisers.finish("the recipes")
    latent_numbers = tuple(None if n is None else count(n, MAX_LATENTS) for n in document["latents"])
    values = sum(column.values_per_row for column in columns)
    encoder = _program(document["encoder"], values, CODE_LIMIT, arrays[start], arrays[start + 1])
    decoder = _program(
        document["decoder"], len(latent_numbers), LATENT_LIMIT, arrays[start + 2], arrays[start + 3]
    )
    outlier_detector = None
    if "clusters" in document:
        outlier_detector = OutlierDetector.from_array(
            arrays[start + 4], count(document["clusters"], MAX_CENTRES), len(latent_numbers)
        )
    return AutoencoderModel(
        str(document["codec"]),
        tuple(columns),
        encoder,
        decoder,
        integer(document["components"]),
        _residual(document["residual"]),
        coding,
        latent_numbers,
        dict(document["about"]),
        outlier_detector,
    )


def _residual(name: Any) -> ResidualMode:
    """The residual of this name; raises CorruptFileError if no model has it."""
    if name not in (ResidualMode.NONE, ResidualMode.BOUNDED):
        raise CorruptFileError(f"a residual of the kind {name!r}")
    return ResidualMode(name)


def _program(
    operations: Any, inputs: int, limit: int, weights: NDArray[Any], biases: NDArray[Any]
) -> Program:
    """Network whose input codes are from `-limit` to below `limit`; raises CorruptFileError if it is not
    valid.
    """
    readers = ArrayReader(weights), ArrayReader(biases)
    program = Program.from_json(operations, inputs, -limit, limit - 1, *(reader.take for reader in readers))
    for reader in readers:
        reader.finish()
    return program
