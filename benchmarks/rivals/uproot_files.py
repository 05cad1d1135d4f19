"""ROOT files of the same trees, written with uproot at the best settings of each format.

TTree: one basket per branch, and one counter for all lists of equal lengths. Branches that uproot's TTree
writer does not support (nested lists, options) are written to an RNTuple beside the tree. uproot does not
compress headers and streamer infos, and writes RNTuple pages without ROOT's split encoding. Sizes are
corrected for both, to those that ROOT would reach.
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

from baler_root.evaluation.report.rounded_floats import rounded_array
from baler_root.format.bounds import ErrorBound
from benchmarks.data.sources import Tree, flatten, is_text

TTREE = {
    "ttree-zlib1": lambda: uproot.ZLIB(1),
    "ttree-zstd5": lambda: uproot.ZSTD(5),
    "ttree-lzma9": lambda: uproot.LZMA(9),
}
RNTUPLE = {"rntuple-zstd5": lambda: uproot.ZSTD(5)}
NAMES = (*TTREE, *RNTUPLE)

PAGE = 1 << 20
"""Largest RNTuple page [bytes], ROOT's default."""


@dataclass(slots=True)
class SortedBranches:
    """Branches of one tree, sorted by how they are written."""

    flat: dict[str, ak.Array] = field(default_factory=dict)
    jagged: dict[str, dict[str, ak.Array]] = field(default_factory=dict)
    """Members of each group, by the name of its counter; all have the same list lengths."""
    rest: dict[str, ak.Array] = field(default_factory=dict)
    """Branches that uproot cannot write to a TTree."""


def rounded_to(array: ak.Array, bound: str) -> ak.Array:
    """The array with all floats rounded as far as the bound allows."""
    parsed = ErrorBound.parse(bound)
    return rounded_array(array, lambda _: parsed)


def safe(name: str) -> str:
    """The name without characters that have a meaning in TTree leaf lists or RNTuple fields."""
    return re.sub(r"\W", "_", name)


def unique(name: str, names: set[str]) -> str:
    """`name`, or the first of `name_2`, `name_3`, … that is not in `names`; it is added to `names`."""
    candidate, number = name, 1
    while candidate in names:
        number += 1
        candidate = f"{name}_{number}"
    names.add(candidate)
    return candidate


def sort_branches(tree: Tree) -> SortedBranches:
    """Branches of a tree sorted by how they are written, without counters that the TTree writer adds."""
    result = SortedBranches()
    names: set[str] = set()
    groups: dict[bytes, str] = {}
    for path, array in (leaf for branch in tree.branches for leaf in flatten(*branch)):
        name = unique(safe(path), names)
        layout = array.layout
        if layout.is_numpy or (is_text(array) and layout.is_list) or is_regular_numbers(layout):
            result.flat[name] = array
        elif layout.is_list and layout.content.is_numpy and not is_text(array):
            key = hashlib.sha256(counts(array).tobytes()).digest()
            group = groups.setdefault(key, f"g{len(groups)}")
            result.jagged.setdefault(group, {})[name] = array
        else:
            result.rest[name] = array
    for members in result.jagged.values():
        lengths = counts(next(iter(members.values())))
        for name, array in result.flat.items():
            values = np.asarray(array) if array.layout.is_numpy else None
            if (
                values is not None
                and values.ndim == 1
                and values.dtype.kind in "iu"
                and np.array_equal(values, lengths)
            ):
                del result.flat[name]
                break
    return result


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


def ttree_of(parts: SortedBranches) -> tuple[dict[str, Any], dict[str, Any]]:
    """Types for `mktree` and arrays for `extend` of the branches that a TTree can hold."""
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
    """Write a ROOT file with these trees, one basket per branch; returns its size [bytes] in ROOT."""
    saving = 0
    with uproot.recreate(path, compression=compression) as file:
        for number, tree in enumerate(trees):
            parts = sort_branches(tree)
            types, data = ttree_of(parts)
            if types:
                writer = file.mktree(f"t{number}", types, initial_basket_capacity=1, field_name=inner_name)
                writer.extend(data)
            if parts.rest:
                rest = ak.zip(parts.rest, depth_limit=1)
                file.mkrntuple(f"r{number}", rest)
                saving += split_saving(rest, compression)
    return path.stat().st_size - saving - header_saving(path, compression)


def inner_name(_outer: str, inner: str) -> str:
    """Field name of a member: its name without that of the group."""
    return inner


def write_rntuples(trees: list[Tree], compression: Any, path: Path) -> int:
    """Write a ROOT file with these trees as RNTuples; returns the size [bytes] that ROOT would reach.

    Each has one cluster, and lists of equal lengths share a collection.
    """
    saving = 0
    with uproot.recreate(path, compression=compression) as file:
        for number, tree in enumerate(trees):
            parts = sort_branches(tree)
            fields = {**parts.flat, **parts.rest}
            fields.update({group: ak.zip(members, depth_limit=2) for group, members in parts.jagged.items()})
            entries = ak.zip(fields, depth_limit=1)
            file.mkrntuple(f"r{number}", entries)
            saving += split_saving(entries, compression)
    return path.stat().st_size - saving - header_saving(path, compression)


def header_saving(path: Path, compression: Any) -> int:
    """Bytes that ROOT would save by compressing headers of TTrees and streamer infos, and without gaps."""
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
    """Content of the record at `seek`, after its key, whose length is in bytes 14 and 15."""
    return data[seek + int.from_bytes(data[seek + 14 : seek + 16], "big") : seek + size]


def gaps(segments: bytes, end: int) -> int:
    """Size [bytes] of the free segments (version, first, last) before the end of the file."""
    total = position = 0
    while position < len(segments):
        wide = int.from_bytes(segments[position : position + 2], "big") > 1000
        first, last = struct.unpack_from(">QQ" if wide else ">II", segments, position + 2)
        position += 18 if wide else 10
        if first < end:
            total += last - first + 1
    return total


def split_saving(array: ak.Array, compression: Any) -> int:
    """Bytes that ROOT would save in the pages of this array by split encoding."""
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
    """Byte planes of each page: the first bytes of all numbers, then the second bytes, and so on."""
    step = PAGE // values.dtype.itemsize
    pages = [values[i : i + step] for i in range(0, len(values), step)]
    parts = [np.ascontiguousarray(p).view(np.uint8).reshape(len(p), -1).T.reshape(-1) for p in pages]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def packed_size(values: NDArray[Any], compression: Any) -> int:
    """Size [bytes] after compression, page by page."""
    raw = np.ascontiguousarray(values).tobytes()
    chunks = [raw[i : i + PAGE] for i in range(0, len(raw), PAGE)]
    return sum(min(len(chunk), len(uproot.compression.compress(chunk, compression))) for chunk in chunks)


def write(trees: list[Tree], rival: str, path: Path) -> int:
    """Write these trees as `rival` does; returns the size [bytes] that ROOT would reach."""
    if rival in TTREE:
        return write_ttrees(trees, TTREE[rival](), path)
    return write_rntuples(trees, RNTUPLE[rival](), path)


def size(trees: list[Tree], rival: str) -> int:
    """Size [bytes] of these trees as `rival` writes them."""
    with tempfile.TemporaryDirectory() as folder:
        return write(trees, rival, Path(folder) / "rival.root")
