"""Compression libraries, each with the same two functions: an array to bytes, and back."""

from __future__ import annotations

import lzma
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import zstandard
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

Values = NDArray[Any]

PCODEC_CONFIG = ChunkConfig(compression_level=12, enable_8_bit=True)


class Compressor(NamedTuple):
    """A library: `compress(values, tolerance)` gives bytes, `decompress(data, dtype, length)` values again.

    Lossy libraries need a tolerance above 0; others ignore it.
    """

    name: str
    compress: Callable[[Values, float], bytes]
    decompress: Callable[[bytes, np.dtype[Any], int], Values]
    lossy: bool = False


class Stream(NamedTuple):
    """One compressed array. Type and length are metadata, which is not counted for rivals."""

    compressor: Compressor
    data: bytes
    dtype: np.dtype[Any]
    length: int

    def values(self) -> Values:
        """The decompressed array."""
        return self.compressor.decompress(self.data, self.dtype, self.length)


def stream(compressor: Compressor, values: Values, tolerance: float = 0.0) -> Stream:
    """The compressed array; no bytes for an empty array."""
    if not values.size:
        return Stream(NOTHING, b"", values.dtype, 0)
    return Stream(compressor, compressor.compress(values, tolerance), values.dtype, values.size)


def lossless(values: Values) -> Stream:
    """The smaller of pcodec-12 and zstd-19, by which all rivals store exact values."""
    return min((stream(compressor, values) for compressor in (PCODEC, ZSTD)), key=lambda s: len(s.data))


def stored(symbols: NDArray[np.int64]) -> int:
    """Size [bytes] of small signed integers: the smallest of pcodec, zstd and an order-0 entropy coder."""
    folded = np.where(symbols < 0, -2 * symbols - 1, 2 * symbols)
    narrow = folded.astype(np.min_scalar_type(int(folded.max())))
    _, counts = np.unique(narrow, return_counts=True)
    entropy = float(np.sum(counts * np.log2(narrow.size / counts))) / 8
    table = 4 * counts.size
    return min(len(lossless(narrow).data), math.ceil(entropy) + table)


def split(values: Values) -> bytes:
    """Byte planes: the first bytes of all numbers, then the second bytes, and so on."""
    return values.view(np.uint8).reshape(values.size, -1).T.tobytes()


def _unsplit(raw: bytes, dtype: np.dtype[Any], length: int) -> Values:
    columns = np.frombuffer(raw, np.uint8).reshape(-1, length)
    return np.ascontiguousarray(columns.T).view(dtype).reshape(-1)


def _compress_zstd(values: Values, _: float) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(split(values))


def _decompress_zstd(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    return _unsplit(zstandard.ZstdDecompressor().decompress(data), dtype, length)


def _xz_filters(size: int) -> list[dict[str, int]]:
    """Strongest setting of xz, with a dictionary limited to the size of the data.

    Allocating the full 64 MB would take longer than compressing most columns.
    """
    dictionary = max(1 << 12, min(size, 1 << 26))
    return [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}]


def _compress_xz(values: Values, _: float) -> bytes:
    # The raw stream: container and checksum of .xz would add 60 bytes to every column.
    return lzma.compress(values.tobytes(), lzma.FORMAT_RAW, filters=_xz_filters(values.nbytes))


def _decompress_xz(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    raw = lzma.decompress(data, lzma.FORMAT_RAW, filters=_xz_filters(length * dtype.itemsize))
    return np.frombuffer(raw, dtype, length)


def _compress_pcodec(values: Values, _: float) -> bytes:
    return bytes(standalone.simple_compress(values, PCODEC_CONFIG))


def _decompress_pcodec(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    values = np.empty(length, dtype)
    standalone.simple_decompress_into(data, values)
    return values


def _compress_sz3(values: Values, tolerance: float) -> bytes:
    """Smallest of three algorithms: tables are not smooth, so prediction often costs more than it saves."""
    from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode

    candidates = []
    for algorithm in (szAlgorithm.INTERP_LORENZO, szAlgorithm.LORENZO_REG, szAlgorithm.NOPRED):
        config = szConfig(values.shape)
        config.errorBoundMode = szErrorBoundMode.ABS
        config.absErrorBound = tolerance
        config.cmprAlgo = algorithm
        candidates.append(bytes(sz.compress(values, config)[0]))
    return min(candidates, key=len)


def _decompress_sz3(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    from pysz import sz

    values: Values = sz.decompress(np.frombuffer(data, np.uint8), dtype, (length,))[0]
    return values


def _compress_zfp(values: Values, tolerance: float) -> bytes:
    import zfpy

    compressed: bytes = zfpy.compress_numpy(values, tolerance=tolerance)
    return compressed


def _decompress_zfp(data: bytes, _: np.dtype[Any], __: int) -> Values:
    import zfpy

    values: Values = zfpy.decompress_numpy(data)
    return values


NOTHING = Compressor("nothing", lambda _, __: b"", lambda _, dtype, __: np.zeros(0, dtype))
ZSTD = Compressor("zstd19", _compress_zstd, _decompress_zstd)
XZ = Compressor("xz", _compress_xz, _decompress_xz)
PCODEC = Compressor("pcodec12", _compress_pcodec, _decompress_pcodec)
SZ3 = Compressor("sz3", _compress_sz3, _decompress_sz3, lossy=True)
ZFP = Compressor("zfp", _compress_zfp, _decompress_zfp, lossy=True)
