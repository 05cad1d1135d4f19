"""`classic`: codes each column by itself, as the smallest of pcodec, zstd over byte planes, and bits.

Small columns share one zstd frame (the pool): hundreds of trigger bits need only one.
formats/codecs.md#classic is the specification.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes, zstd_frame
from baler_root.format.binary.varint import Cursor, pack_varint
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic import streams
from baler_root.format.codecs.classic.streams import Coding, Transform

SAMPLE_VALUES = 1 << 13
"""Values of a long column on which transforms are compared."""


SAMPLE_ARRAYS = 1 << 16
"""Values of a long column of arrays on which transforms are compared: they must contain neighbouring rows."""


MAX_DICTIONARY = 256
"""Most values of a dictionary: codes have one byte."""


LARGE = 1 << 16
"""Bytes from which `WORTH_TRYING_LARGE` applies."""


WORTH_TRYING, WORTH_TRYING_LARGE = 1.12, 1.05
"""If fast zstd is larger than pco by more than this factor, thorough zstd is not tried, which would take most
of the time: it would have won for 17 of 1 091 columns of six files, 5 kB in 100 MB.
"""


_FRAME_COST = 9
"""Bytes of a zstd frame, which columns in the pool share."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Coded column: its directory entry, and its bytes in the pool or after it."""

    transform: Transform
    coding: Coding
    extra: bytes = b""
    """Directory bytes beyond the two codes: a constant's value, a dictionary, a stream's size."""
    pooled: bytes = b""
    """Bytes in the pool."""
    separate: bytes = b""
    """Bytes after the pool."""
    cost: int = 0
    """Estimated bytes in the file."""

    @property
    def entry(self) -> bytes:
        """The directory entry."""
        size = pack_varint(len(self.separate)) if self.coding is Coding.PCO else b""
        return bytes([self.transform << 4 | self.coding]) + self.extra + size


class Classic:
    """Baseline codec without models and without correlations between columns; fast to decode."""

    id = "classic"

    def encode(
        self, columns: Sequence[NDArray[Any]], specs: Sequence[SymbolSpec]
    ) -> tuple[bytes, list[float]]:
        """Directory and pool packed together, then the pco streams in column order; see `Codec.encode`."""
        return join_streams(
            [encode_column(column, spec) for column, spec in zip(columns, specs, strict=True)]
        )

    def decode(
        self, payload: memoryview, specs: Sequence[SymbolSpec], positions: Sequence[int] | None = None
    ) -> dict[int, NDArray[Any]]:
        """See `Codec.decode`."""
        return self.open_payload(payload, specs).decode(range(len(specs)) if positions is None else positions)

    def open_payload(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> ClassicPayload:
        """See `OpeningCodec.open_payload`."""
        return ClassicPayload(payload, specs)


def join_streams(encoded: Sequence[Stream]) -> tuple[bytes, list[float]]:
    """The payload of columns coded one by one, and each column's share of it; see `Codec.encode`."""
    directory = b"".join(stream.entry for stream in encoded)
    pool = b"".join(stream.pooled for stream in encoded)
    packed = pack_bytes(pack_varint(len(directory)) + directory + pool)
    weights = [len(stream.entry) + (stream.cost if stream.pooled else 0) for stream in encoded]
    per_weight = len(packed) / max(1, sum(weights))
    shares = [len(s.separate) + weight * per_weight for s, weight in zip(encoded, weights, strict=True)]
    return packed + b"".join(stream.separate for stream in encoded), shares


class ClassicPayload:
    """The columns of a payload, found but not decoded."""

    def __init__(self, payload: memoryview, specs: Sequence[SymbolSpec]) -> None:
        """Raises FormatError where bytes are missing or left over."""
        self._specs, self._entries = specs, _read_entries(payload, specs)

    def decode(self, positions: Sequence[int]) -> dict[int, NDArray[Any]]:
        """See `OpenedPayload`."""
        return {
            position: decode_column(*self._entries[position], self._specs[position])
            for position in sorted(set(positions))
        }


def streams_of(payload: memoryview, specs: Sequence[SymbolSpec]) -> list[tuple[Transform, Coding]]:
    """Transform and coding of each column of a payload; raises FormatError for a damaged one."""
    return [(transform, coding) for transform, coding, *_ in _read_entries(payload, specs)]


_Source = tuple[Transform, Coding, memoryview, "NDArray[Any] | None"]


def _read_entries(payload: memoryview, specs: Sequence[SymbolSpec]) -> list[_Source]:
    """The entries of all columns; raises FormatError where bytes are missing or left over."""
    cursor = Cursor(payload)
    limit = 16 + sum(64 + MAX_DICTIONARY * 8 + spec.length * spec.dtype.itemsize for spec in specs)
    packed = Cursor(unpack_bytes(cursor, limit))
    directory = Cursor(packed.take(packed.varint()))
    entries = [_read_entry(directory, packed, cursor, spec) for spec in specs]
    directory.finish("the stream directory")
    packed.finish("the pool")
    cursor.finish("the last stream")
    return entries


def _read_entry(directory: Cursor, pool: Cursor, payload: Cursor, spec: SymbolSpec) -> _Source:
    """Transform, coding, bytes and dictionary of the next column; every cursor moves past it."""
    code = directory.byte()
    try:
        transform, coding = Transform(code >> 4), Coding(code & 15)
    except ValueError:
        raise CorruptFileError(f"unknown stream code {code:#04x}") from None
    dictionary = None
    dtype = spec.dtype
    if transform is Transform.DICTIONARY:
        size = directory.varint()
        if not 1 <= size <= MAX_DICTIONARY:
            raise CorruptFileError(f"a dictionary of {size} values")
        dictionary = np.frombuffer(directory.take(size * dtype.itemsize), dtype=dtype)
        dtype = np.dtype(np.uint8)
    if spec.length == 0:
        return transform, coding, memoryview(b""), dictionary
    if coding is Coding.CONSTANT:
        return transform, coding, directory.take(dtype.itemsize), dictionary
    if coding is Coding.PLANES:
        return transform, coding, pool.take(spec.length * dtype.itemsize), dictionary
    if coding is Coding.BITS:
        return transform, coding, pool.take((spec.length + 7) // 8), dictionary
    return transform, coding, payload.take(directory.varint()), dictionary


def decode_column(
    transform: Transform, coding: Coding, data: memoryview, dictionary: NDArray[Any] | None, spec: SymbolSpec
) -> NDArray[Any]:
    """The symbols of one column."""
    dtype = spec.dtype if dictionary is None else np.dtype(np.uint8)
    if spec.length == 0:
        return np.empty(0, dtype=spec.dtype)
    if coding is Coding.CONSTANT:
        values = np.full(spec.length, np.frombuffer(data, dtype=dtype)[0], dtype=dtype)
    elif coding is Coding.PLANES:
        values = streams.planes_decode(data, dtype, spec.length)
    elif coding is Coding.BITS:
        values = streams.bits_decode(data, dtype, spec.length)
    else:
        values = streams.pco_decode(data, streams.pco_dtype(dtype), spec.length).view(dtype)
    if transform.differs and dtype.kind not in "ui":
        raise CorruptFileError(f"differences of {dtype} values")
    if transform is Transform.DELTA:
        return streams.delta_decode(values)
    if transform.by_rows:
        row = math.prod(spec.shape)
        if row < 1 or spec.length % row:
            raise CorruptFileError(
                f"{spec.length} values are not a whole number of arrays of shape {spec.shape}"
            )
        if transform is not Transform.LORENZO:
            values = streams.rows_decode(values, spec.shape)
        return values if transform is Transform.ROWS else streams.lorenzo_decode(values, spec.shape)
    if dictionary is not None:
        if int(values.max()) >= len(dictionary):
            raise CorruptFileError(f"symbol {values.max()} of a dictionary of {len(dictionary)}")
        return dictionary[values]
    return values


def encode_column(values: NDArray[Any], spec: SymbolSpec) -> Stream:
    """The smallest stream for the symbols of one column."""
    if len(values) == 0:
        return Stream(Transform.NONE, Coding.CONSTANT)
    bits = values.view(_unsigned(values.dtype))
    if (bits == bits[0]).all():
        return Stream(Transform.NONE, Coding.CONSTANT, extra=values[:1].tobytes())
    candidates = [(Transform.NONE, values, b"")]
    if values.dtype.kind in "ui" and values.dtype.itemsize < 8:
        candidates += _integer_transforms(values, spec)
    candidates += _dictionary(bits, values)
    sample = SAMPLE_ARRAYS if spec.shape else SAMPLE_VALUES
    if len(candidates) > 1 and len(values) > 4 * sample:
        candidates = _best_on_sample(candidates, spec, sample)
    encoded = [
        stream for transform, symbols, extra in candidates for stream in _codings(transform, symbols, extra)
    ]
    return min(encoded, key=lambda stream: stream.cost)


def quick_size(values: NDArray[Any]) -> int:
    """Bytes of the symbols in the quickest codings: an estimate that takes a tenth of the time of
    `encode_column`."""
    separate = streams.pco_encode(values.view(streams.pco_dtype(values.dtype)))
    return min(len(separate), len(zstd_frame(streams.planes_encode(values), 3)))


def _integer_transforms(
    values: NDArray[Any], spec: SymbolSpec
) -> list[tuple[Transform, NDArray[Any], bytes]]:
    """Differences along entries (only for the pool, since pco finds them itself), along the axes of arrays,
    and both.
    """
    transforms = []
    row = math.prod(spec.shape)
    if row > 1:
        axes = streams.lorenzo_encode(values, spec.shape)
        transforms.append((Transform.LORENZO, axes, b""))
        if len(values) > row:
            transforms.append((Transform.ROWS, streams.rows_encode(values, spec.shape), b""))
            transforms.append((Transform.GRID, streams.rows_encode(axes, spec.shape), b""))
    if len(values) <= 4 * SAMPLE_VALUES:
        transforms.append((Transform.DELTA, streams.delta_encode(values), b""))
    return transforms


def _dictionary(bits: NDArray[Any], values: NDArray[Any]) -> list[tuple[Transform, NDArray[Any], bytes]]:
    """Codes of one byte for columns of wide types with few values."""
    if values.dtype.itemsize == 1 or len(values) < 16:
        return []
    sample = bits if len(bits) <= SAMPLE_VALUES else bits[:: len(bits) // SAMPLE_VALUES]
    if len(np.unique(sample)) > min(MAX_DICTIONARY, len(sample) // 2):
        return []
    distinct = np.unique(bits)
    if len(distinct) > min(MAX_DICTIONARY, len(bits) // 2):
        return []
    codes = np.searchsorted(distinct, bits).astype(np.uint8)
    return [(Transform.DICTIONARY, codes, pack_varint(len(distinct)) + distinct.tobytes())]


def _best_on_sample(
    candidates: list[tuple[Transform, NDArray[Any], bytes]], spec: SymbolSpec, sample: int
) -> list[tuple[Transform, NDArray[Any], bytes]]:
    """The candidate whose middle part is smallest when coded."""
    row = math.prod(spec.shape)
    size = max(1, sample // row) * row
    start = (len(candidates[0][1]) // 2) // row * row

    def cost(candidate: tuple[Transform, NDArray[Any], bytes]) -> int:
        part = np.ascontiguousarray(candidate[1][start : start + size])
        return min(stream.cost for stream in _codings(candidate[0], part, candidate[2]))

    return [min(candidates, key=cost)]


def _codings(transform: Transform, symbols: NDArray[Any], extra: bytes) -> list[Stream]:
    """The symbols in each coding that may be the smallest."""
    codings = []
    if symbols.dtype.kind in "uib" and symbols.dtype.itemsize == 1 and int(symbols.view(np.uint8).max()) <= 1:
        packed = streams.bits_encode(symbols)
        pooled = len(zstd_frame(packed, 3)) - _FRAME_COST
        codings.append(Stream(transform, Coding.BITS, extra, packed, cost=len(extra) + max(1, pooled)))
    separate = streams.pco_encode(symbols.view(streams.pco_dtype(symbols.dtype)))
    cost = len(extra) + len(separate) + 2
    codings.append(Stream(transform, Coding.PCO, extra, separate=separate, cost=cost))
    planes = streams.planes_encode(symbols)
    pooled = len(zstd_frame(planes, 3)) - _FRAME_COST
    if pooled < (WORTH_TRYING if len(planes) < LARGE else WORTH_TRYING_LARGE) * len(separate):
        pooled = min(pooled, len(zstd_frame(planes)) - _FRAME_COST)
    codings.append(Stream(transform, Coding.PLANES, extra, planes, cost=len(extra) + max(1, pooled)))
    return codings


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}")
