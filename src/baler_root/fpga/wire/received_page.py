"""Received events as a page of latents: an ordinary page, whose values are decoded from the latents alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.page import EncodedColumn
from baler_root.fpga.link import Link

Codes = NDArray[np.int64]
"""(rows, inputs)"""


@dataclass(frozen=True, slots=True, eq=False)
class ReceivedRows:
    """Rows as they arrived: latents, and input codes of those that were sent raw."""

    latents: Codes
    """(rows, latents); the rows in `raw` are not used."""
    raw: NDArray[np.int64]
    """Indices of the rows that were sent raw."""
    codes: Codes
    """(raw rows, inputs)"""


class ReceivedPages:
    """Makes pages of received rows, with all columns of a model."""

    def __init__(self, link: Link) -> None:
        self._link = link
        # No residual was sent, so the file stores the model, and names it, as one without a residual.
        without_residual = link.model.residual == "none"
        self.data = link.stored.data if without_residual else replace(link.model, residual="none").to_bytes()
        """Bytes of the model in the file."""
        self.model = AutoencoderModel.from_bytes(self.data)
        self.name = sha256(self.data).digest()
        self._quantisers = [_quantiser(column) for column in self.model.columns]

    def codec(self, rows: ReceivedRows) -> AutoencoderCodec:
        """A codec that encodes one page, with these rows."""
        return _ReceivedPageCodec(self.name, self.model, self._pack(rows))

    def columns(self, count: int) -> list[EncodedColumn]:
        """The columns of a page of `count` rows; their symbols are empty, since the codec has them."""
        columns = []
        for (quantiser, dtype), column in zip(self._quantisers, self.model.columns, strict=True):
            length, outliers = count * column.values_per_row, Outliers.none(quantiser.dtype)
            encoding = QuantisedEncoding(length, quantiser, dtype, outliers, shape_of(column))
            columns.append(EncodedColumn(encoding, np.zeros(0, dtype)))
        return columns

    def _pack(self, rows: ReceivedRows) -> bytes:
        """The codec's payload of a page: latents, and the places of raw rows as those that the latents miss."""
        model = self.model
        latents = rows.latents.astype(LATENT)
        latents[rows.raw] = self._link.latents(rows.codes)
        places = []
        low: dict[int, NDArray[Any] | None] = {}
        for number, (entry, column) in enumerate(
            zip(self._link.definition.inputs, model.columns, strict=True)
        ):
            codes = rows.codes[:, slice(*model.bounds[number : number + 2])].reshape(-1)
            places.append(entry.place_of_code(codes, column.axis).astype(np.uint32))
            if column.dropped_bits is not None:  # the middle of the interval that a symbol stands for
                middle = (1 << column.dropped_bits) >> 1
                low[number] = np.full(
                    len(latents) * column.values_per_row, middle, low_dtype(column.dropped_bits)
                )
        rest, _ = Classic().encode([], [])
        return pack_latent_page(
            self.name,
            len(latents),
            [(number, b"") for number in range(len(model.columns))],
            (pack_latents(model, latents), b"", pack_rows(rows.raw, places), pack_low_bits(low)[0], rest),
        )


class _ReceivedPageCodec(AutoencoderCodec):
    """Codec of one page whose payload is packed already; it decodes as its base class does."""

    def __init__(self, name: bytes, model: AutoencoderModel, payload: bytes) -> None:
        super().__init__({name: model}, name, range(len(model.columns)))
        self._payload = payload

    def encode(self, columns: Sequence[Any], specs: Sequence[SymbolSpec]) -> tuple[bytes, list[float]]:  # noqa: ARG002
        """The packed payload; the columns' symbols are empty and not used."""
        return self._payload, [len(self._payload) / len(columns)] * len(columns)


def shape_of(column: ModelColumn) -> tuple[int, ...]:
    """Shape of a column's rows, flattened: a model stores only the number of values."""
    return () if column.values_per_row == 1 else (column.values_per_row,)


def _quantiser(column: ModelColumn) -> tuple[Quantiser, np.dtype[Any]]:
    """A column's quantiser, and the type of its symbols."""
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    return quantiser, quantiser.dtype if quantiser.kind == "exact" else np.min_scalar_type(quantiser.span - 1)
