"""A page: some columns of one cluster, coded together (formats/pages.md).

The page's directory says of each column how its symbols become values: recipe, outliers, or "as that other
column". The symbols themselves are the codec's. The page is the unit of reading and of checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.base import Codec, SymbolSpec, is_context_codec, is_incremental_codec
from baler_root.format.codecs.latent.page import LatentPage
from baler_root.format.columns import Column
from baler_root.format.encodings.interpolation import Interpolation
from baler_root.format.encodings.outliers import pack_outliers, read_outliers, with_outliers
from baler_root.format.encodings.packed_float import Lattice
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.encodings.quantized import Quantised, dequantise
from baler_root.format.encodings.relation_entry import (
    FORMULA,
    LOOKUP,
    SUM,
    Related,
    pack_related,
    read_related,
)
from baler_root.format.encodings.relations import Relation
from baler_root.format.limits import MAX_COLUMN_LENGTH, MAX_PAGE_LENGTH

OWN, COPY, LATTICE, INTERPOLATED = 0, 1, 2, 6


WIDTHS = (1, 2, 4, 8)
"""Bytes of a symbol."""


_LATTICE = struct.Struct("<dd")


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of one cluster: its own symbols, or the position of the column whose values it repeats."""

    length: int
    quantised: Quantised | None = None
    copy_of: int = 0
    shape: tuple[int, ...] = ()
    """Of the arrays that the symbols lie in; interpolated ones lie in none."""
    lattice: Lattice | None = None
    """Set when the symbols are the integers of a lattice."""
    interpolation: Interpolation | None = None
    """Set when they say what is missing to a prediction; outliers are then values of the column, not of the recipe."""
    related: Related | None = None
    """Set when the values are recomputed from others; `quantised` then holds what the relation misses, if anything."""


def pack_page(codec: Codec, cells: Sequence[Cell]) -> tuple[bytes, list[float]]:
    """The payload of the page holding these columns, and each column's share of its bytes."""
    entries = [_pack_entry(cell) for cell in cells]
    directory = pack_bytes(b"".join(entries))
    own = [(cell.quantised.symbols, cell) for cell in cells if cell.quantised is not None]
    specs = [SymbolSpec(symbols.dtype, cell.length, cell.shape) for symbols, cell in own]
    payload, shares = codec.encode([symbols for symbols, _ in own], specs)
    per_byte = len(directory) / max(1, sum(map(len, entries)))
    coded = iter(shares)
    sizes = [
        len(entry) * per_byte + (0.0 if cell.quantised is None else next(coded))
        for entry, cell in zip(entries, cells, strict=True)
    ]
    return directory + payload, sizes


def _pack_entry(cell: Cell) -> bytes:
    if cell.related is not None:
        steps = None if cell.quantised is None else cell.quantised.symbols.dtype
        return pack_related(cell.related, cell.length, steps)
    if cell.quantised is None:
        return bytes([COPY]) + pack_varint(cell.length) + pack_varint(cell.copy_of)
    quantised = cell.quantised
    if cell.interpolation is not None:
        return b"".join(
            (
                bytes([INTERPOLATED]),
                pack_varint(cell.length),
                cell.interpolation.to_bytes(),
                bytes([quantised.symbols.dtype.itemsize]),
                pack_outliers(quantised.positions, quantised.outliers),
            )
        )
    exact = quantised.quantiser.kind == "exact"
    return b"".join(
        (
            bytes([OWN if cell.lattice is None else LATTICE]),
            pack_varint(cell.length),
            b"" if cell.lattice is None else _LATTICE.pack(cell.lattice.step, cell.lattice.low),
            quantised.quantiser.to_bytes(),
            b"" if exact else bytes([quantised.symbols.dtype.itemsize]),
            pack_outliers(quantised.positions, quantised.outliers),
        )
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """What a page's directory says of one column."""

    length: int
    copy_of: int | None = None
    quantiser: Quantiser | None = None
    spec: SymbolSpec | None = None
    positions: NDArray[np.int64] | None = None
    outliers: NDArray[Any] | None = None
    lattice: Lattice | None = None
    interpolation: Interpolation | None = None
    related: Related | None = None

    @property
    def sources(self) -> tuple[int, ...]:
        """Columns of the tree that this one's values come from; none where its own symbols say all."""
        if self.related is not None:
            return self.related.relation.sources
        return () if self.copy_of is None else (self.copy_of,)

    @property
    def relation(self) -> Relation | None:
        """What the column is recomputed by; None for a copy, too."""
        return None if self.related is None else self.related.relation

    def from_sources(
        self, sources: Sequence[NDArray[Any]], dtype: np.dtype[Any], own: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """The values, from those of the `sources` and what the page itself holds of the column (`Page.values`)."""
        if self.related is not None:
            return self.related.values(sources, dtype, own)
        return sources[0].astype(dtype)  # an array of its own: whoever gets it may write into it


class Page:
    """A page's payload opened: its directory is read, its columns are decoded when asked for."""

    def __init__(self, payload: memoryview, columns: Sequence[Column]) -> None:
        cursor = Cursor(payload)
        directory = Cursor(unpack_bytes(cursor, MAX_PAGE_LENGTH))
        self.entries = [_read_entry(directory, column) for column in columns]
        self._columns = list(columns)
        directory.finish("the page directory")
        length = sum(
            entry.length * max(entry.spec.dtype.itemsize if entry.spec else 0, column.dtype.itemsize)
            for entry, column in zip(self.entries, columns, strict=True)
        )
        if length > MAX_PAGE_LENGTH:
            raise CorruptFileError(f"a page claims to hold more than {MAX_PAGE_LENGTH} bytes")
        self._symbols = cursor.rest()

    def symbols(
        self,
        codec: Codec,
        wanted: Sequence[int] | None = None,
        decoded: Mapping[int, NDArray[Any]] | None = None,
    ) -> dict[int, NDArray[Any]]:
        """The symbols of the wanted columns (default: all that have some), by position in the page.

        With `decoded`, the symbols of columns decoded before, an `IncrementalCodec` has less to do; columns that it
        decoded or reused for the wanted ones are then in the result too.
        """
        own, specs, chosen = self._coded(wanted)
        if decoded is not None and chosen is not None and is_incremental_codec(codec):
            numbers = {position: number for number, position in enumerate(own)}
            known = {numbers[position]: symbols for position, symbols in decoded.items()}
            result = codec.decode_more(self._symbols, specs, chosen, known)
        else:
            result = codec.decode(self._symbols, specs, chosen)
        return {own[number]: symbols for number, symbols in result.items()}

    def context_columns(self, codec: Codec, wanted: Sequence[int] | None = None) -> tuple[int, ...]:
        """The columns of the tree, outside the page, whose symbols the codec needs for the wanted ones."""
        if not is_context_codec(codec):
            return ()
        _, specs, chosen = self._coded(wanted)
        return codec.context_columns(self._symbols, specs, chosen)

    def latents(self) -> tuple[LatentPage, list[int]] | None:
        """What the page holds of latents, and the positions of the columns they tell of; None where it holds none.

        For pages of a codec with latents.
        """
        if self._symbols[:1].tobytes() == b"\0":
            return None
        own, specs, _ = self._coded(None)
        found = LatentPage(self._symbols, specs)
        return found, [own[at] for at in found.known]

    def _coded(self, wanted: Sequence[int] | None) -> tuple[list[int], list[SymbolSpec], list[int] | None]:
        """Positions of the columns that have symbols, what is known of these, and which of them are wanted."""
        own = [position for position, entry in enumerate(self.entries) if entry.spec is not None]
        specs = [entry.spec for entry in self.entries if entry.spec is not None]
        return own, specs, None if wanted is None else [own.index(position) for position in wanted]

    def values(self, symbols: Mapping[int, NDArray[Any]]) -> dict[int, NDArray[Any]]:
        """The values of columns, from their symbols; of a related column what its relation misses: `Entry.from_sources`."""
        out = {}
        for position, coded in symbols.items():
            entry = self.entries[position]
            if entry.quantiser is None or entry.positions is None or entry.outliers is None:
                raise CorruptFileError("a column has neither a recipe nor a source")
            column = self._columns[position]
            if entry.interpolation is not None:
                found = entry.interpolation.values(coded, column.shape, column.dtype)
                out[position] = with_outliers(found, entry.positions, entry.outliers)
                continue
            decoded = dequantise(coded, entry.quantiser, entry.positions, entry.outliers)
            if decoded.dtype == np.bool_ and decoded.view(np.uint8).max(initial=0) > 1:
                raise CorruptFileError("a boolean that is neither 0 nor 1")
            dtype = decoded.dtype if entry.related is not None else column.dtype
            if entry.lattice is not None:
                decoded = entry.lattice.values(decoded, dtype)
            out[position] = decoded.astype(dtype, copy=False)
        return out


def _read_entry(directory: Cursor, column: Column) -> Entry:
    kind = directory.byte()
    length = directory.varint()
    if length > MAX_COLUMN_LENGTH:
        raise CorruptFileError(
            f"a column of {length} values in one cluster; at most {MAX_COLUMN_LENGTH} are allowed"
        )
    if kind == COPY:
        return Entry(length, copy_of=directory.varint())
    if kind in (SUM, FORMULA, LOOKUP):
        related, steps = read_related(kind, directory, length, column.dtype)
        if steps is None:
            return Entry(length, related=related)
        spec = SymbolSpec(steps, length, column.shape)
        nothing = np.zeros(0, np.int64)
        return Entry(
            length, None, Quantiser("exact", steps), spec, nothing, nothing.astype(steps), related=related
        )
    if kind == INTERPOLATED:
        return _read_interpolated(directory, length, column)
    if kind not in (OWN, LATTICE):
        raise CorruptFileError(f"unknown kind of column {kind}")
    lattice = Lattice(*_LATTICE.unpack(directory.take(_LATTICE.size))) if kind == LATTICE else None
    quantiser, directory.at = Quantiser.from_bytes(directory.data, directory.at)
    held = np.can_cast(quantiser.dtype, column.dtype) if lattice is None else quantiser.dtype.kind == "u"
    if not held or (lattice is not None and (column.dtype.kind != "f" or not lattice.is_sound)):
        raise CorruptFileError(f"{quantiser.dtype} symbols cannot become a column of {column.dtype}")
    dtype = quantiser.dtype
    if quantiser.kind != "exact":
        dtype = _read_width(directory)
    positions, outliers = read_outliers(directory, length, quantiser.dtype)
    return Entry(
        length, None, quantiser, SymbolSpec(dtype, length, column.shape), positions, outliers, lattice
    )


def _read_interpolated(directory: Cursor, length: int, column: Column) -> Entry:
    if column.dtype.kind != "f" or column.dtype.itemsize < 4:
        raise CorruptFileError(f"an interpolated column of {column.dtype}")
    interpolation = Interpolation.read(directory)
    dtype = _read_width(directory)
    positions, outliers = read_outliers(directory, length, column.dtype)
    return Entry(
        length,
        None,
        Quantiser("exact", dtype),
        SymbolSpec(dtype, length),
        positions,
        outliers,
        interpolation=interpolation,
    )


def _read_width(directory: Cursor) -> np.dtype[Any]:
    """The type of symbols that are unsigned integers."""
    itemsize = directory.byte()
    if itemsize not in WIDTHS:
        raise CorruptFileError(f"symbols of {itemsize} bytes")
    return np.dtype(f"u{itemsize}")
