"""Schema of a tree: names, types, titles and order of its branches, enough to write the tree back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

TreeKind = Literal["TTree", "RNTuple"]
"""Kind of the tree in its ROOT file."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a TTree, or field of an RNTuple.

    Branches come in the order in which uproot walks them (depth first) and are addressed by position, since
    ROOT allows two with the same name.
    """

    name: str
    """Name without those of the parents (`fTracks.fPx`)."""
    parent: int | None
    """Position of the parent branch; None at the top level."""
    typename: str
    """C++ type as uproot reports it (`std::vector<float>`, `Double32_t`, ...)."""
    title: str = ""
    """TBranch title or RNTuple field description."""
    interpretation: str = ""
    """uproot's interpretation, as `show()` prints it; it has the range of a Double32_t or Float16_t. TTree
    only."""
    form: dict[str, Any] | None = None
    """Awkward form of the stored array. None for a group (TTree) or sub-field (RNTuple), which has no columns
    of its own, and for a branch that could not be stored (see `missing`)."""
    missing: str = ""
    """Reason why the branch was not stored; empty if it was."""
    counter: str = ""
    """Name of the counter branch of a C-style array of variable length (`nMuon` for `Muon_pt[nMuon]`). TTree
    only."""
    raw: str = ""
    """Reason why the branch is raw: the bytes of its baskets, not interpreted. Empty if it is interpreted, or
    missing."""
    record: dict[str, Any] | None = None
    """Description of the TBranch, from which it can be written again; None where nothing needs it."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One TTree or RNTuple of a file."""

    path: str
    """Path in the file without cycle (`dir/Events`)."""
    cycle: int
    kind: TreeKind
    title: str
    num_entries: int
    branches: tuple[Branch, ...]
    aliases: dict[str, str] = field(default_factory=dict)
    compression: str = ""
    """Compression setting in the ROOT file (`ZLIB(1)`), for information."""
    weight: float = 1.0
    """Weight of all entries of a TTree."""
    tail: dict[str, Any] | None = None
    """Index, friends, user info and aliases of a TTree as ROOT streams them; None for aliases alone."""

    def children(self, parent: int | None) -> list[int]:
        """Positions of the branches directly under `parent`, in order."""
        return [i for i, b in enumerate(self.branches) if b.parent == parent]

    def path_of(self, index: int) -> str:
        """Path of a branch with slashes (RNTuple: dots), as in uproot's `keys()`."""
        names = []
        position: int | None = index
        while position is not None:
            names.append(self.branches[position].name)
            position = self.branches[position].parent
        return ("." if self.kind == "RNTuple" else "/").join(reversed(names))

    def top_of(self, index: int) -> int:
        """Position of the branch at the top level that is, or has below it, a branch."""
        while (parent := self.branches[index].parent) is not None:
            index = parent
        return index

    def stored(self) -> list[int]:
        """Positions of the branches that hold columns."""
        return [i for i, b in enumerate(self.branches) if b.form is not None]


def free_path(path: str, taken: Collection[str]) -> str:
    """The path with the first number from 2 on that makes it none of those `taken`.

    >>> free_path("Events_part", {"Events", "Events_part2"})
    'Events_part3'
    """
    return next(name for number in count(2) if (name := f"{path}{number}") not in taken)
