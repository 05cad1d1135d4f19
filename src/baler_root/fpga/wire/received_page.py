"""Received events as a page of latents: an ordinary page, whose values are decoded from the latents alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.builtin import AutoencoderCodec
from baler_root.format.codecs.latent.columns import LATENT, pack_latents, pack_low_bits
from baler_root.format.codecs.latent.model import AutoencoderModel, ResidualMode
from baler_root.format.codecs.latent.page import pack_latent_page, pack_rows
from baler_root.format.codecs.latent.split_floats import low_dtype
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.page import join_page
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
        without_residual = link.model.residual is ResidualMode.NONE
        self.data = (
            link.stored.data
            if without_residual
            else replace(link.model, residual=ResidualMode.NONE).to_bytes()
        )
        """Bytes of the model in the file."""
        self.model = AutoencoderModel.from_bytes(self.data)
        self.name = sha256(self.data).digest()
        self.codec = AutoencoderCodec({self.name: self.model}, self.name, range(len(self.model.columns)))
        """Codec that decodes the pages."""

    def pack(self, rows: ReceivedRows) -> tuple[bytes, list[float]]:
        """A page of these rows, and each column's share of its size [bytes]."""
        columns = self.model.columns
        encodings = [_encoding(column, len(rows.latents)) for column in columns]
        payload = self._pack_latents(rows)
        return join_page(encodings, payload, [len(payload) / len(columns)] * len(columns))

    def _pack_latents(self, rows: ReceivedRows) -> bytes:
        """The codec's payload: latents, and the places of rows sent raw, stored as rows that latents miss."""
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


def _encoding(column: ModelColumn, rows: int) -> QuantisedEncoding:
    """The encoding of a column in a page of `rows` rows, without outliers."""
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    exact = quantiser.kind == "exact"
    dtype = quantiser.dtype if exact else np.min_scalar_type(quantiser.span - 1)
    count = column.values_per_row  # a model stores no other shape
    shape = () if count == 1 else (count,)
    return QuantisedEncoding(rows * count, quantiser, dtype, Outliers.none(quantiser.dtype), shape)
