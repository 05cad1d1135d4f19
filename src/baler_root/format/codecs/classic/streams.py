"""The ways in which `classic` stores one column's symbols (formats/codecs.md#classic).

Each coding turns a flat array into bytes; which one is used is measured, column by column.
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
"""Values per pco page; the last of a run holds what is left."""


_PCO_HEADER = b"\x04\x01"
"""pco format 4.1: the header that a standalone pco file of this version would begin with."""


class Coding(IntEnum):
    """How symbols lie in the payload."""

    CONSTANT = 0
    PLANES = 1
    BITS = 2
    PCO = 3


class Transform(IntEnum):
    """An exactly invertible step before the coding."""

    NONE = 0
    DELTA = 1
    LORENZO = 2
    DICTIONARY = 3
    ROWS = 4
    GRID = 5

    @property
    def differs(self) -> bool:
        """Whether it takes differences, of integers."""
        return self not in (Transform.NONE, Transform.DICTIONARY)

    @property
    def by_rows(self) -> bool:
        """Whether it takes values of a row as belonging together."""
        return self in (Transform.LORENZO, Transform.ROWS, Transform.GRID)


def pco_encode(values: NDArray[Any]) -> bytes:
    """Chunk metadata and page of each run of `PCO_RUN` values, one after another."""
    compressor = wrapped.FileCompressor()
    out = []
    for start in range(0, len(values), PCO_RUN):
        run = np.ascontiguousarray(values[start : start + PCO_RUN])
        pages = [min(PCO_PAGE, len(run) - at) for at in range(0, len(run), PCO_PAGE)]
        config = ChunkConfig(
            compression_level=PCO_LEVEL, enable_8_bit=True, paging_spec=PagingSpec.exact_page_sizes(pages)
        )
        chunk = compressor.chunk_compressor(run, config)
        out.append(chunk.write_meta())
        out.extend(chunk.write_page(i) for i in range(len(pages)))
    return b"".join(out)


def pco_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The `length` values that `pco_encode` encoded; raises CorruptFileError."""
    out = np.empty(length, dtype=dtype)
    at = 0

    def ahead(values: int) -> bytes:
        """A copy (pco takes nothing else) of all that metadata or a page of so many values may be."""
        return bytes(payload[at : at + 2 * values * dtype.itemsize + (1 << 16)])

    try:
        decompressor, _ = wrapped.FileDecompressor.new(_PCO_HEADER)
        for start in range(0, length, PCO_RUN):
            run = min(PCO_RUN, length - start)
            chunk, used = decompressor.chunk_decompressor(ahead(run), pco_name(dtype))
            at += used
            done = 0
            while done < run:
                page = min(PCO_PAGE, run - done)
                progress, used = chunk.read_page_into(
                    ahead(page), page, out[start + done : start + done + page]
                )
                at += used
                done += page
                if not progress.finished or progress.n_processed != page:
                    raise CorruptFileError("a pco page ends before its values do")
    except (RuntimeError, ValueError, TypeError) as error:
        raise CorruptFileError(f"a pco stream cannot be decoded ({error})") from None
    if at != len(payload):
        raise CorruptFileError(f"{len(payload) - at} bytes left over after a pco stream")
    return out


def pco_name(dtype: np.dtype[Any]) -> str:
    """pco's name of a number type (`u32`, `f64`)."""
    return f"{dtype.kind}{dtype.itemsize * 8}"


def planes_encode(values: NDArray[Any]) -> bytes:
    """The values' bytes, first all lowest bytes, then all second ones, and so on."""
    if values.dtype.itemsize == 1:
        return values.tobytes()
    return np.ascontiguousarray(values.view(np.uint8).reshape(len(values), -1).T).tobytes()


def planes_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The values whose bytes `planes_encode` sorted."""
    raw = np.frombuffer(payload, dtype=np.uint8).reshape(dtype.itemsize, length)
    return raw.T.copy(order="C").reshape(-1).view(dtype)


def bits_encode(values: NDArray[Any]) -> bytes:
    """One bit per value (each 0 or 1), lowest bit first."""
    return np.packbits(values.astype(bool), bitorder="little").tobytes()


def bits_decode(payload: memoryview, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
    """The 0/1 values, of one byte each, behind `bits_encode`'s bytes; padding must be zero."""
    if dtype.itemsize != 1:
        raise CorruptFileError(f"bits of the type {dtype}; only types of one byte are stored so")
    raw = np.frombuffer(payload, dtype=np.uint8)
    if length % 8 and raw[-1] >> (length % 8):
        raise CorruptFileError("padding bits are not zero")
    return np.unpackbits(raw, count=length, bitorder="little").view(dtype)


def delta_encode(values: NDArray[Any]) -> NDArray[Any]:
    """First value, then differences, modulo 2**bits."""
    out = values.copy()
    out[1:] -= values[:-1]
    return out


def delta_decode(values: NDArray[Any]) -> NDArray[Any]:
    """The values whose wrapped differences these are."""
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
    """The fixed-size arrays whose wrapped differences these are."""
    grid = values.reshape(-1, *shape)
    for axis in range(1, grid.ndim):
        grid = np.cumsum(grid, axis=axis, dtype=values.dtype)
    return grid.reshape(-1)


def rows_encode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """First row, then each one less the one before it, modulo 2**bits."""
    rows = values.reshape(-1, math.prod(shape))
    out = rows.copy()
    out[1:] -= rows[:-1]
    return out.reshape(-1)


def rows_decode(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The rows whose wrapped differences these are."""
    return np.cumsum(values.reshape(-1, math.prod(shape)), axis=0, dtype=values.dtype).reshape(-1)


def pco_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type under which pco gets a column: its own, booleans as bytes."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype
