"""Libraries that turn one array into bytes and back, each behind the same two functions."""

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


class Packer(NamedTuple):
    """`pack(values, tolerance)` gives bytes, `unpack(data, dtype, length)` values within the tolerance.

    A lossy one needs a tolerance above 0, others leave it unused.
    """

    name: str
    pack: Callable[[Values, float], bytes]
    unpack: Callable[[bytes, np.dtype[Any], int], Values]
    lossy: bool = False


class Stream(NamedTuple):
    """One packed array. Type and length stand in a file's description, which rivals get for nothing."""

    packer: Packer
    data: bytes
    dtype: np.dtype[Any]
    length: int

    def values(self) -> Values:
        """The array again."""
        return self.packer.unpack(self.data, self.dtype, self.length)


def stream(packer: Packer, values: Values, tolerance: float = 0.0) -> Stream:
    """The array packed; nothing for an empty one."""
    if not values.size:
        return Stream(NOTHING, b"", values.dtype, 0)
    return Stream(packer, packer.pack(values, tolerance), values.dtype, values.size)


def lossless(values: Values) -> Stream:
    """The shorter of pcodec-12 and zstd-19: how all rivals store what must stay exact."""
    return min((stream(packer, values) for packer in (PCODEC, ZSTD)), key=lambda s: len(s.data))


def stored(symbols: NDArray[np.int64]) -> int:
    """Bytes of small signed integers: pcodec, zstd over byte planes or an order-0 entropy coder, the shortest."""
    folded = np.where(symbols < 0, -2 * symbols - 1, 2 * symbols)
    narrow = folded.astype(np.min_scalar_type(int(folded.max())))
    _, counts = np.unique(narrow, return_counts=True)
    entropy = float(np.sum(counts * np.log2(narrow.size / counts))) / 8
    table = 4 * counts.size
    return min(len(lossless(narrow).data), math.ceil(entropy) + table)


def split(values: Values) -> bytes:
    """First bytes of all numbers, then second bytes, and so on."""
    return values.view(np.uint8).reshape(values.size, -1).T.tobytes()


def _unsplit(raw: bytes, dtype: np.dtype[Any], length: int) -> Values:
    columns = np.frombuffer(raw, np.uint8).reshape(-1, length)
    return np.ascontiguousarray(columns.T).view(dtype).reshape(-1)


def _pack_zstd(values: Values, _: float) -> bytes:
    return zstandard.ZstdCompressor(level=19).compress(split(values))


def _unpack_zstd(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    return _unsplit(zstandard.ZstdDecompressor().decompress(data), dtype, length)


def _xz_filters(size: int) -> list[dict[str, int]]:
    """xz at its best, with a dictionary no larger than the data: allocating 64 MB takes longer than most columns."""
    dictionary = max(1 << 12, min(size, 1 << 26))
    return [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}]


def _pack_xz(values: Values, _: float) -> bytes:
    # The raw stream: container and checksum of .xz would charge every column 60 bytes.
    return lzma.compress(values.tobytes(), lzma.FORMAT_RAW, filters=_xz_filters(values.nbytes))


def _unpack_xz(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    raw = lzma.decompress(data, lzma.FORMAT_RAW, filters=_xz_filters(length * dtype.itemsize))
    return np.frombuffer(raw, dtype, length)


def _pack_pcodec(values: Values, _: float) -> bytes:
    return bytes(standalone.simple_compress(values, PCODEC_CONFIG))


def _unpack_pcodec(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    out = np.empty(length, dtype)
    standalone.simple_decompress_into(data, out)
    return out


def _pack_sz3(values: Values, tolerance: float) -> bytes:
    """The shortest of three algorithms: tables are not smooth, and prediction often costs more than it saves."""
    from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode

    found = []
    for algorithm in (szAlgorithm.INTERP_LORENZO, szAlgorithm.LORENZO_REG, szAlgorithm.NOPRED):
        config = szConfig(values.shape)
        config.errorBoundMode = szErrorBoundMode.ABS
        config.absErrorBound = tolerance
        config.cmprAlgo = algorithm
        found.append(bytes(sz.compress(values, config)[0]))
    return min(found, key=len)


def _unpack_sz3(data: bytes, dtype: np.dtype[Any], length: int) -> Values:
    from pysz import sz

    values: Values = sz.decompress(np.frombuffer(data, np.uint8), dtype, (length,))[0]
    return values


def _pack_zfp(values: Values, tolerance: float) -> bytes:
    import zfpy

    packed: bytes = zfpy.compress_numpy(values, tolerance=tolerance)
    return packed


def _unpack_zfp(data: bytes, _: np.dtype[Any], __: int) -> Values:
    import zfpy

    values: Values = zfpy.decompress_numpy(data)
    return values


NOTHING = Packer("nothing", lambda _, __: b"", lambda _, dtype, __: np.zeros(0, dtype))
ZSTD = Packer("zstd19", _pack_zstd, _unpack_zstd)
XZ = Packer("xz", _pack_xz, _unpack_xz)
PCODEC = Packer("pcodec12", _pack_pcodec, _unpack_pcodec)
SZ3 = Packer("sz3", _pack_sz3, _unpack_sz3, lossy=True)
ZFP = Packer("zfp", _pack_zfp, _unpack_zfp, lossy=True)
