"""Codings and transforms of `classic` for the symbols of one column (formats/codecs.md#classic).

A coding turns a flat array into bytes. The codec measures, for each column, which one is smallest.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, PagingSpec, wrapped

from baler_root.errors import CorruptFileError

PCO_LEVEL = 8
"""Level 12 is 0.2-0.5 % smaller and ten to fifteen times slower (measured on jets and NanoAOD columns)."""


PCO_RUN = 1 << 22
"""Values per pco chunk; pco itself allows at most 2**24."""


PCO_PAGE = 1 << 18
"""Values per pco page; the last page of a run may have fewer."""


_PCO_HEADER = b"\x04\x01"
"""pco format 4.1: the header that a standalone pco file of this version would begin with."""


class Coding(IntEnum):
    """Representation of symbols in the payload."""

    CONSTANT = 0
    PLANES = 1
    BITS = 2
    PCO = 3


class Transform(IntEnum):
    """Exactly invertible transform before the coding."""

    NONE = 0
    DELTA = 1
    LORENZO = 2
    DICTIONARY = 3
    ROWS = 4
    GRID = 5

    @property
    def differs(self) -> bool:
        """Whether it takes differences, which needs integers."""
        return self not in (Transform.NONE, Transform.DICTIONARY)

    @property
    def by_rows(self) -> bool:
        """Whether it uses the rows of fixed-size arrays."""
        return self in (Transform.LORENZO, Transform.ROWS, Transform.GRID)


def pco_encode(values: NDArray[Any]) -> bytes:
    """Chunk metadata and page of each run of `PCO_RUN` values, one after another."""
    compressor = wrapped.FileCompressor()
    pieces = []
    for start in range(0, len(values), PCO_RUN):
        run = np.ascontiguousarray(values[start : start + PCO_RUN])
        pages = [min(PCO_PAGE, len(run) - offset) for offset in range(0, len(run), PCO_PAGE)]
        config = ChunkConfig(
            compression_level=PCO_LEVEL, enable_8_bit=True, paging_spec=PagingSpec.exact_page_sizes(pages)
        )
        chunk = compressor.chunk_compressor(run, config)
        pieces.append(chunk.write_meta())
        pieces.extend(chunk.write_page(i) for i in range(len(pages)))
    return b"".join(pieces)


def pco_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The `length` values that `pco_encode` encoded; raises CorruptFileError."""
    values = np.empty(length, dtype=dtype)
    position = 0

    def ahead(count: int) -> bytes:
        """Copy (pco needs one) of the longest metadata or page that `count` values can have."""
        return bytes(payload[position : position + 2 * count * dtype.itemsize + (1 << 16)])

    try:
        decompressor, _ = wrapped.FileDecompressor.new(_PCO_HEADER)
        for start in range(0, length, PCO_RUN):
            run = min(PCO_RUN, length - start)
            chunk, size = decompressor.chunk_decompressor(ahead(run), pco_name(dtype))
            position += size
            offset = 0
            while offset < run:
                page = min(PCO_PAGE, run - offset)
                progress, size = chunk.read_page_into(
                    ahead(page), page, values[start + offset : start + offset + page]
                )
                position += size
                offset += page
                if not progress.finished or progress.n_processed != page:
                    raise CorruptFileError("a pco page ends before its values do")
    except (RuntimeError, ValueError, TypeError) as error:
        raise CorruptFileError(f"a pco stream cannot be decoded ({error})") from None
    if position != len(payload):
        raise CorruptFileError(f"{len(payload) - position} bytes left over after a pco stream")
    return values


def pco_name(dtype: np.dtype[Any]) -> str:
    """Name of a number type in pco (`u32`, `f64`)."""
    return f"{dtype.kind}{dtype.itemsize * 8}"


def planes_encode(values: NDArray[Any]) -> bytes:
    """Bytes of the values: first all lowest bytes, then all second ones, and so on."""
    if values.dtype.itemsize == 1:
        return values.tobytes()
    return np.ascontiguousarray(values.view(np.uint8).reshape(len(values), -1).T).tobytes()


def planes_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The values that `planes_encode` encoded."""
    raw = np.frombuffer(payload, dtype=np.uint8).reshape(dtype.itemsize, length)
    return raw.T.copy(order="C").reshape(-1).view(dtype)


def bits_encode(values: NDArray[Any]) -> bytes:
    """One bit per value (each 0 or 1), lowest bit first."""
    return np.packbits(values.astype(bool), bitorder="little").tobytes()


def bits_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The values (0 or 1, of one byte each) that `bits_encode` encoded; raises CorruptFileError for padding
    that is not 0.
    """
    if dtype.itemsize != 1:
        raise CorruptFileError(f"bits of the type {dtype}; only types of one byte are stored so")
    raw = np.frombuffer(payload, dtype=np.uint8)
    if length % 8 and raw[-1] >> (length % 8):
        raise CorruptFileError("padding bits are not zero")
    return np.unpackbits(raw, count=length, bitorder="little").view(dtype)


def delta_encode(values: NDArray[Any]) -> NDArray[Any]:
    """First value, then differences, modulo 2**bits."""
    differences = values.copy()
    differences[1:] -= values[:-1]
    return differences


def delta_decode(values: NDArray[Any]) -> NDArray[Any]:
    """The values with these differences."""
    return np.cumsum(values, dtype=values.dtype)


def lorenzo_encode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Differences along every axis of the fixed-size arrays, modulo 2**bits; the corner is left as it is."""
    grid = values.reshape(-1, *shape).copy()
    for axis in range(1, grid.ndim):
        later = [slice(None)] * grid.ndim
        earlier = [slice(None)] * grid.ndim
        later[axis], earlier[axis] = slice(1, None), slice(None, -1)
        grid[tuple(later)] -= grid[tuple(earlier)].copy()
    return grid.reshape(-1)


def lorenzo_decode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The fixed-size arrays with these differences."""
    grid = values.reshape(-1, *shape)
    for axis in range(1, grid.ndim):
        grid = np.cumsum(grid, axis=axis, dtype=values.dtype)
    return grid.reshape(-1)


def rows_encode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """First row, then differences of each row and the one before, modulo 2**bits."""
    rows = values.reshape(-1, math.prod(shape))
    differences = rows.copy()
    differences[1:] -= rows[:-1]
    return differences.reshape(-1)


def rows_decode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The rows with these differences."""
    return np.cumsum(values.reshape(-1, math.prod(shape)), axis=0, dtype=values.dtype).reshape(-1)


def pco_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Type of a column in pco: its own type; bytes for booleans."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype
