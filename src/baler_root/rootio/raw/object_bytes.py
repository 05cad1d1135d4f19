"""Arrays to bytes as ROOT streams them: numbers, strings, containers, and small objects.

An encoding is JSON, one dictionary for each level of the type:

    {"number": ">f4", "shape": [3]}                 numbers, of a fixed shape
    {"string": 1}                                   length in one byte, or 255 and four bytes, then characters
    {"regular": E}                                  items of an axis of fixed size
    {"items": E}                                    items one after another
    {"counted": E}                                  number of items in four bytes, then the items
    {"versioned": E, "version": "0009"}             count of bytes, version (and checksum), then E
    {"template": "4000003c0004...", "at": [["fP/fX", ">f8", 32], ...]}
                                                    bytes that all records share, and numbers in their places
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

Encoding = dict[str, Any]


Encoded = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Bytes, and the offset of each item in them."""


_LONG = 255
"""Length byte after which the length of a string follows in four bytes."""


_PIECE = 1 << 22
"""Bytes of values that are encoded at a time, since places of bytes take a multiple of that memory."""


_BYTE_COUNT = 0x40000000


_LEVELS = ("items", "counted", "versioned", "regular")
"""Keys of the level below."""


_DTYPE = re.compile(r"[<>|]?[?bBiuf][1248]?")


def encode_array(encoding: Encoding, array: Any) -> Encoded:
    """Bytes of an awkward array, and the offset of each entry in them.

    Raises CorruptFileError for an encoding that does not fit the array.
    """
    try:
        layout = packed(array)
        step = max(1, len(layout) * _PIECE // max(1, layout.nbytes))
        starts = range(0, max(1, len(layout)), step)
        pieces = [encode(encoding, packed(layout[start : start + step])) for start in starts]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CorruptFileError(
            f"its values are not of the type described ({type(error).__name__}: {error})"
        ) from error
    ends = np.cumsum([0, *(offsets[-1] for _, offsets in pieces)])
    offsets = [np.zeros(1, np.int64), *(part[1:] + end for (_, part), end in zip(pieces, ends, strict=False))]
    return np.concatenate([data for data, _ in pieces]), np.concatenate(offsets)


def encode(encoding: Encoding, layout: Any) -> Encoded:
    """Bytes of an awkward layout of packed buffers, and the offset of each item in them."""
    if "number" in encoding:
        dtype = np.dtype(encoding["number"])
        values = _numbers(layout, len(encoding.get("shape", ())))
        data = np.ascontiguousarray(values.astype(dtype, copy=False)).view(np.uint8).reshape(-1)
        size = len(data) // len(layout) if len(layout) else 0
        return data, np.arange(len(layout) + 1, dtype=np.int64) * size
    if "template" in encoding:
        template = np.frombuffer(bytes.fromhex(encoding["template"]), np.uint8)
        rows = np.tile(template, (len(layout), 1))
        for path, name, place in encoding["at"]:
            dtype = np.dtype(name)
            values = _numbers(_at_path(layout, path), 0).astype(dtype, copy=False)
            places = rows[:, place : place + dtype.itemsize]
            places[:] = np.ascontiguousarray(values).view(np.uint8).reshape(len(layout), dtype.itemsize)
        return _rows(rows)
    if "regular" in encoding:
        data, offsets = encode(encoding["regular"], layout.content[: len(layout) * layout.size])
        return data, np.ascontiguousarray(offsets[:: layout.size])
    if "versioned" in encoding:
        data, offsets = encode(encoding["versioned"], layout)
        version = bytes.fromhex(encoding["version"])
        heads = np.zeros((len(layout), 4 + len(version)), np.uint8)
        counts = (np.diff(offsets) + len(version) + _BYTE_COUNT).astype(">u4")
        heads[:, :4] = counts.view(np.uint8).reshape(-1, 4)
        heads[:, 4:] = np.frombuffer(version, np.uint8)
        return _interleave([_rows(heads), (data, offsets)])
    lists = layout.to_ListOffsetArray64(True)
    edges = np.asarray(lists.offsets.data)
    content = lists.content[: edges[-1]]
    if "string" in encoding:
        data = np.asarray(content.data).view(np.uint8)
        return _interleave([_string_heads(np.diff(edges)), (data, edges)])
    inner = encoding["items"] if "items" in encoding else encoding["counted"]
    data, offsets = encode(inner, content)
    items = data, offsets[edges]
    if "items" in encoding:
        return items
    counts = np.diff(edges).astype(">i4")
    return _interleave([_rows(counts.view(np.uint8).reshape(-1, 4)), items])


def check_encoding(encoding: Any) -> None:
    """Raise CorruptFileError for what is no encoding."""
    try:
        _check(encoding)
    except CorruptFileError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{encoding!s:.80} is no encoding of values ({error})") from None


def _check(encoding: Any) -> None:
    inner = encoding
    for _ in range(16):
        if not isinstance(inner, dict):
            break
        if "number" in inner:
            if not _DTYPE.fullmatch(str(inner["number"])):
                break
            return
        if "string" in inner:
            return
        if "template" in inner:
            size = len(bytes.fromhex(inner["template"]))
            for path, name, place in inner["at"]:
                if not isinstance(path, str) or not _DTYPE.fullmatch(name):
                    raise CorruptFileError(f"{path!r:.40} is no number of a record")
                if type(place) is not int or not 0 <= place <= size - np.dtype(name).itemsize:
                    raise CorruptFileError(f"place {place!r:.20} in records of {size} bytes")
            return
        if "versioned" in inner:
            bytes.fromhex(inner["version"])
        inner = next((inner[key] for key in _LEVELS if key in inner), None)
    raise CorruptFileError(f"{encoding!s:.80} is no encoding of values")


def packed(array: Any) -> Any:
    import awkward as ak

    return ak.to_packed(array).layout


def _numbers(layout: Any, axes: int) -> NDArray[Any]:
    import awkward as ak

    values: NDArray[Any] = ak.to_numpy(ak.without_parameters(ak.Array(layout)), allow_missing=False)
    if values.ndim != axes + 1:
        raise ValueError(f"{values.ndim - 1} axes instead of {axes}")
    return values


def _member(layout: Any, name: str) -> Any:
    return layout.content(name)[: len(layout)]


def _at_path(layout: Any, path: str) -> Any:
    """Member of a member of a record."""
    for name in path.split("/"):
        layout = _member(layout, name)
    return layout


def _rows(rows: NDArray[np.uint8]) -> Encoded:
    """Rows of one length as bytes and offsets."""
    return np.ascontiguousarray(rows).reshape(-1), np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]


def _string_heads(lengths: NDArray[np.int64]) -> Encoded:
    """Length in front of each string."""
    sizes = np.where(lengths < _LONG, 1, 5)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    data = np.zeros(int(offsets[-1]), np.uint8)
    data[offsets[:-1]] = np.minimum(lengths, _LONG)
    for number in np.flatnonzero(sizes == 5):
        start = offsets[number] + 1
        data[start : start + 4] = np.frombuffer(int(lengths[number]).to_bytes(4, "big"), np.uint8)
    return data, offsets


def _interleave(parts: list[Encoded]) -> Encoded:
    """Item after item, each with its bytes of all parts."""
    lengths = np.stack([np.diff(offsets) for _, offsets in parts], axis=1)
    starts = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths.reshape(-1), out=starts[1:])
    data = np.empty(int(starts[-1]), np.uint8)
    for number, (part, offsets) in enumerate(parts):
        sizes = lengths[:, number]
        shift = starts[number : -1 : len(parts)] - offsets[:-1]
        data[np.arange(len(part)) + np.repeat(shift, sizes)] = part
    return data, starts[:: len(parts)]
