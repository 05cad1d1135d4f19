"""Files, trees and branches as the modules of this package see each other.

A tree makes branches, and a branch knows its tree; these protocols stand for the class that is defined
further up, so that modules import in one direction only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from baler_root.dataset.filters import Filters
from baler_root.dataset.source import FileSource, TreeSource
from baler_root.errors import KeyInFileError
from baler_root.format.schema import Branch as BranchSchema
from baler_root.format.schema import Tree as TreeSchema

if TYPE_CHECKING:
    import awkward as ak


AnyBranch = TypeVar("AnyBranch", bound="BranchLike")
"""Class of the branches of a tree."""


AnyBranch_co = TypeVar("AnyBranch_co", bound="BranchLike", covariant=True)


class FileLike(Protocol):
    """An open file."""

    @property
    def file_path(self) -> str:
        """Path or URL that was opened."""

    @property
    def source(self) -> FileSource:
        """Its trees and objects, as they are read."""

    def tree_at(self, index: int) -> Any:
        """The tree at a position among those of the file."""

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""

    def close(self) -> None:
        """Release the file."""

    def check_open(self) -> None:
        """Raise ValueError once it is closed."""


class NodeLike(Protocol):
    """A tree or branch with the branches below it."""

    @property
    def name(self) -> str:
        """Name, without path."""

    @property
    def title(self) -> str:
        """ROOT title, or description of an RNTuple field."""

    @property
    def typename(self) -> str:
        """C++ type."""

    @property
    def object_path(self) -> str:
        """Path in the file, with cycle."""

    @property
    def kind(self) -> str:
        """`"TTree"` or `"RNTuple"`."""

    @property
    def num_entries(self) -> int:
        """Number of entries (events)."""

    @property
    def aliases(self) -> dict[str, str]:
        """Expressions that the tree gives names to."""

    @property
    def deep_keys(self) -> set[str]:
        """Every name that a formula may use for a branch."""

    @property
    def tree(self) -> TreeLike[BranchLike]:
        """The tree that this is, or belongs to."""

    @property
    def as_branch(self) -> BranchLike | None:
        """This, if it is a branch; None for a tree."""

    @property
    def branches(self) -> Sequence[BranchLike]:
        """Branches directly below."""

    def __len__(self) -> int:
        """Number of branches directly below."""

    def get(self, where: str | int, default: Any = None) -> Any:
        """The branch of this name, or `default`."""

    def selected(self, filters: Filters, *, recursive: bool = True) -> Iterator[tuple[str, BranchLike]]:
        """(path below this node, branch) of the branches that pass the filters."""

    def not_found(self, name: str) -> KeyInFileError:
        """The error for a name that no branch below has, with the nearest names."""


class BranchLike(NodeLike, Protocol):
    """A branch."""

    position: int
    """Position among all branches of the tree."""

    @property
    def schema(self) -> BranchSchema:
        """Name, type and form, as stored."""

    @property
    def interpretation(self) -> str:
        """uproot's interpretation of the stored bytes, as it prints it; empty in an RNTuple."""

    @property
    def top(self) -> BranchLike:
        """The branch directly below the tree that this is, or is below."""

    @property
    def missing(self) -> str:
        """Reason why the branch was not stored; empty if it was."""

    @property
    def is_raw(self) -> bool:
        """Whether it is carried as bytes, which nobody interprets."""

    @property
    def in_variant(self) -> bool:
        """Whether it is an alternative of a `std::variant`, which has no name to be listed under."""

    @property
    def is_stored(self) -> bool:
        """Whether it holds data itself."""

    @property
    def is_group(self) -> bool:
        """Whether it only holds the branches below it (TTree)."""

    @property
    def is_jagged(self) -> bool:
        """Whether an entry is a list of numbers of varying length."""

    def find_below(self, name: str) -> Self | None:
        """The first branch of this name below, depth first."""

    def walk(self) -> Iterator[tuple[str, Self]]:
        """(path below this branch, branch), depth first."""

    def path_below(self, node: object) -> str:
        """Path from a tree or branch above."""

    def ancestors(self) -> Iterator[BranchLike]:
        """The branches above, nearest first."""

    def all_below(self) -> Iterator[BranchLike]:
        """Every branch below, depth first."""

    def stored_below(self) -> list[int]:
        """Positions of the stored branches that make up its array."""

    def needed(self) -> list[int]:
        """`stored_below`; raises SourceError if the branch was not stored."""


class TreeLike(NodeLike, Protocol[AnyBranch_co]):
    """A tree of branches of one class."""

    file: FileLike
    source: TreeSource
    schema: TreeSchema
    separator: str
    """Between the names in a path: `/`, or `.` in an RNTuple."""

    @property
    def branches(self) -> Sequence[AnyBranch_co]:
        """Branches directly below."""

    @property
    def all_branches(self) -> Sequence[AnyBranch_co]:
        """Every branch, by position."""

    def __getitem__(self, where: str | int) -> AnyBranch_co:
        """The branch at a position, of a name, or at a path; raises KeyInFileError."""

    def branches_below(self, position: int | None) -> Sequence[AnyBranch_co]:
        """Branches directly below one, or below the tree."""

    def read(self, branches: Sequence[int], start: int, stop: int) -> Mapping[int, ak.Array]:
        """Arrays of stored branches by position; raises ValueError once the file is closed."""
