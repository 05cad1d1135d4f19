"""Trees: TTrees and RNTuples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from baler_root.dataset.branch import Branch
from baler_root.dataset.interfaces import FileLike
from baler_root.dataset.libraries import library_name, numpy_of
from baler_root.dataset.reading import Readable
from baler_root.dataset.request import entry_range
from baler_root.dataset.source import TreeSource
from baler_root.errors import ConfigError
from baler_root.format.schema import Tree as TreeSchema

if TYPE_CHECKING:
    import awkward as ak


class Tree(Readable[Branch]):
    """A TTree or RNTuple."""

    def __init__(self, file: FileLike, source: TreeSource) -> None:
        super().__init__(self, None)
        self.file = file
        self.source = source
        self.schema: TreeSchema = source.schema
        self.separator = "." if self.schema.kind == "RNTuple" else "/"

    def __repr__(self) -> str:
        members = "branches" if self.kind == "TTree" else "fields"
        return f"<{self.kind} {self.name!r} ({len(self)} {members}, {self.num_entries} entries)>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _tree_at, (self.file, self.file.source.trees.index(self.source))

    @property
    def as_branch(self) -> None:
        """None: a tree is not a branch."""
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
    def _children(self) -> dict[int | None, list[Branch]]:
        children: dict[int | None, list[Branch]] = {}
        for branch in self.all_branches:
            children.setdefault(branch.schema.parent, []).append(branch)
        return children

    def branches_below(self, position: int | None) -> list[Branch]:
        """Branches directly below one, or below the tree."""
        return self._children.get(position, [])

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        """Arrays of stored branches by position; raises ValueError once the file is closed."""
        self.file.check_open()
        return self.source.read(branches, start, stop)

    @property
    def latent_tables(self) -> list[str]:
        """Names of the tables with latents: `entries`, and collections such as `jet`; often empty."""
        self.file.check_open()
        return list(self.source.latents.names)

    def latents(
        self,
        table: str | None = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        *,
        library: Any = "ak",
    ) -> Any:
        """The latents of each row of a table, int16, without decoding its columns.

        The table `entries` gives an array (entries, latents); a collection of lists (entries, items,
        latents), with one row for each item.

        Raises KeyInFileError for an unknown table, and ConfigError for a table without latents, or with
        latents of several models in this range (merged files), which mean different things.

        Parameters
        ----------
        table
            A name of `latent_tables`, or of a branch in the table; not needed if only one table has latents.
        entry_start, entry_stop
            Range of entries; negative numbers count from the end.
        library
            `"ak"`, or `"np"` (for lists one array (items, latents) for each entry).

        """
        return self._read_table(self.source.latents.latents, table, entry_start, entry_stop, library)

    def outliers(
        self,
        table: str | None = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        *,
        library: Any = "ak",
    ) -> Any:
        """Outlier rows of a table, stored exactly as they are unlike the others: one record each, in order.

        A record has `entry` (int64); for lists also `item` (int64), the position in the entry's list; `score`
        (float32), the distance from other rows in standard deviations of their latents; and the exact values
        of the table's branches, by path. A branch with one of these names gets `_` behind its name. There are
        no records in a file compressed without `--outliers`. Arguments and errors are those of `latents`;
        `"np"` gives a structured array. Only clusters that have such rows are decoded.
        """
        return self._read_table(self.source.latents.outliers, table, entry_start, entry_stop, library)

    def _read_table(
        self,
        read: Callable[[str | None, int, int], ak.Array],
        table: str | None,
        entry_start: int | None,
        entry_stop: int | None,
        library: Any,
    ) -> Any:
        """Result of `read` for a table, in this library."""
        self.file.check_open()
        kind = library_name(library)
        if kind == "pd":
            raise ConfigError("latents and outliers are arrays of the libraries 'ak' or 'np', not 'pd'")
        array = read(table, *entry_range(self.num_entries, entry_start, entry_stop))
        return array if kind == "ak" else numpy_of(array)


def _tree_at(file: FileLike, index: int) -> Any:
    """A pickled tree."""
    return file.tree_at(index)
