"""ROOT files of the same trees, written with uproot at the best settings each format has.

TTree: one basket per branch, counters shared by every list of the same lengths. What uproot's TTree writer
cannot hold (nested lists, options) goes into an RNTuple beside the tree. uproot leaves headers and
streamer infos uncompressed, and RNTuple pages without ROOT's split encoding; ROOT does neither, so both are corrected for:
sizes are those that ROOT would reach.
"""

from __future__ import annotations

import hashlib
import re
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from benchmarks.data.sources import Tree, flatten, is_text

TTREE = {
    "ttree-zlib1": lambda: uproot.ZLIB(1),
    "ttree-zstd5": lambda: uproot.ZSTD(5),
    "ttree-lzma9": lambda: uproot.LZMA(9),
}
RNTUPLE = {"rntuple-zstd5": lambda: uproot.ZSTD(5)}
NAMES = (*TTREE, *RNTUPLE)

PAGE = 1 << 20
"""Bytes of an RNTuple page at most, ROOT's default."""


@dataclass(slots=True)
class Plan:
    """Where the branches of one tree go."""

    flat: dict[str, ak.Array] = field(default_factory=dict)
    jagged: dict[str, dict[str, ak.Array]] = field(default_factory=dict)
    """Group (named after its counter) to its members, all with the same list lengths."""
    rest: dict[str, ak.Array] = field(default_factory=dict)
    """What a TTree written by uproot cannot hold."""


def safe(name: str) -> str:
    """The name with what TTree leaf lists and RNTuple fields give a meaning replaced."""
    return re.sub(r"\W", "_", name)


def unique(name: str, taken: set[str]) -> str:
    """`name`, or the first of `name_2`, `name_3` … not taken; it is taken from then on."""
    out, number = name, 1
    while out in taken:
        number += 1
        out = f"{name}_{number}"
    taken.add(out)
    return out


def plan(tree: Tree) -> Plan:
    """The branches sorted by what can hold them; counters that the TTree writer makes itself left out."""
    out = Plan()
    taken: set[str] = set()
    groups: dict[bytes, str] = {}
    for path, array in (leaf for branch in tree.branches for leaf in flatten(*branch)):
        name = unique(safe(path), taken)
        layout = array.layout
        if layout.is_numpy or (is_text(array) and layout.is_list) or is_regular_numbers(layout):
            out.flat[name] = array
        elif layout.is_list and layout.content.is_numpy and not is_text(array):
            key = hashlib.sha256(counts(array).tobytes()).digest()
            group = groups.setdefault(key, f"g{len(groups)}")
            out.jagged.setdefault(group, {})[name] = array
        else:
            out.rest[name] = array
    for members in out.jagged.values():
        lengths = counts(next(iter(members.values())))
        for name, array in out.flat.items():
            values = np.asarray(array) if array.layout.is_numpy else None
            if (
                values is not None
                and values.ndim == 1
                and values.dtype.kind in "iu"
                and np.array_equal(values, lengths)
            ):
                del out.flat[name]
                break
    return out


def counts(array: ak.Array) -> NDArray[np.int64]:
    """Length of each list."""
    return np.asarray(ak.num(array, axis=1), dtype=np.int64)


def is_regular_numbers(layout: Any) -> bool:
    """Whether the entries are fixed-size arrays of numbers."""
    while layout.is_regular and layout.parameter("__array__") is None:
        layout = layout.content
        if layout.is_numpy:
            return True
    return False


def ttree_of(parts: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `mktree` wants to know, and what `extend` wants to have, of the branches that a TTree holds."""
    types: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for name, array in parts.flat.items():
        if is_text(array):
            data[name], types[name] = array, "string"
        else:
            values = np.asarray(array)
            data[name], types[name] = values, np.dtype((values.dtype, values.shape[1:]))
    for group, members in parts.jagged.items():
        data[group] = ak.zip(members, depth_limit=2)
        types[group] = ak.type(data[group]).content
    return types, data


def write_ttrees(trees: list[Tree], compression: Any, path: Path) -> int:
    """Bytes of the ROOT file with these trees, one basket per branch, as ROOT would have written it."""
    saving = 0
    with uproot.recreate(path, compression=compression) as file:
        for number, tree in enumerate(trees):
            parts = plan(tree)
            types, data = ttree_of(parts)
            if types:
                out = file.mktree(f"t{number}", types, initial_basket_capacity=1, field_name=inner_name)
                out.extend(data)
            if parts.rest:
                rest = ak.zip(parts.rest, depth_limit=1)
                file.mkrntuple(f"r{number}", rest)
                saving += split_saving(rest, compression)
    return path.stat().st_size - saving - header_saving(path, compression)


def inner_name(_outer: str, inner: str) -> str:
    """Members keep their own names."""
    return inner


def write_rntuples(trees: list[Tree], compression: Any, path: Path) -> int:
    """Bytes of the ROOT file with these trees as RNTuples, as ROOT would have written it: one cluster each,
    collections of equal lengths in one field."""
    saving = 0
    with uproot.recreate(path, compression=compression) as file:
        for number, tree in enumerate(trees):
            parts = plan(tree)
            fields = {**parts.flat, **parts.rest}
            fields.update({group: ak.zip(members, depth_limit=2) for group, members in parts.jagged.items()})
            whole = ak.zip(fields, depth_limit=1)
            file.mkrntuple(f"r{number}", whole)
            saving += split_saving(whole, compression)
    return path.stat().st_size - saving - header_saving(path, compression)


def header_saving(path: Path, compression: Any) -> int:
    """Bytes that ROOT would save by compressing the headers of TTrees and the streamer infos, which uproot
    leaves as they are, and by leaving no gaps between records."""
    data = path.read_bytes()
    raws = []
    with uproot.open(path) as file:
        info = file.file
        raws.append(record(data, info.fSeekInfo, info.fNbytesInfo))
        for key in (file.key(name) for name in file.keys(filter_classname="TTree")):
            if key.data_compressed_bytes == key.data_uncompressed_bytes:
                chunk, cursor = key.get_uncompressed_chunk_cursor()
                raws.append(bytes(cursor.bytes(chunk, key.data_uncompressed_bytes, {}, move=False)))
        saving = gaps(record(data, info.fSeekFree, info.fNbytesFree), info.fEND)
    for raw in raws:
        saving += max(0, len(raw) - len(uproot.compression.compress(raw, compression)))
    return saving


def record(data: bytes, seek: int, size: int) -> bytes:
    """What follows the key of the record at `seek`; the key says its own length in bytes 14 and 15."""
    return data[seek + int.from_bytes(data[seek + 14 : seek + 16], "big") : seek + size]


def gaps(segments: bytes, end: int) -> int:
    """Bytes of the free segments (version, first, last) before the end of the file."""
    total = position = 0
    while position < len(segments):
        wide = int.from_bytes(segments[position : position + 2], "big") > 1000
        first, last = struct.unpack_from(">QQ" if wide else ">II", segments, position + 2)
        position += 18 if wide else 10
        if first < end:
            total += last - first + 1
    return total


def split_saving(array: ak.Array, compression: Any) -> int:
    """Bytes that ROOT would save in the pages of this array by its split encoding: the bytes of each number
    apart, differences of offsets."""
    _, _, buffers = ak.to_buffers(ak.to_packed(array))
    saving = 0
    for key, raw in buffers.items():
        values = np.asarray(raw)
        if values.dtype.kind in "iuf" and values.dtype.itemsize > 1:
            split = values
            if key.endswith("offsets"):
                values = values.astype(np.int64)[1:]
                split = np.diff(values, prepend=0)
            saving += max(0, packed_size(values, compression) - packed_size(shuffled(split), compression))
    return saving


def shuffled(values: NDArray[Any]) -> NDArray[np.uint8]:
    """First bytes of all numbers of a page, then second bytes, and so on."""
    step = PAGE // values.dtype.itemsize
    pages = [values[i : i + step] for i in range(0, len(values), step)]
    parts = [np.ascontiguousarray(p).view(np.uint8).reshape(len(p), -1).T.reshape(-1) for p in pages]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def packed_size(values: NDArray[Any], compression: Any) -> int:
    """Bytes after compression, page by page."""
    raw = np.ascontiguousarray(values).tobytes()
    chunks = [raw[i : i + PAGE] for i in range(0, len(raw), PAGE)]
    return sum(min(len(chunk), len(uproot.compression.compress(chunk, compression))) for chunk in chunks)


def write(trees: list[Tree], rival: str, path: Path) -> int:
    """Bytes of the file that `rival` makes of these trees, as ROOT would have written it."""
    if rival in TTREE:
        return write_ttrees(trees, TTREE[rival](), path)
    return write_rntuples(trees, RNTUPLE[rival](), path)


def size(trees: list[Tree], rival: str) -> int:
    """The same without keeping the file."""
    with tempfile.TemporaryDirectory() as where:
        return write(trees, rival, Path(where) / "rival.root")
