"""Received rows as a page with latents: an ordinary one, whose values are what the latents alone say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.codecs.latent.columns import LATENT, pack_latents, pack_low_bits
from baler_root.format.codecs.latent.model import AutoencoderModel
from baler_root.format.codecs.latent.page import pack_latent_page, pack_rows
from baler_root.format.codecs.latent.split_floats import low_dtype
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.encodings.quantized import Quantised
from baler_root.format.page import Cell
from baler_root.fpga.inputs import Input
from baler_root.fpga.link import Link

Codes = NDArray[np.int64]
"""(rows, inputs)"""


class LatentRows:
    """Makes pages of what comes over a wire, of all columns of a model."""

    def __init__(self, link: Link) -> None:
        self._link = link
        # Nothing came of what the latents do not say: the model is used, and named, as one without a residual.
        alone = link.model.residual == "none"
        self.data = link.stored.data if alone else replace(link.model, residual="none").to_bytes()
        self.model = AutoencoderModel.from_bytes(self.data)
        """As the file has it."""
        self.name = sha256(self.data).digest()
        self._quantisers = [_quantiser(column) for column in self.model.columns]

    def codec(self, latents: Codes, raw: NDArray[np.int64], codes: Codes) -> _GivenRows:
        """What encodes a page of these latents (rows, latents), of which the rows `raw` came as input codes."""
        own = latents.astype(LATENT)
        own[raw] = self._link.latents(codes)
        return _GivenRows(self.name, self.model, own, raw, codes, self._link.definition.inputs)

    def cells(self, rows: int) -> list[Cell]:
        """The columns of a page of so many rows; the codec has their symbols."""
        out = []
        for (quantiser, dtype), column in zip(self._quantisers, self.model.columns, strict=True):
            nothing = np.zeros(0, np.int64)
            quantised = Quantised(np.zeros(0, dtype), quantiser, nothing, nothing.astype(quantiser.dtype))
            out.append(Cell(rows * column.values_per_row, quantised, shape=shape_of(column)))
        return out


class _GivenRows(AutoencoderCodec):
    """Encodes one page, of rows whose latents are known already."""

    def __init__(
        self,
        name: bytes,
        model: AutoencoderModel,
        latents: NDArray[np.int16],
        raw: NDArray[np.int64],
        codes: Codes,
        inputs: Sequence[Input],
    ) -> None:
        super().__init__({name: model}, name, range(len(model.columns)))
        self.given = latents
        self._raw, self._codes, self._inputs = raw, codes, inputs

    def encode(self, columns: Sequence[Any], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:  # noqa: ARG002
        """See `Codec.encode`; the columns are only those of the model, and their symbols are not looked at."""
        model = self.models[self.model]
        places = []
        low: dict[int, NDArray[Any] | None] = {}
        for number, column in enumerate(model.columns):
            own = self._codes[:, slice(*model.bounds[number : number + 2])].reshape(-1)
            places.append(self._inputs[number].place_of(own, column.axis).astype(np.uint32))
            if column.dropped_bits is not None:  # in the middle of what the symbol leaves open
                middle = (1 << column.dropped_bits) >> 1
                low[number] = np.full(
                    len(self.given) * column.values_per_row, middle, low_dtype(column.dropped_bits)
                )
        rest, _ = Classic().encode([], [])
        payload = pack_latent_page(
            self.model,
            len(self.given),
            [(number, b"") for number in range(len(columns))],
            (pack_latents(model, self.given), b"", pack_rows(self._raw, places), pack_low_bits(low)[0], rest),
        )
        return payload, [len(payload) / len(columns)] * len(columns)


def shape_of(column: ModelColumn) -> tuple[int, ...]:
    """Of the arrays of a column: a model knows only how many values they have."""
    return () if column.values_per_row == 1 else (column.values_per_row,)


def _quantiser(column: ModelColumn) -> tuple[Quantiser, np.dtype[Any]]:
    """How a column's symbols become values, and their type."""
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    return quantiser, quantiser.dtype if quantiser.kind == "exact" else np.min_scalar_type(quantiser.span - 1)
