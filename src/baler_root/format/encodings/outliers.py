"""Carried out of quantiser, related."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.varint import Cursor, pack_varint


def with_outliers(values: NDArray[Any], positions: NDArray[np.int64], outliers: NDArray[Any]) -> NDArray[Any]:
    """`values` after the outliers were written into them; FormatError when positions do not fit."""
    if positions.size != outliers.size:
        raise CorruptFileError(f"{positions.size} outlier positions for {outliers.size} outliers")
    if positions.size:
        increasing = bool(np.all(positions[1:] > positions[:-1]))
        if not increasing or positions[0] < 0 or positions[-1] >= values.size:
            raise CorruptFileError(f"outlier positions do not increase from 0 to below {values.size}")
        values[positions] = outliers
    return values


_POSITION = np.dtype("<u4")


def pack_outliers(positions: NDArray[np.int64], outliers: NDArray[Any]) -> bytes:
    """Values that are stored exactly, and where they stand."""
    deltas = np.diff(positions, prepend=0).astype(_POSITION)
    return pack_varint(len(deltas)) + deltas.tobytes() + outliers.tobytes()


def read_outliers(
    directory: Cursor, length: int, dtype: np.dtype[Any]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """What `pack_outliers` packed."""
    count = directory.varint()
    if count > length:
        raise CorruptFileError(f"{count} outliers among {length} values")
    deltas = np.frombuffer(directory.take(count * _POSITION.itemsize), dtype=_POSITION)
    outliers = np.frombuffer(directory.take(count * dtype.itemsize), dtype=dtype)
    return np.cumsum(deltas, dtype=np.int64), outliers
