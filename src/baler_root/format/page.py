"""A page: some columns of one cluster, coded together (formats/pages.md).

A page holds a directory and the symbols. The directory has the encoding of each column, which turns the
column's symbols into values; the codec turns the symbols of all columns into bytes. A page is the unit of
reading and of checksums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from baler_root._types import Values
from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.codecs.base import (
    Codec,
    OpenedPayload,
    SymbolSpec,
    is_context_codec,
    is_incremental_codec,
    is_opening_codec,
)
from baler_root.format.codecs.latent.codec import LatentCodec
from baler_root.format.codecs.latent.page import LatentPage
from baler_root.format.columns.form_columns import Column
from baler_root.format.encodings.base import ColumnEncoding
from baler_root.format.encodings.column_record import pack_entry, read_entry
from baler_root.format.encodings.predicted import PredictedEncoding
from baler_root.format.encodings.quantised import Quantised, QuantisedEncoding
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.limits import MAX_PAGE_LENGTH

OPENED_LENGTH = 1 << 20
"""Most decoded bytes of a page whose payload stays opened: thousands of small columns are then found once."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedColumn:
    """One column of one cluster, ready for a page."""

    encoding: ColumnEncoding
    symbols: Values | None = None
    """The column's symbols; None if the encoding has none."""

    @classmethod
    def of(cls, quantised: Quantised, shape: tuple[int, ...] = ()) -> Self:
        """A quantised column whose rows have this shape."""
        return cls(QuantisedEncoding.of(quantised, shape), quantised.symbols)

    @property
    def quantised(self) -> Quantised | None:
        """Symbols, quantiser and outliers of a quantised column, and the steps of a predicted one as exact
        integers; None for any other encoding."""
        if isinstance(self.encoding, PredictedEncoding) and self.symbols is not None:
            exact = Quantiser("exact", self.symbols.dtype)
            return Quantised(self.symbols, exact, np.zeros(0, np.int64), self.symbols[:0])
        if not isinstance(self.encoding, QuantisedEncoding) or self.symbols is None:
            return None
        outliers = self.encoding.outliers
        return Quantised(self.symbols, self.encoding.quantiser, outliers.positions, outliers.values)


def pack_page(codec: Codec, columns: Sequence[EncodedColumn]) -> tuple[bytes, list[float]]:
    """The payload of the page with these columns, and each column's share of its size in bytes."""
    encodings = [column.encoding for column in columns]
    specs = [_spec(encoding) for encoding in encodings]
    payload, shares = codec.encode(
        [column.symbols for column in columns if column.symbols is not None],
        [spec for spec in specs if spec is not None],
    )
    return join_page(encodings, payload, shares)


def join_page(
    encodings: Sequence[ColumnEncoding], payload: bytes, shares: Sequence[float]
) -> tuple[bytes, list[float]]:
    """The page of a codec's `payload`, and each column's share of its size in bytes.

    `shares` has the codec's bytes for each column that has symbols.
    """
    entries = [pack_entry(encoding) for encoding in encodings]
    directory = pack_bytes(b"".join(entries))
    per_byte = len(directory) / max(1, sum(map(len, entries)))
    coded = iter(shares)
    sizes = [
        len(entry) * per_byte + (0.0 if encoding.symbol_dtype is None else next(coded))
        for entry, encoding in zip(entries, encodings, strict=True)
    ]
    return directory + payload, sizes


def _spec(encoding: ColumnEncoding) -> SymbolSpec | None:
    """Type, length and shape of a column's symbols; None if it has none."""
    dtype = encoding.symbol_dtype
    return None if dtype is None else SymbolSpec(dtype, encoding.length, encoding.symbol_shape)


class Page:
    """A page's payload, opened: its directory is read at once, its columns are decoded on demand."""

    def __init__(self, payload: memoryview, columns: Sequence[Column]) -> None:
        """Read the directory of a page with these `columns`; raises FormatError if they do not fit the
        payload."""
        cursor = Cursor(payload)
        directory = Cursor(unpack_bytes(cursor, MAX_PAGE_LENGTH))
        self.encodings = [read_entry(directory, column) for column in columns]
        """Encoding of each column."""
        directory.finish("the page directory")
        self._columns = list(columns)
        self._specs = [_spec(encoding) for encoding in self.encodings]
        self._coded_specs = [spec for spec in self._specs if spec is not None]
        self._positions = [position for position, spec in enumerate(self._specs) if spec is not None]
        self._indices = {position: index for index, position in enumerate(self._positions)}
        length = sum(
            encoding.length * max(spec.dtype.itemsize if spec else 0, column.dtype.itemsize)
            for encoding, spec, column in zip(self.encodings, self._specs, columns, strict=True)
        )
        if length > MAX_PAGE_LENGTH:
            raise CorruptFileError(f"a page claims to hold more than {MAX_PAGE_LENGTH} bytes")
        self.coded = cursor.rest()
        """Payload of the codec."""
        self._is_small = length <= OPENED_LENGTH
        self._opened: OpenedPayload | None = None

    @property
    def num_coded(self) -> int:
        """Number of columns with symbols."""
        return len(self._positions)

    def has_symbols(self, position: int) -> bool:
        """Whether the column at this position in the page has symbols."""
        return self._specs[position] is not None

    def symbols(
        self,
        codec: Codec,
        positions: Sequence[int] | None = None,
        decoded: Mapping[int, Values] | None = None,
    ) -> dict[int, Values]:
        """Symbols of the columns at these `positions` in the page, by position; default: all columns that
        have symbols.

        `decoded` holds symbols that were decoded before, with which an `IncrementalCodec` has less to do. The
        result then also has the columns that were decoded or reused along the way.
        """
        coded_positions, specs, indices = self._coded(positions)
        if indices is not None and (opened := self.opened(codec)) is not None:
            result = opened.decode(indices)
        elif decoded is not None and indices is not None and is_incremental_codec(codec):
            decoded_symbols = {self._indices[position]: symbols for position, symbols in decoded.items()}
            result = codec.decode_more(self.coded, specs, indices, decoded_symbols)
        else:
            result = codec.decode(self.coded, specs, indices)
        return {coded_positions[index]: symbols for index, symbols in result.items()}

    def opened(self, codec: Codec) -> OpenedPayload | None:
        """The codec's payload with its columns found, which is remembered; None if it is large, or if its
        columns cannot be decoded one by one.

        Raises FormatError for a damaged payload.
        """
        if self._opened is None and self._is_small and is_opening_codec(codec):
            self._opened = codec.open_payload(self.coded, self._coded_specs)
        return self._opened

    def context_columns(self, codec: Codec, positions: Sequence[int] | None = None) -> tuple[int, ...]:
        """Numbers of the columns outside the page whose symbols the codec needs to decode `positions`."""
        if not is_context_codec(codec):
            return ()
        _, specs, indices = self._coded(positions)
        return codec.context_columns(self.coded, specs, indices)

    def latents(self, codec: LatentCodec) -> tuple[LatentPage, list[int]] | None:
        """The latents in the page and the positions of the columns they model; None if it has none."""
        positions, specs, _ = self._coded(None)
        latents = codec.latent_page(self.coded, specs)
        return None if latents is None else (latents, [positions[index] for index in latents.numbers])

    def values(self, symbols: Mapping[int, Values]) -> dict[int, Values]:
        """Values of the columns that need no other column, from their symbols by position in the page."""
        return {
            position: self.encodings[position].decode(coded, (), self._columns[position].dtype)
            for position, coded in symbols.items()
            if not self.encodings[position].sources
        }

    def _coded(self, positions: Sequence[int] | None) -> tuple[list[int], list[SymbolSpec], list[int] | None]:
        """Positions and specs of the columns with symbols, and the indices of `positions` among them."""
        indices = None if positions is None else [self._indices[position] for position in positions]
        return self._positions, self._coded_specs, indices
