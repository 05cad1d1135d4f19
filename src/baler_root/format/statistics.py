"""Statistics of every column in every cluster: errors, and the range of the decoded values
(formats/pages.md#statistics)."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.packed import pack_bytes, unpack_bytes
from baler_root.format.binary.varint import Cursor
from baler_root.format.bounds import ErrorStats

RECORD = np.dtype(
    [
        ("max_error", "<f4"),
        ("rms_error", "<f4"),
        ("mean_error", "<f4"),
        ("minimum", "<f4"),
        ("maximum", "<f4"),
        ("nan_count", "<u4"),
        ("outliers", "<u4"),
        ("length", "<u4"),
        ("size", "<u4"),
    ]
)
"""Record of one column in one cluster. The range and the largest error are rounded outward."""


def record(decoded: NDArray[Any], errors: ErrorStats, outliers: int, size: float) -> tuple[float, ...]:
    """The fields of `RECORD` for one column of one cluster."""
    nans = 0
    low = high = float("nan")
    if len(decoded):
        low, high = decoded.min().item(), decoded.max().item()
        if isnan(low):
            missing = np.isnan(decoded)
            nans = int(missing.sum())
            numbers = decoded[~missing]
            if len(numbers):
                low, high = numbers.min().item(), numbers.max().item()
    return (
        _outward(errors.max, np.inf),
        _single(errors.rms),
        _single(errors.mean),
        _outward(low, -np.inf),
        _outward(high, np.inf),
        nans,
        outliers,
        len(decoded),
        round(size),
    )


def unknown_record(decoded: NDArray[Any]) -> tuple[float, ...]:
    """The record of a column whose original values are not available: its errors are NaN."""
    return record(decoded, ErrorStats(np.nan, np.nan, np.nan, 0, None), 0, 0.0)


def _outward(value: float, toward: float) -> float:
    """`value` as float32, rounded in the direction of `toward`."""
    rounded = _single(value)  # compared as Python numbers, of any size: NumPy would round `value` first
    if (toward > 0 and rounded < value) or (toward < 0 and rounded > value):
        return float(np.nextafter(np.float32(rounded), np.float32(toward)))
    return rounded


def _single(value: float) -> float:
    """`value` rounded to float32; infinite if it is too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.float32(value))


def pack_statistics(records: NDArray[Any]) -> bytes:
    """Bytes of records of shape (clusters, columns), ordered by byte planes, in which zstd finds more
    repetition."""
    planes = []
    for name in RECORD.names or ():
        field = np.ascontiguousarray(records[name]).reshape(-1)
        planes.append(field.view(np.uint8).reshape(len(field), field.itemsize).T.tobytes())
    return pack_bytes(b"".join(planes))


def unpack_statistics(data: memoryview, clusters: int, columns: int) -> NDArray[Any]:
    """The records, of shape (clusters, columns), from the bytes that `pack_statistics` made; raises
    FormatError."""
    cursor = Cursor(data)
    count = clusters * columns
    raw = unpack_bytes(cursor, count * RECORD.itemsize)
    cursor.finish("the statistics")
    if len(raw) != count * RECORD.itemsize:
        raise CorruptFileError(f"{len(raw)} bytes of statistics for {clusters} clusters of {columns} columns")
    records = np.empty(count, dtype=RECORD)
    offset = 0
    for name in RECORD.names or ():
        size = RECORD[name].itemsize
        plane = np.frombuffer(raw, dtype=np.uint8, count=count * size, offset=offset).reshape(size, count)
        records[name] = np.ascontiguousarray(plane.T).reshape(-1).view(RECORD[name])
        offset += count * size
    return records.reshape(clusters, columns)


def merge_errors(records: NDArray[Any], columns: Sequence[int]) -> tuple[float, float, float, int]:
    """(max, RMS, mean, outliers) over all clusters of some columns, weighted by length."""
    part = records[:, list(columns)].reshape(-1)
    weight = part["length"].astype(np.float64)
    total = float(weight.sum())
    if total == 0:
        return 0.0, 0.0, 0.0, 0
    rms = float(np.sqrt((part["rms_error"].astype(np.float64) ** 2 * weight).sum() / total))
    mean = float((part["mean_error"].astype(np.float64) * weight).sum() / total)
    return float(part["max_error"].max()), rms, mean, int(part["outliers"].sum())
