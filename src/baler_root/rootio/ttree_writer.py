"""Writes TTrees: flat, fixed-size, jagged and string branches and leaf lists, in the source's order.

uproot finds the space in the file and keeps its directories; baskets and the tree's metadata are written
here, once, when the last cluster is in. So counters are shared as in the source (`Muon_*` all counted by
`nMuon`), titles and aliases survive, and two branches may have one name, none of which `uproot.mktree`
offers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.rootio.leaves import IO_FEATURES, Leaf, OutputBranch, fill_attributes, write_branch
from baler_root.rootio.tbuffer import TBuffer, string_bytes

_KEY_HEAD = struct.Struct(">ihiIhhqq")


_BASKET_HEAD = struct.Struct(">HiiiiB")


_BIG_KEY = 1004
"""Key version 4, with 64-bit positions."""


_BASKET_LIMIT = 1 << 27
"""Bytes after which a cluster is cut into several baskets; ROOT's own limit is 2^30."""


class DoesNotFitError(Exception):
    """Data that the planned TTree cannot hold, found while writing; the message is the cause."""


class TTreeWriter:
    """Writes one TTree into a directory of an open file, cluster by cluster; `close` makes it readable."""

    def __init__(
        self, directory: Any, name: str, title: str, branches: list[OutputBranch], aliases: Mapping[str, str]
    ) -> None:
        self._directory = directory._cascading
        self._sink = directory.file.sink
        self._free = self._directory.freesegments
        self._compression = directory.file.compression
        self.name, self.title, self.branches, self.aliases = name, title, branches, aliases
        self.num_entries = 0
        self.cycle = 0
        _add_streamers(directory.file)

    def extend(self, arrays: Mapping[int, Any], length: int) -> None:
        """Appends one cluster: awkward arrays of `length` entries by branch position.

        Raises DoesNotFitError where list lengths and the counter that should hold them differ.
        """
        if length == 0:
            return
        counts: dict[Leaf, NDArray[Any]] = {}
        lists: dict[int, tuple[NDArray[Any], NDArray[Any]]] = {}
        for branch in self.branches:
            if branch.is_jagged and branch.source is not None:
                offsets, content = list_parts(arrays[branch.source])
                lists[branch.source] = offsets, content
                counter = branch.leaves[0].counter
                assert counter is not None  # noqa: S101 - for the type checker
                lengths = np.diff(offsets)
                if not np.array_equal(counts.setdefault(counter, lengths), lengths):
                    raise DoesNotFitError(
                        f"lists of {branch.name!r} differ in length from others of {counter.name!r}"
                    )
        for branch in self.branches:
            if branch.source is None:
                values = counts[branch.leaves[0]]
                self._fill_flat(branch, values.astype(np.int32))
            elif branch.is_jagged:
                self._fill_jagged(branch, *lists.pop(branch.source))
            elif branch.is_string:
                self._fill_strings(branch, *list_parts(arrays[branch.source]))
            else:
                values = flat_values(arrays[branch.source], branch.leaves)
                leaf = branch.leaves[0]
                if leaf in counts and not np.array_equal(values, counts[leaf]):
                    raise DoesNotFitError(
                        f"counter {leaf.name!r} differs from the list lengths it should count"
                    )
                self._fill_flat(branch, values)
        self.num_entries += length

    def close(self) -> None:
        """Writes the tree's metadata and its key."""
        raw = bytes(self._metadata())
        stored = _compressed(raw, self._compression)
        key = self._directory.add_object(
            self._sink, "TTree", self.name, self.title, stored, len(raw), big=True
        )
        self.cycle = key.cycle

    def discard(self) -> None:
        """Gives back the space of all baskets, when the tree will not be closed."""
        for branch in self.branches:
            for seek, size in zip(branch.seeks, branch.sizes, strict=True):
                self._free.release(seek, seek + size)

    def _fill_flat(self, branch: OutputBranch, values: NDArray[Any]) -> None:
        leaf = branch.leaves[0]
        if leaf.is_range and len(values):
            leaf.maximum = max(leaf.maximum, int(values.max()))
        if values.dtype.names is None and leaf.dtype is not None:
            if values.dtype != leaf.dtype or values.shape[1:] != leaf.shape:
                raise DoesNotFitError(
                    f"branch {branch.name!r} changes type: {leaf.dtype}{leaf.shape} to {values.dtype}{values.shape[1:]}"
                )
            values = values.astype(leaf.dtype.newbyteorder(">"), copy=False)
        size = values.nbytes // len(values)
        step = max(1, _BASKET_LIMIT // max(1, size))
        for start in range(0, len(values), step):
            part = np.ascontiguousarray(values[start : start + step])
            self._basket(branch, part.tobytes(), len(part), size)

    def _fill_jagged(self, branch: OutputBranch, offsets: NDArray[np.int64], content: NDArray[Any]) -> None:
        leaf = branch.leaves[0]
        if content.dtype != leaf.dtype or content.shape[1:] != leaf.shape:
            if len(content):
                raise DoesNotFitError(
                    f"branch {branch.name!r} changes type to {content.dtype}{content.shape[1:]}"
                )
            content = np.zeros((0, *leaf.shape), leaf.dtype)
        assert leaf.dtype is not None  # noqa: S101 - for the type checker
        size = leaf.dtype.itemsize * int(np.prod(leaf.shape))
        self._fill_lists(branch, offsets, content.astype(leaf.dtype.newbyteorder(">"), copy=False), size)

    def _fill_strings(
        self, branch: OutputBranch, offsets: NDArray[np.int64], content: NDArray[np.uint8]
    ) -> None:
        leaf = branch.leaves[0]
        lengths = np.diff(offsets)
        leaf.maximum = max(leaf.maximum, int(lengths.max(initial=0)) + 1)
        heads = np.where(lengths < 255, 1, 5)
        starts = np.zeros(len(offsets), np.int64)
        np.cumsum(lengths + heads, out=starts[1:])
        encoded = np.zeros(int(starts[-1]), np.uint8)
        encoded[starts[:-1]] = np.minimum(lengths, 255)
        for i in np.flatnonzero(heads == 5):
            encoded[starts[i] + 1 : starts[i] + 5] = np.frombuffer(struct.pack(">I", lengths[i]), np.uint8)
        encoded[np.arange(int(offsets[-1])) + np.repeat(starts[:-1] + heads - offsets[:-1], lengths)] = (
            content
        )
        self._fill_lists(branch, starts, encoded, 1)

    def _fill_lists(
        self, branch: OutputBranch, offsets: NDArray[np.int64], content: NDArray[Any], size: int
    ) -> None:
        start, num_lists = 0, len(offsets) - 1
        while start < num_lists:
            limit = offsets[start] + _BASKET_LIMIT // size
            stop = min(num_lists, max(start + 1, int(np.searchsorted(offsets, limit, side="right")) - 1))
            part = np.ascontiguousarray(content[offsets[start] : offsets[stop]]).tobytes()
            inside = (offsets[start : stop + 1] - offsets[start]) * size
            self._basket(branch, part, stop - start, stop - start + 2, inside)
            start = stop

    def _basket(
        self,
        branch: OutputBranch,
        data: bytes,
        entries: int,
        per_entry: int,
        offsets: NDArray[np.int64] | None = None,
    ) -> None:
        strings = string_bytes("TBasket") + string_bytes(branch.name) + string_bytes(self.name)
        head = _KEY_HEAD.size + len(strings) + _BASKET_HEAD.size
        last = head + len(data)
        if last >= 1 << 30:
            raise DoesNotFitError(
                f"one entry of branch {branch.name!r} has {len(data):,} bytes, too many for a basket"
            )
        if offsets is not None:
            places = (offsets + head).astype(">i4")
            places[-1] = 0
            data = b"".join((data, struct.pack(">i", len(places)), places.tobytes()))
        stored = _compressed(data, self._compression)
        size = head + len(stored)
        seek = self._free.allocate(size)
        key = _KEY_HEAD.pack(size, _BIG_KEY, len(data), 0, head, 0, seek, self._directory.key.location)
        basket = _BASKET_HEAD.pack(3, 32000, per_entry, entries, last, 0)
        self._sink.write(seek, b"".join((key, strings, basket, stored)))
        branch.sizes.append(size)
        branch.entries.append(branch.entries[-1] + entries)
        branch.seeks.append(seek)
        branch.tot_bytes += head + len(data)

    def _metadata(self) -> bytearray:
        strings = string_bytes("TTree") + string_bytes(self.name) + string_bytes(self.title)
        buffer = TBuffer(_KEY_HEAD.size + len(strings))
        total_bytes = sum(branch.tot_bytes for branch in self.branches)
        stored_bytes = sum(sum(branch.sizes) for branch in self.branches)
        with buffer.versioned(20):
            buffer.named(self.name, self.title)
            with buffer.versioned(2):  # TAttLine: colour, style, width
                buffer.pack("hhh", 602, 1, 1)
            fill_attributes(buffer)
            with buffer.versioned(2):  # TAttMarker: colour, style, size
                buffer.pack("hhf", 1, 1, 1.0)
            buffer.pack("qqqqqd", self.num_entries, total_bytes, stored_bytes, 0, stored_bytes, 1.0)
            buffer.pack(
                "iiiii", 0, 25, 0, 1000, 0
            )  # timer, scan field, update, entry offset length, cluster ranges
            buffer.pack("qqqqqq", 10**12, 10**12, 0, -300_000_000, -30_000_000, 10**6)
            buffer.pack("BB", 0, 0)  # cluster range ends and sizes: none
            buffer.data += IO_FEATURES
            with buffer.object_array(len(self.branches)):
                for branch in self.branches:
                    write_branch(buffer, branch, self.num_entries)
            leaves = [leaf for branch in self.branches for leaf in branch.leaves]
            with buffer.object_array(len(leaves)):
                for leaf in leaves:
                    buffer.refer(leaf.reference)
            self._write_aliases(buffer)
            buffer.pack("ii", 0, 0)  # index values, index
            for _ in range(4):  # tree index, friends, user info, branch references
                buffer.refer()
        return buffer.data

    def _write_aliases(self, buffer: TBuffer) -> None:
        if not self.aliases:
            buffer.refer()
            return
        with buffer.pointed_to("TList"), buffer.versioned(5):
            buffer.tobject()
            buffer.string("")
            buffer.pack("i", len(self.aliases))
            for name, expression in self.aliases.items():
                with buffer.pointed_to("TNamed"):
                    buffer.named(name, expression)
                buffer.string("")  # the option under which it is listed


def list_parts(array: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets (int64, from 0) and content (NumPy, native order) of an array of lists or strings."""
    import awkward as ak

    layout = ak.to_packed(array).layout
    while layout.is_indexed:
        layout = layout.project()
    layout = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets.data)
    content = ak.to_numpy(ak.without_parameters(ak.Array(layout.content[: offsets[-1]])), allow_missing=False)
    return offsets, content


def flat_values(array: Any, leaves: list[Leaf]) -> NDArray[Any]:
    """Values of a branch, in native byte order; several leaves become a big-endian structured array."""
    import awkward as ak

    if array.layout.is_record:
        packed = [
            (leaf.name, leaf.dtype.newbyteorder(">"), leaf.shape) for leaf in leaves if leaf.dtype is not None
        ]
        records = np.empty(len(array), np.dtype(packed))
        for leaf in leaves:
            records[leaf.name] = ak.to_numpy(array[leaf.name], allow_missing=False)
        return records
    values: NDArray[Any] = ak.to_numpy(array, allow_missing=False)
    return values


def _compressed(data: bytes, compression: Any) -> bytes:
    """ROOT's compressed blocks, or the bytes themselves where those are no longer."""
    import uproot.compression

    compressed: bytes = uproot.compression.compress(data, compression)
    return compressed if len(compressed) < len(data) else data


def _add_streamers(file: Any) -> None:
    """Declares the classes of a TTree in the file's list, as ROOT does."""
    import uproot.models
    from uproot.writing._cascade import RawStreamerInfo

    leaves = [getattr(uproot.models.TLeaf, f"Model_TLeaf{letter}_v1") for letter in "OBSILFDC"]
    infos = {}
    for model in (*leaves, uproot.models.TBranch.Model_TBranch_v13, uproot.models.TTree.Model_TTree_v20):
        for raw in model.class_rawstreamers:
            infos[raw[-2], raw[-1]] = RawStreamerInfo(*raw)
    file._cascading.streamers.update_streamers(file.sink, list(infos.values()))
