"""The payload of a page with latents, taken apart (formats/codecs.md#autoencoder)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baler_root.codecs.base import SymbolSpec
from baler_root.codecs.classic import Classic
from baler_root.codecs.learned_page import NAME_SIZE
from baler_root.errors import CorruptFileError
from baler_root.varint import Cursor, pack_varint

Rows = NDArray[np.uint32]

ROW_SPEC = np.dtype(np.uint32)
SCORE_SPEC = np.dtype(np.float32)


class LatentPage:
    """A payload taken apart, but for the streams themselves."""

    def __init__(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> None:
        """Raises FormatError for a payload that does not fit the specs."""
        cursor = Cursor(payload)
        kind = cursor.byte()
        if kind != 1:
            raise CorruptFileError(f"a page of the unknown kind {kind}")
        self.model = bytes(cursor.take(NAME_SIZE))
        self.rows = cursor.varint()
        self.known: dict[int, int] = {}
        """Position in the page of each of the model's columns."""
        streams: dict[int, int] = {}
        for at in range(len(specs)):
            code = cursor.varint()
            if code:
                number = code - 1
                if number in self.known:
                    raise CorruptFileError(f"two columns are column {number} of the model")
                if specs[at].length != self.rows * math.prod(specs[at].shape):
                    raise CorruptFileError(f"a column of {specs[at].length} values in {self.rows} rows")
                self.known[number] = at
                streams[at] = cursor.varint()
        if not self.known:
            raise CorruptFileError("latents of no column")
        self.latents = cursor.take(cursor.varint())
        self._anomalies = cursor.take(cursor.varint())
        self._missed = cursor.take(cursor.varint())
        self.rest = cursor.take(cursor.varint())
        self.streams = {at: cursor.take(size) for at, size in sorted(streams.items())}
        cursor.finish("the last stream")

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of what the page holds: `latents`, `residual` (the streams), `anomalies` (rows and scores), rows that were
        `missed` with their symbols, and the `rest`: low bits of exact floats, and columns that latents do not tell of.
        """
        return {
            "latents": len(self.latents),
            "residual": sum(map(len, self.streams.values())),
            "anomalies": len(self._anomalies),
            "missed": len(self._missed),
            "rest": len(self.rest),
        }

    @property
    def has_anomalies(self) -> bool:
        """Whether any row is an anomaly; nothing is decoded."""
        return len(self._anomalies) > 0

    @property
    def missed_rows(self) -> int:
        """How many rows the latents do not give back; nothing is decoded."""
        return self._length(Cursor(self._missed).varint()) if len(self._missed) else 0

    @property
    def anomalies(self) -> tuple[Rows, NDArray[np.float32]]:
        """Rows that are anomalies, increasing, and their scores."""
        if not len(self._anomalies):
            return np.zeros(0, ROW_SPEC), np.zeros(0, SCORE_SPEC)
        cursor = Cursor(self._anomalies)
        length = self._length(cursor.varint())
        found = Classic().decode(
            cursor.rest(), [SymbolSpec(ROW_SPEC, length), SymbolSpec(SCORE_SPEC, length)]
        )
        return self._rows(found[0]), found[1]

    def missed(self, each: Sequence[int]) -> tuple[Rows, list[NDArray[np.int64]]]:
        """Rows that the latents do not give back, increasing, and their symbols, of columns with so many in `each` row."""
        if not len(self._missed):
            return np.zeros(0, ROW_SPEC), [np.zeros(0, np.int64) for _ in each]
        cursor = Cursor(self._missed)
        length = self._length(cursor.varint())
        specs = [SymbolSpec(np.dtype(np.int64), length * values) for values in each]
        found = Classic().decode(cursor.rest(), [SymbolSpec(ROW_SPEC, length), *specs])
        return self._rows(found[0]), [found[number + 1] for number in range(len(each))]

    def _length(self, length: int) -> int:
        if not 0 < length <= self.rows:
            raise CorruptFileError(f"{length} outlier rows of {self.rows}")
        return length

    def _rows(self, steps: Rows) -> Rows:
        """Increasing rows, from the distance of each from the one before."""
        rows = np.cumsum(steps, dtype=np.int64)
        if np.any(steps[1:] == 0) or rows[-1] >= self.rows:
            raise CorruptFileError(f"outlier rows do not increase from 0 to below {self.rows}")
        return rows.astype(ROW_SPEC)


def pack_rows(rows: NDArray[np.integer], columns: Sequence[NDArray[np.generic]]) -> bytes:
    """Increasing rows and what belongs to them, as `anomalies` and `missed` read them; nothing where there are none."""
    if not len(rows):
        return b""
    arrays = [np.diff(rows.astype(np.int64), prepend=0).astype(ROW_SPEC), *columns]
    payload, _ = Classic().encode(arrays, [SymbolSpec(array.dtype, len(array)) for array in arrays])
    return pack_varint(len(rows)) + payload
