"""Writes branches that are described as ROOT stored them (`branch_record`), with all below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.rootio.leaves import fill_attributes, write_basket_list
from baler_root.rootio.raw.branch_record import (
    ELEMENT,
    ELEMENT_TEXTS,
    LEAF,
    LEAF_NUMBERS,
    LEAF_VERSIONS,
    Record,
)
from baler_root.rootio.raw.raw_branch import GENERATED_OFFSETS, OTHER_OFFSETS
from baler_root.rootio.tbuffer import TBuffer

_IS_REFERENCED = 1 << 4
"""Bit of a TObject that has further bytes."""


_IO_HEAD = bytes.fromhex("400000070000 1aa12f10")
"""A TIOFeatures up to its bits: byte count, version 0 with its checksum."""


@dataclass(slots=True, eq=False)
class OutputRecord:
    """One described branch to write, and where its baskets went."""

    name: str
    title: str
    record: Record
    source: int
    """Position of the branch that its values come from."""
    encoding: Record | None = None
    """How values become bytes (`object_bytes`); None for raw bytes and for branches without values."""
    has_values: bool = True
    members: tuple[str, ...] = ()
    """Members of the source's records that lead to its values."""
    children: list[OutputRecord] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=lambda: [0])
    seeks: list[int] = field(default_factory=list)
    tot_bytes: int = 0
    reference: int = 0
    leaf_references: dict[int, int] = field(default_factory=dict)

    @property
    def is_raw(self) -> bool:
        """Whether its values are the bytes of its baskets."""
        return self.has_values and self.encoding is None

    @property
    def variable_size(self) -> bool:
        """Whether its entries may differ in size."""
        return bool(self.record["fEntryOffsetLen"])

    @property
    def generates_offsets(self) -> bool:
        """Whether readers work out the offsets of its entries, so that its baskets have none."""
        return self.variable_size and bool(self.record["fIOBits"] & GENERATED_OFFSETS)

    def walk(self) -> Iterator[OutputRecord]:
        """This branch and all below it, depth first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class Basket:
    """Bytes of one basket."""

    data: bytes
    offsets: NDArray[np.int64]
    """Offsets of its entries, one more than there are entries."""
    position: int
    """Position of the first byte, counted from the start of the key; 0 for any."""
    other_offsets: bool = False
    """Whether it has offsets of its entries although its branch has none, or the other way round."""


class PendingBasket:
    """Entries of a raw branch whose basket may go on in the next cluster."""

    def __init__(self) -> None:
        self._data: list[NDArray[np.uint8]] = []
        self._lengths: list[NDArray[np.int64]] = []
        self._position = -1
        self.left_out = False
        """Whether there were entries with bytes in front of the first basket."""

    def add(self, array: Any) -> Iterator[Basket]:
        """Add records as `RawBranch` reads them; gives the baskets that are complete.

        Entries in front of the first basket are left out: a branch may never have been filled.
        """
        import awkward as ak

        layout = ak.to_packed(array).layout
        positions = np.asarray(layout.content("basket").data)
        entries = layout.content("bytes").to_ListOffsetArray64(True)
        offsets = np.asarray(entries.offsets.data)
        content = np.asarray(entries.content.data).view(np.uint8)
        starts = np.flatnonzero(positions)
        edges = [0, *starts.tolist(), len(positions)]
        for number, (first, last) in enumerate(pairwise(edges)):
            if number:
                yield from self.finish()
                self._position = int(positions[first])
            if first < last and self._position >= 0:
                self._data.append(content[offsets[first] : offsets[last]])
                self._lengths.append(np.diff(offsets[first : last + 1]))
            elif offsets[first] < offsets[last]:
                self.left_out = True

    def finish(self) -> Iterator[Basket]:
        """The last basket, if there is one."""
        if self._position >= 0 and self._lengths:
            lengths = np.concatenate(self._lengths)
            offsets = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=offsets[1:])
            position = self._position & ~OTHER_OFFSETS
            has_others = position != self._position
            yield Basket(np.concatenate(self._data).tobytes(), offsets, position, has_others)
        self._data, self._lengths, self._position = [], [], -1


def write_record(buffer: TBuffer, item: OutputRecord, items: Mapping[int, OutputRecord]) -> None:
    """Appends a pointer to a described branch; `items` are those of the tree, by position."""
    if item.reference:
        buffer.refer(item.reference)
        return
    record = item.record
    with buffer.pointed_to(record["class"]) as item.reference:
        if record["class"] == "TBranch":
            _write_branch(buffer, item, items)
        elif record["class"] == "TBranchObject":
            with buffer.versioned(1):
                _write_branch(buffer, item, items)
                buffer.string(record["fClassName"])
        else:
            with buffer.versioned(10):
                _write_branch(buffer, item, items)
                for name in ELEMENT_TEXTS:
                    buffer.string(record[name])
                for name, code in ELEMENT.items():
                    buffer.pack(code, record[name])
                for name in ("fBranchCount", "fBranchCount2"):
                    counter = items.get(record[name])
                    if counter is None:
                        buffer.refer()
                    else:
                        write_record(buffer, counter, items)


def _write_branch(buffer: TBuffer, item: OutputRecord, items: Mapping[int, OutputRecord]) -> None:
    record, num_entries = item.record, item.entries[-1]
    with buffer.versioned(13):
        buffer.named(item.name, item.title, bits=record["fBits"] & ~_IS_REFERENCED)
        fill_attributes(buffer)
        numbers = (record[name] for name in ("fBasketSize", "fEntryOffsetLen"))
        # ROOT sees from sizes whether a basket is compressed; with a setting here it expects that all are.
        buffer.pack("iiiiq", 0, *numbers, len(item.seeks), num_entries)
        buffer.data += _IO_HEAD + bytes([record["fIOBits"]])
        capacity = max(10, len(item.seeks) + 1)
        buffer.pack("iIi", record["fOffset"], capacity, record["fSplitLevel"])
        buffer.pack("qqqq", num_entries, record["fFirstEntry"], item.tot_bytes, sum(item.sizes))
        with buffer.object_array(len(item.children)):
            for child in item.children:
                write_record(buffer, child, items)
        with buffer.object_array(len(record["fLeaves"])):
            for number in range(len(record["fLeaves"])):
                _write_leaf(buffer, item, number, items)
        write_basket_list(buffer, item, capacity)


def _write_leaf(buffer: TBuffer, item: OutputRecord, number: int, items: Mapping[int, OutputRecord]) -> None:
    if number in item.leaf_references:
        buffer.refer(item.leaf_references[number])
        return
    leaf = item.record["fLeaves"][number]
    with buffer.pointed_to(leaf["class"]) as reference, buffer.versioned(LEAF_VERSIONS.get(leaf["class"], 1)):
        item.leaf_references[number] = reference
        with buffer.versioned(2):
            buffer.named(leaf["fName"], leaf["fTitle"])
            for name, code in LEAF.items():
                buffer.pack(code, leaf[name])
            counter = leaf["fLeafCount"]
            if counter is None or counter[0] not in items:
                buffer.refer()
            else:
                _write_leaf(buffer, items[counter[0]], counter[1], items)
        for name, code in LEAF_NUMBERS[leaf["class"]].items():
            buffer.pack(code, leaf[name])
        if leaf["class"] in ("TLeafF16", "TLeafD32"):
            buffer.data += bytes(6 if leaf["class"] == "TLeafF16" else 8)  # smallest and largest value
