"""Branches and leaves of a TTree to be written, and their metadata as ROOT stores it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from baler_root.rootio.tbuffer import TBuffer

LETTERS = {
    "?": "O", "i1": "B", "u1": "b", "i2": "S", "u2": "s", "i4": "I", "u4": "i", "i8": "L", "u8": "l", "f4": "F", "f8": "D",
}  # fmt: skip
"""ROOT's letter of each dtype that a leaf can have."""


_LIMITS = {"O": "??", "B": "bb", "S": "hh", "I": "ii", "L": "qq", "F": "ff", "D": "dd", "C": "ii"}


IO_FEATURES = bytes.fromhex("400000070000 1aa12f10 00")
"""An empty TIOFeatures: byte count, version 0 with its checksum, no bit set."""


@dataclass(slots=True, eq=False)
class Leaf:
    """One leaf: a number of a fixed shape, or a string."""

    name: str
    dtype: np.dtype[Any] | None
    """None for strings."""
    shape: tuple[int, ...] = ()
    counter: Leaf | None = None
    is_range: bool = False
    maximum: int = 0
    """Largest value of a counter; longest string, plus one."""
    offset: int = 0
    reference: int = 0

    @property
    def letter(self) -> str:
        """ROOT's type letter, lower case for unsigned integers."""
        return "C" if self.dtype is None else LETTERS[self.dtype.str[1:].replace("b1", "?")]

    @property
    def title(self) -> str:
        """Name and dimensions, which is where ROOT and uproot find them."""
        counter = f"[{self.counter.name}]" if self.counter else ""
        return self.name + counter + "".join(f"[{n}]" for n in self.shape)


@dataclass(slots=True, eq=False)
class OutputBranch:
    """One branch to write, and where its baskets went."""

    name: str
    title: str
    leaves: list[Leaf]
    source: int | None
    """Position of the branch its values come from; None for a counter made here."""
    counts: int | None = None
    """Position of the jagged branch that a counter made here counts."""
    members: tuple[str, ...] = ()
    """Members of the source's records that lead to its values."""
    sizes: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=lambda: [0])
    seeks: list[int] = field(default_factory=list)
    tot_bytes: int = 0

    @property
    def is_jagged(self) -> bool:
        """Whether entries have a variable number of values."""
        return self.leaves[0].counter is not None

    @property
    def is_string(self) -> bool:
        """Whether entries are strings."""
        return self.leaves[0].dtype is None

    @property
    def leaf_list(self) -> str:
        """The title ROOT gives a branch by default: `x/F:n/I`."""
        return ":".join(f"{leaf.title}/{leaf.letter}" for leaf in self.leaves)


def write_branch(buffer: TBuffer, branch: OutputBranch, num_entries: int) -> None:
    """Appends a pointer to the branch: its leaves, and where its baskets are."""
    baskets = len(branch.seeks)
    capacity = max(10, baskets + 1)
    variable = branch.is_jagged or branch.is_string
    with buffer.pointed_to("TBranch"), buffer.versioned(13):
        buffer.named(branch.name, branch.title, bits=1 << 22)  # kDoNotUseBufferMap
        fill_attributes(buffer)
        # ROOT sees from sizes whether a basket is compressed; with a setting here it expects that all are.
        buffer.pack("iiiiq", 0, 32000, 1000 if variable else 0, baskets, num_entries)
        buffer.data += IO_FEATURES
        buffer.pack("iIiqqqq", 0, capacity, 0, num_entries, 0, branch.tot_bytes, sum(branch.sizes))
        with buffer.object_array(0):
            pass
        with buffer.object_array(len(branch.leaves)):
            for leaf in branch.leaves:
                _write_leaf(buffer, leaf)
        write_basket_list(buffer, branch, capacity)


class HasBaskets(Protocol):
    """A branch whose baskets are written."""

    sizes: list[int]
    """Bytes of each basket, with its key."""
    entries: list[int]
    """Number of the first entry of each basket, and the number of entries."""
    seeks: list[int]
    """Position of each basket in the file."""
    tot_bytes: int
    """Bytes of all baskets, uncompressed."""

    @property
    def name(self) -> str:
        """Name of the branch."""


def write_basket_list(buffer: TBuffer, branch: HasBaskets, capacity: int) -> None:
    """Appends the end of a TBranch: no baskets in memory, the places of those in the file, no other file."""
    with buffer.object_array(0):
        pass
    for values, fmt in ((branch.sizes, ">i4"), (branch.entries, ">i8"), (branch.seeks, ">i8")):
        buffer.pack("B", 1)
        padded = np.zeros(capacity, fmt)
        padded[: len(values)] = values
        buffer.data += padded.tobytes()
    buffer.string("")


def _write_leaf(buffer: TBuffer, leaf: Leaf) -> None:
    """A leaf, or a reference where a jagged leaf before it has already brought its counter along."""
    if leaf.reference:
        buffer.refer(leaf.reference)
        return
    letter = leaf.letter
    with buffer.pointed_to("TLeaf" + letter.upper()) as leaf.reference, buffer.versioned(1):
        with buffer.versioned(2):
            buffer.named(leaf.name, leaf.title)
            count = leaf.maximum if leaf.dtype is None else int(np.prod(leaf.shape))
            size = 1 if leaf.dtype is None else leaf.dtype.itemsize
            buffer.pack("iii??", count, size, leaf.offset, leaf.is_range, letter.islower())
            if leaf.counter is None:
                buffer.refer()
            else:
                _write_leaf(buffer, leaf.counter)
        limits = _LIMITS[letter.upper()]
        buffer.pack(limits.upper() if letter.islower() else limits, 0, leaf.maximum)


def fill_attributes(buffer: TBuffer) -> None:
    """Appends a TAttFill as ROOT has it by default."""
    with buffer.versioned(2):  # TAttFill: colour, style
        buffer.pack("hh", 0, 1001)
