"""What a tree looks like: names, types, titles and order, enough to write it back faithfully."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

TreeKind = Literal["TTree", "RNTuple"]
"""What the source object was."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch (TTree) or field (RNTuple), in the order in which uproot walks them (depth first).

    Branches are addressed by position, since ROOT allows two of the same name.
    """

    name: str
    """Own name, without the parents' (`fTracks.fPx`)."""
    parent: int | None
    """Position of the parent branch; None at the top level."""
    typename: str
    """As uproot reports it (`std::vector<float>`, `Double32_t`, ...)."""
    title: str = ""
    """TBranch title or RNTuple field description."""
    interpretation: str = ""
    """uproot's interpretation, as `show()` prints it; keeps Double32/Float16 storage. TTree only."""
    form: dict[str, Any] | None = None
    """awkward form of the stored array; None for a group (TTree) or a sub-field (RNTuple), which hold no
    columns of their own, and for branches that could not be carried (see `missing`)."""
    missing: str = ""
    """Why this branch was not carried; empty when it was."""
    counter: str = ""
    """Name of the TTree counter branch of a C-style variable-length array (`nMuon` of `Muon_pt[nMuon]`)."""


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
    """Compression setting of the source (`ZLIB(1)`), informative."""

    def children(self, parent: int | None) -> list[int]:
        """Positions of the branches directly under `parent`, in order."""
        return [i for i, b in enumerate(self.branches) if b.parent == parent]

    def path_of(self, index: int) -> str:
        """Full branch path with slashes (RNTuple: dots), as uproot's `keys()` gives it."""
        names = []
        at: int | None = index
        while at is not None:
            names.append(self.branches[at].name)
            at = self.branches[at].parent
        return ("." if self.kind == "RNTuple" else "/").join(reversed(names))

    def stored(self) -> list[int]:
        """Positions of the branches that hold columns."""
        return [i for i, b in enumerate(self.branches) if b.form is not None]
