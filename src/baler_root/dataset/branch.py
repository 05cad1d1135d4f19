"""Branches of TTrees and fields of RNTuples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from baler_root.dataset.interfaces import TreeLike
from baler_root.dataset.reading import Readable
from baler_root.dataset.request import Request, entry_range
from baler_root.dataset.rntuple_request import array_of_field
from baler_root.dataset.ttree_request import array_of_branch
from baler_root.errors import SourceError
from baler_root.format.schema import Branch as BranchSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Branch(Readable["Branch"]):
    """A branch of a TTree or field of an RNTuple, possibly with others below it."""

    def __init__(self, tree: TreeLike[Branch], position: int) -> None:
        super().__init__(tree, position)
        self.position = position
        """Position in `Tree.schema.branches`."""

    def __repr__(self) -> str:
        count = f" ({len(self)} below)" if len(self) else ""
        return f"<Branch {self.name!r}{count} of {self.kind} {self.tree.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _branch_at, (self._tree, self.position)

    @property
    def schema(self) -> BranchSchema:
        """Name, type and form, as stored."""
        return self._tree.schema.branches[self.position]

    @property
    def as_branch(self) -> Branch:
        """This branch."""
        return self

    @property
    def name(self) -> str:
        """Name, without those of its parents."""
        return self.schema.name

    @property
    def title(self) -> str:
        """ROOT title, or description of an RNTuple field."""
        return self.schema.title

    @property
    def typename(self) -> str:
        """C++ type."""
        return self.schema.typename

    @property
    def interpretation(self) -> str:
        """uproot's interpretation of the stored bytes, as it prints it; empty in an RNTuple."""
        return self.schema.interpretation

    @property
    def parent(self) -> Branch | TreeLike[Branch]:
        """The branch above, or the tree."""
        position = self.schema.parent
        return self._tree if position is None else self._tree.all_branches[position]

    @property
    def top_level(self) -> bool:
        """Whether it is directly below the tree."""
        return self.schema.parent is None

    @property
    def top(self) -> Branch:
        """The branch directly below the tree: this one, or the highest above it."""
        return [self, *self.ancestors()][-1]

    @property
    def index(self) -> int:
        """Position among the branches of its parent."""
        return self.parent.branches.index(self)

    @property
    def path(self) -> str:
        """Path in the tree."""
        return self.path_below(self._tree)

    @property
    def object_path(self) -> str:
        """Path in the file, with cycle."""
        return f"{self._tree.object_path}:{self.path}"

    @property
    def count_branch(self) -> Branch | None:
        """The branch that counts the elements of a C-style array of variable length."""
        return self._tree[self.schema.counter] if self.schema.counter else None

    @property
    def missing(self) -> str:
        """Reason why the branch was not stored; empty if it was."""
        return self.schema.missing

    @property
    def is_stored(self) -> bool:
        """Whether it holds values itself."""
        return self.schema.form is not None and not self.schema.raw

    @property
    def is_raw(self) -> bool:
        """Whether it is carried as the bytes of its entries, which nobody interprets."""
        return bool(self.schema.raw) and not self.is_group

    @property
    def is_group(self) -> bool:
        """Whether it only holds the branches below it (TTree)."""
        no_values = self.schema.form is None or self.schema.interpretation == "AsGrouped"
        return self.kind == "TTree" and no_values and not self.schema.missing

    @property
    def is_jagged(self) -> bool:
        """Whether an entry is a list of numbers of varying length."""
        return self.schema.interpretation.startswith("AsJagged(")

    @cached_property
    def in_variant(self) -> bool:
        """Whether it is an alternative of a `std::variant`, which has no name to be listed under."""
        return any("std::variant<" in ancestor.typename for ancestor in self.ancestors())

    def path_below(self, node: object) -> str:
        """Path from a tree or branch above."""
        names = [self.name]
        for ancestor in self.ancestors():
            if ancestor is node:
                break
            names.append(ancestor.name)
        return self._tree.separator.join(reversed(names))

    def ancestors(self) -> Iterator[Branch]:
        """The branches above, nearest first."""
        position = self.schema.parent
        while position is not None:
            branch = self._tree.all_branches[position]
            yield branch
            position = branch.schema.parent

    def all_below(self) -> Iterator[Branch]:
        """Every branch below, depth first."""
        for branch in self.branches:
            yield branch
            yield from branch.all_below()

    def stored_below(self) -> list[int]:
        """Positions of the stored branches that make up its array."""
        if self.kind == "RNTuple":
            return [self.top.position]
        if self.is_group:
            return [branch.position for branch in self.all_below() if branch.is_stored]
        return [self.position] if self.is_stored or self.is_raw else []

    def needed(self) -> list[int]:
        """`stored_below`; raises SourceError if the branch was not stored."""
        if self.top.missing or self.missing:
            path = self._tree.file.file_path
            raise SourceError(
                f"branch {self.object_path!r} is not in {path}: {self.top.missing or self.missing}"
            )
        return self.stored_below()

    def array(
        self,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        *,
        library: Any = "ak",
        ak_add_doc: bool | Mapping[str, str] = False,
    ) -> Any:
        """The entries from `entry_start` to `entry_stop` (negative ones count from the end) of this branch.

        `library` is `"ak"`, `"np"` or `"pd"`. A group gives a record array of what is below it, a raw branch
        the bytes of each entry, as ROOT stores them.
        Raises SourceError if the branch was not stored.
        """
        start, stop = entry_range(self.num_entries, entry_start, entry_stop)
        request = Request(library=library, ak_add_doc=ak_add_doc)
        arrays = self._tree.read(self.needed(), start, stop)
        build = array_of_branch if self.kind == "TTree" else array_of_field
        return build(self, arrays, start, stop, request)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        import numpy as np

        return np.array(self.array(library="np"), dtype=dtype, copy=copy)


def _branch_at(tree: TreeLike[Branch], position: int) -> Branch:
    """A pickled branch."""
    return tree.all_branches[position]
