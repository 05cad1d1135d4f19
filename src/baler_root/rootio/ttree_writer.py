"""Writes TTrees: branches of leaves, of streamed strings and vectors, and described ones, in order.

uproot finds the space in the file and keeps its directories; baskets and the tree's metadata are written
here, once, when the last cluster is in. So counters are shared as in the source (`Muon_*` all counted by
`nMuon`), titles and aliases survive, and two branches may have one name, none of which `uproot.mktree`
offers.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import OutputError
from baler_root.rootio.array_parts import flat_values, list_parts, values_of
from baler_root.rootio.leaves import (
    IO_FEATURES,
    HasBaskets,
    Leaf,
    OutputBranch,
    fill_attributes,
    write_branch,
)
from baler_root.rootio.raw.basket_key import BASKET_HEAD, KEY_HEAD
from baler_root.rootio.raw.object_bytes import encode_array
from baler_root.rootio.raw.raw_branch import GENERATED_OFFSETS
from baler_root.rootio.raw.record_writer import Basket, OutputRecord, PendingBasket, write_record
from baler_root.rootio.streamers import add_streamers
from baler_root.rootio.tbuffer import TBuffer, string_bytes
from baler_root.rootio.tree_tail import TreeTail, write_empty_tail

_GENERATED = 80
"""Flag of a basket whose offsets the reader works out."""


_BIG_KEY = 1004
"""Key version 4, with 64-bit positions."""


_BASKET_LIMIT = 1 << 27
"""Bytes after which a cluster is cut into several baskets; ROOT's own limit is 2^30."""


class DoesNotFitError(Exception):
    """Data that the planned TTree cannot hold, found while writing; the message is the cause."""


class TTreeWriter:
    """Writes one TTree into a directory of an open file, cluster by cluster; `close` makes it readable."""

    def __init__(
        self,
        directory: Any,
        name: str,
        title: str,
        branches: Sequence[OutputBranch | OutputRecord],
        aliases: Mapping[str, str],
        *,
        weight: float = 1.0,
        tail: TreeTail | None = None,
    ) -> None:
        """Start a tree; a `tail` has the aliases, too."""
        self._directory = directory._cascading
        self._sink = directory.file.sink
        self._free = self._directory.freesegments
        self._compression = directory.file.compression
        self.name, self.title = name, title
        self._aliases, self._weight, self._tail = aliases, weight, tail
        self.top = list(branches)
        self.branches = [branch for branch in branches if isinstance(branch, OutputBranch)]
        self.records = [item for top in branches if isinstance(top, OutputRecord) for item in top.walk()]
        self._pending = {item.source: PendingBasket() for item in self.records if item.is_raw}
        self.num_entries = 0
        self.cycle = 0
        add_streamers(directory.file)

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
                values = flat_values(values_of(arrays[branch.source], branch.members), branch.leaves)
                leaf = branch.leaves[0]
                if leaf in counts and not np.array_equal(values, counts[leaf]):
                    raise DoesNotFitError(
                        f"counter {leaf.name!r} differs from the list lengths it should count"
                    )
                self._fill_flat(branch, values)
        for item in self.records:
            if item.has_values:
                self._fill_record(item, arrays[item.source])
        self.num_entries += length

    def close(self) -> None:
        """Writes the baskets that are not full, the tree's metadata and its key.

        Raises OutputError for a raw branch of which some entries are in no basket.
        """
        for item in self.records:
            if item.is_raw:
                pending = self._pending[item.source]
                for basket in pending.finish():
                    self._raw_basket(item, basket)
                if item.entries[-1] != (self.num_entries if item.seeks or pending.left_out else 0):
                    raise OutputError(
                        f"tree {self.name!r}: the baskets of the raw branch {item.name!r} have {item.entries[-1]} "
                        f"of {self.num_entries} entries, as after a recovery by an earlier version; recover or "
                        "compress the original again, or read this file with baler_root.open"
                    )
            elif not item.has_values:
                item.entries.append(self.num_entries)
        raw = bytes(self._metadata())
        stored = _compressed(raw, self._compression)
        key = self._directory.add_object(
            self._sink, "TTree", self.name, self.title, stored, len(raw), big=True
        )
        self.cycle = key.cycle

    def _with_baskets(self) -> list[HasBaskets]:
        """All branches that have baskets."""
        return [*self.branches, *self.records]

    def discard(self) -> None:
        """Gives back the space of all baskets, when the tree will not be closed."""
        for branch in self._with_baskets():
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

    def _fill_record(self, item: OutputRecord, array: Any) -> None:
        """Baskets of one cluster of a described branch."""
        if item.encoding is None:
            for basket in self._pending[item.source].add(array):
                self._raw_basket(item, basket)
            return
        data, offsets = encode_array(item.encoding, values_of(array, item.members))
        start, length = 0, len(offsets) - 1
        while start < length:
            limit = offsets[start] + _BASKET_LIMIT
            stop = min(length, max(start + 1, int(np.searchsorted(offsets, limit, side="right")) - 1))
            inside = offsets[start : stop + 1] - offsets[start]
            self._raw_basket(item, Basket(data[offsets[start] : offsets[stop]].tobytes(), inside, 0))
            start = stop

    def _raw_basket(self, item: OutputRecord, basket: Basket) -> None:
        entries = len(basket.offsets) - 1
        has_offsets = item.variable_size and not item.generates_offsets
        offsets = basket.offsets if has_offsets != basket.other_offsets else None
        per_entry = entries + 2 if item.variable_size else len(basket.data) // max(1, entries)
        io_bits = GENERATED_OFFSETS if item.generates_offsets and offsets is None else 0
        self._basket(item, basket.data, entries, per_entry, offsets, basket.position, io_bits)

    def _basket(
        self,
        branch: HasBaskets,
        data: bytes,
        entries: int,
        per_entry: int,
        offsets: NDArray[np.int64] | None = None,
        position: int = 0,
        io_bits: int = 0,
    ) -> None:
        """Writes a basket; its bytes begin at `position`, counted from the start of its key (0: anywhere)."""
        head_size = KEY_HEAD.size + BASKET_HEAD.size + (1 if io_bits else 0)
        strings = string_bytes("TBasket") + string_bytes(branch.name) + string_bytes(self.name)
        head = len(strings) + head_size
        if position:
            strings = _strings_of_size(branch.name, self.name, position - head_size)
            head = position
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
        key = KEY_HEAD.pack(size, _BIG_KEY, len(data), 0, head, 0, seek, self._directory.key.location)
        basket = BASKET_HEAD.pack(3, 32000, per_entry, entries, last, 0)
        if io_bits:  # the sign of the third number says that bits follow
            basket = struct.pack(">HiiBiiB", 3, 32000, -per_entry, io_bits, entries, last, _GENERATED)
        self._sink.write(seek, b"".join((key, strings, basket, stored)))
        branch.sizes.append(size)
        branch.entries.append(branch.entries[-1] + entries)
        branch.seeks.append(seek)
        branch.tot_bytes += head + len(data)

    def _metadata(self) -> bytearray:
        strings = string_bytes("TTree") + string_bytes(self.name) + string_bytes(self.title)
        buffer = TBuffer(KEY_HEAD.size + len(strings))
        written = self._with_baskets()
        total_bytes = sum(branch.tot_bytes for branch in written)
        stored_bytes = sum(sum(branch.sizes) for branch in written)
        items = {item.source: item for item in self.records}
        with buffer.versioned(20):
            buffer.named(self.name, self.title)
            with buffer.versioned(2):  # TAttLine: colour, style, width
                buffer.pack("hhh", 602, 1, 1)
            fill_attributes(buffer)
            with buffer.versioned(2):  # TAttMarker: colour, style, size
                buffer.pack("hhf", 1, 1, 1.0)
            buffer.pack("qqqqq", self.num_entries, total_bytes, stored_bytes, 0, stored_bytes)
            buffer.pack("d", self._weight)
            buffer.pack(
                "iiiii", 0, 25, 0, 1000, 0
            )  # timer, scan field, update, entry offset length, cluster ranges
            buffer.pack("qqqqqq", 10**12, 10**12, 0, -300_000_000, -30_000_000, 10**6)
            buffer.pack("BB", 0, 0)  # cluster range ends and sizes: none
            buffer.data += IO_FEATURES
            with buffer.object_array(len(self.top)):
                for branch in self.top:
                    if isinstance(branch, OutputRecord):
                        write_record(buffer, branch, items)
                    else:
                        write_branch(buffer, branch, self.num_entries)
            references = [reference for branch in self.top for reference in _leaf_references(branch)]
            with buffer.object_array(len(references)):
                for reference in references:
                    buffer.refer(reference)
            if self._tail is not None:
                buffer.data += self._tail.at(buffer.origin + len(buffer.data))
            else:
                write_empty_tail(buffer, self._aliases)
        return buffer.data


def _leaf_references(branch: OutputBranch | OutputRecord) -> list[int]:
    """References to all leaves of a branch, once it is written."""
    if isinstance(branch, OutputBranch):
        return [leaf.reference for leaf in branch.leaves]
    return [reference for item in branch.walk() for reference in item.leaf_references.values()]


def _strings_of_size(name: str, title: str, size: int) -> bytes:
    """Class, name and title of a basket's key, in as many bytes as asked for; nobody reads name and title.

    Raises DoesNotFitError where there is no room for the class.
    """
    classname = string_bytes("TBasket")
    if size >= 1 << 15:
        raise DoesNotFitError(f"the key of a basket of branch {name!r} has {size:,} bytes of names")
    for text in (name, ""):
        strings = classname + string_bytes(text)
        room = size - len(strings) - 1
        if 0 <= room < 255:
            return strings + bytes([room]) + title.encode(errors="surrogateescape")[:room].ljust(room)
        if room >= 259:
            return strings + b"\xff" + struct.pack(">I", room - 4) + b" " * (room - 4)
    raise DoesNotFitError(f"the key of a basket of branch {name!r} cannot have the size that it had")


def _compressed(data: bytes, compression: Any) -> bytes:
    """ROOT's compressed blocks, or the bytes themselves where those are no longer."""
    import uproot.compression

    compressed: bytes = uproot.compression.compress(data, compression)
    return compressed if len(compressed) < len(data) else data
