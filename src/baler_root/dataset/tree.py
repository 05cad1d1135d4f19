"""Trees: TTrees and RNTuples."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from baler_root.dataset.branch import Branch
from baler_root.dataset.reading import Readable
from baler_root.dataset.source import TreeSource
from baler_root.schema import Tree as TreeSchema

if TYPE_CHECKING:
    import awkward as ak

    from baler_root.dataset.file import File


class Tree(Readable):
    """A TTree or RNTuple."""

    def __init__(self, file: File, source: TreeSource) -> None:
        super().__init__(self, None)
        self.file = file
        self.source = source
        self.schema: TreeSchema = source.schema
        self.separator = "." if self.schema.kind == "RNTuple" else "/"

    def __repr__(self) -> str:
        below = "branches" if self.kind == "TTree" else "fields"
        return f"<{self.kind} {self.name!r} ({len(self)} {below}, {self.num_entries} entries)>"

    @property
    def as_branch(self) -> None:
        """None: a tree is no branch."""
        return

    @property
    def name(self) -> str:
        """Name without directory and cycle."""
        return self.schema.path.rpartition("/")[2]

    @property
    def title(self) -> str:
        """ROOT title, or description of an RNTuple."""
        return self.schema.title

    @property
    def typename(self) -> str:
        """`"TTree"` or `"ROOT::RNTuple"`."""
        return "TTree" if self.kind == "TTree" else "ROOT::RNTuple"

    @property
    def object_path(self) -> str:
        """Path in the file, with cycle (`/dir/Events;1`)."""
        return f"/{self.schema.path};{self.schema.cycle}"

    @cached_property
    def all_branches(self) -> list[Branch]:
        """Every branch, by position."""
        return [Branch(self, position) for position in range(len(self.schema.branches))]

    @cached_property
    def _below(self) -> dict[int | None, list[Branch]]:
        below: dict[int | None, list[Branch]] = {}
        for branch in self.all_branches:
            below.setdefault(branch.schema.parent, []).append(branch)
        return below

    def branches_below(self, position: int | None) -> list[Branch]:
        """Branches directly below one, or below the tree."""
        return self._below.get(position, [])

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of stored branches by position; raises ValueError once the file is closed."""
        self.file.check_open()
        return self.source.read(branches, start, stop)
