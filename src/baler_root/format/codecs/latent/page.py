"""Packs and parses the payload of a page with latents (formats/codecs.md#autoencoder)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.base import PayloadKind, SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.page import NAME_SIZE

Rows = NDArray[np.uint32]


Places = NDArray[np.uint32]


UINT32, FLOAT32 = np.dtype(np.uint32), np.dtype(np.float32)


class LatentPage:
    """Parts of a payload; latents and streams are not decoded, and no model is needed."""

    def __init__(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> None:
        """Raises FormatError for a payload that does not fit the specs."""
        cursor = Cursor(payload)
        kind = cursor.byte()
        if kind != PayloadKind.MODEL:
            raise CorruptFileError(f"a page of the unknown kind {kind}")
        self.specs = specs
        self.model = bytes(cursor.take(NAME_SIZE))
        self.rows = cursor.varint()
        self.numbers: dict[int, int] = {}
        """Number in the model of each modelled column, by its position in the page."""
        sizes: dict[int, int] = {}
        codes: set[int] = set()
        for position, spec in enumerate(specs):
            code = cursor.varint()
            if not code:
                continue
            if code in codes:
                raise CorruptFileError(f"two columns are column {code - 1} of the model")
            if not spec.length or spec.length != self.rows * math.prod(spec.shape):
                raise CorruptFileError(f"a column of {spec.length} values in {self.rows} rows")
            codes.add(code)
            self.numbers[position] = code - 1
            sizes[position] = cursor.varint()
        if not self.numbers:
            raise CorruptFileError("latents of no column")
        self.latents = cursor.take(cursor.varint())
        self._outlier_rows = cursor.take(cursor.varint())
        self._missed = cursor.take(cursor.varint())
        self.low_bits = cursor.take(cursor.varint())
        self.rest = cursor.take(cursor.varint())
        self.streams = {position: cursor.take(size) for position, size in sizes.items()}
        cursor.finish("the last stream")

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each part: `latents`, `residual` (the streams), `outlier_rows` (outlier rows and scores),
        `missed` rows with their places, `low_bits` of exact floats, and the `rest`: columns that are not
        modelled.
        """
        return {
            "latents": len(self.latents),
            "residual": sum(map(len, self.streams.values())),
            "outlier_rows": len(self._outlier_rows),
            "missed": len(self._missed),
            "low_bits": len(self.low_bits),
            "rest": len(self.rest),
        }

    @property
    def has_outlier_rows(self) -> bool:
        """Whether the page has outlier rows; nothing is decoded."""
        return len(self._outlier_rows) > 0

    @property
    def missed_rows(self) -> int:
        """Number of rows that the latents do not reproduce; nothing is decoded."""
        return self._count(Cursor(self._missed)) if len(self._missed) else 0

    @property
    def outlier_rows(self) -> tuple[Rows, NDArray[np.float32]]:
        """Outlier rows, increasing, and their scores."""
        rows, columns = self._rows(self._outlier_rows, FLOAT32, {0: 1}, [0])
        return rows, columns[0]

    def missed(self, positions: Iterable[int]) -> tuple[Rows, dict[int, Places]]:
        """Rows that the latents do not reproduce, increasing, and the places of the values of the columns at
        these positions.
        """
        values_per_row = {position: self.specs[position].length // self.rows for position in self.numbers}
        return self._rows(self._missed, UINT32, values_per_row, positions)

    def _rows(
        self,
        data: memoryview,
        dtype: np.dtype[Any],
        values_per_row: Mapping[int, int],
        positions: Iterable[int],
    ) -> tuple[Rows, dict[int, NDArray[Any]]]:
        """Rows, and the columns at these positions, that `pack_rows` packed."""
        if not len(data):
            return np.zeros(0, UINT32), {position: np.zeros(0, dtype) for position in positions}
        cursor = Cursor(data)
        count = self._count(cursor)
        indices = {position: 1 + number for number, position in enumerate(values_per_row)}
        specs = [
            SymbolSpec(UINT32, count),
            *(SymbolSpec(dtype, count * values) for values in values_per_row.values()),
        ]
        arrays = Classic().decode(cursor.rest(), specs, [0, *(indices[position] for position in positions)])
        rows = np.cumsum(arrays[0], dtype=np.int64)
        if np.any(arrays[0][1:] == 0) or rows[-1] >= self.rows:
            raise CorruptFileError(f"rows stored by themselves do not increase from 0 to below {self.rows}")
        return rows.astype(UINT32), {position: arrays[indices[position]] for position in positions}

    def _count(self, cursor: Cursor) -> int:
        """Number of rows that are stored by themselves."""
        count = cursor.varint()
        if not 0 < count <= self.rows:
            raise CorruptFileError(f"{count} rows stored by themselves, of {self.rows}")
        return count


def pack_rows(rows: NDArray[np.integer], columns: Sequence[NDArray[np.generic]]) -> bytes:
    """Increasing rows and columns of their values, packed; empty without rows."""
    if not len(rows):
        return b""
    arrays = [np.diff(rows.astype(np.int64), prepend=0).astype(UINT32), *columns]
    payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
    return pack_varint(len(rows)) + payload


def pack_latent_page(
    model: bytes, rows: int, columns: Sequence[tuple[int, bytes] | None], parts: Sequence[bytes]
) -> bytes:
    """Payload that `LatentPage` parses.

    `columns` has the number in the model and the stream of each modelled column, None for others; `parts` are
    latents, outlier rows, missed rows, low bits and rest, each packed.
    """
    head = bytearray(PayloadKind.MODEL.prefix + model[:NAME_SIZE] + pack_varint(rows))
    for modelled in columns:
        if modelled is None:
            head += pack_varint(0)
        else:
            head += pack_varint(modelled[0] + 1) + pack_varint(len(modelled[1]))
    for part in parts:
        head += pack_varint(len(part)) + part
    return bytes(head) + b"".join(modelled[1] for modelled in columns if modelled is not None)
