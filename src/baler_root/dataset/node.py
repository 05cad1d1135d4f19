"""Base of trees and branches: the branches below, found and listed by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Generic, TextIO, Unpack

from baler_root.dataset.filters import FilterOptions, Filters
from baler_root.dataset.interfaces import AnyBranch, TreeLike
from baler_root.dataset.views import html_of_branches, show_fields, show_table
from baler_root.errors import KeyInFileError


class Node(Generic[AnyBranch]):
    """A tree or branch, as a collection of the branches directly below it.

    Iterating yields these branches and `len` counts them, as in uproot; `keys` and its kin walk all the way
    down unless `recursive=False`.
    """

    def __init__(self, tree: TreeLike[AnyBranch], position: int | None) -> None:
        self._tree = tree
        self._position = position

    @property
    def name(self) -> str:
        """Name, without path."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """ROOT title, or description of an RNTuple field."""
        raise NotImplementedError

    @property
    def object_path(self) -> str:
        """Path in the file, with cycle."""
        raise NotImplementedError

    @property
    def typename(self) -> str:
        """C++ type."""
        raise NotImplementedError

    @property
    def interpretation(self) -> str:
        """uproot's interpretation of the stored bytes, as it prints it; empty in an RNTuple."""
        return ""

    @property
    def description(self) -> str:
        """The title, by its name for RNTuples."""
        return self.title

    @property
    def as_branch(self) -> AnyBranch | None:
        """This, if it is a branch; None for a tree."""
        raise NotImplementedError

    @property
    def tree(self) -> TreeLike[AnyBranch]:
        """The tree that this is, or belongs to."""
        return self._tree

    @property
    def kind(self) -> str:
        """`"TTree"` or `"RNTuple"`."""
        return self._tree.schema.kind

    @property
    def num_entries(self) -> int:
        """Number of entries (events)."""
        return self._tree.schema.num_entries

    @property
    def aliases(self) -> dict[str, str]:
        """Expressions that the tree gives names to."""
        return dict(self._tree.schema.aliases)

    @property
    def branches(self) -> list[AnyBranch]:
        """Branches directly below."""
        return list(self._tree.branches_below(self._position))

    @property
    def fields(self) -> list[AnyBranch]:
        """The branches, by their name for RNTuples."""
        return self.branches

    def __len__(self) -> int:
        return len(self.branches)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[AnyBranch]:
        return iter(self.branches)

    def __contains__(self, where: object) -> bool:
        return isinstance(where, str) and self._find_path(where) is not None

    def get(self, where: str | int, default: Any = None) -> Any:
        """The branch of this name, or `default`."""
        branch = self._find_path(where) if isinstance(where, str) else self[where]
        return default if branch is None else branch

    def __getitem__(self, where: str | int) -> AnyBranch:
        """The branch at a position, of a name, or at a path.

        A name is looked for below, level by level, then in each sub-branch; a leading separator restricts it
        to the first level. Raises KeyInFileError, with the nearest names.
        """
        if not isinstance(where, str):
            return self.branches[where]
        branch = self._find_path(where)
        if branch is None:
            raise self.not_found(where)
        return branch

    def not_found(self, name: str) -> KeyInFileError:
        """The error for a name that no branch below has, with the nearest names."""
        names = [name for path, branch in self.walk() for name in (path, branch.name)]
        return KeyInFileError(
            name, [*names, *self.aliases], f"{self.kind} {self.object_path!r} of {self._tree.file.file_path}"
        )

    def _find_path(self, where: str) -> AnyBranch | None:
        separator = self._tree.separator
        path = where.replace("/", ".").replace("\\", ".") if separator == "." else where
        is_deep = not path.startswith(separator)
        path = path.removeprefix(separator)
        branch = self._names.get(path)
        if branch is None and separator in path:
            names = [name for name in path.split(separator) if name]
            branch = self.find_below(names[0]) if names else None
            for name in names[1:]:
                branch = None if branch is None else branch.find_below(name)
        elif branch is None and is_deep:
            branch = self.find_below(path)
        return branch

    def find_below(self, name: str) -> AnyBranch | None:
        """The branch of this name directly below, or the first one further down, depth first."""
        match = self._names.get(name)
        if match is not None:
            return match
        for branch in self.branches:
            match = branch.find_below(name)
            if match is not None:
                return match
        return None

    @cached_property
    def _names(self) -> dict[str, AnyBranch]:
        """Branches directly below by name; of equal names the first."""
        return {branch.name: branch for branch in reversed(self.branches)}

    @cached_property
    def deep_keys(self) -> set[str]:
        """Names of branches in formulas: name, path, and path with a leading separator."""
        separator = self._tree.separator
        return {key for path, branch in self.walk() for key in (branch.name, path, separator + path)}

    def walk(self) -> Iterator[tuple[str, AnyBranch]]:
        """(path below this node, branch), depth first."""
        for branch in self.branches:
            if not branch.in_variant:
                yield branch.name, branch
            for path, descendant in branch.walk():
                yield f"{branch.name}{self._tree.separator}{path}", descendant

    def selected(self, filters: Filters, *, recursive: bool = True) -> Iterator[tuple[str, AnyBranch]]:
        """(path below this node, branch) of the branches that pass the filters."""
        children = ((branch.name, branch) for branch in self.branches if not branch.in_variant)
        walk = self.walk() if recursive else children
        for path, branch in walk:
            if filters.passes(branch, path, self._tree.separator):
                yield path, branch

    def iteritems(
        self,
        *,
        recursive: bool = True,
        full_paths: bool = True,
        ignore_duplicates: bool = False,
        **filters: Unpack[FilterOptions],
    ) -> Iterator[tuple[str, AnyBranch]]:
        """(name, branch) pairs; the name is a path below this node where `full_paths`."""
        seen: set[str] = set()
        for path, branch in self.selected(Filters.of(**filters), recursive=recursive):
            key = path if full_paths else branch.name
            if not (ignore_duplicates and key in seen):
                seen.add(key)
                yield key, branch

    def iterkeys(
        self,
        *,
        recursive: bool = True,
        full_paths: bool = True,
        ignore_duplicates: bool = False,
        **filters: Unpack[FilterOptions],
    ) -> Iterator[str]:
        """Names, in order."""
        options = {"recursive": recursive, "full_paths": full_paths, "ignore_duplicates": ignore_duplicates}
        return (key for key, _ in self.iteritems(**options, **filters))

    def itervalues(self, *, recursive: bool = True, **filters: Unpack[FilterOptions]) -> Iterator[AnyBranch]:
        """Branches, in order."""
        return (branch for _, branch in self.iteritems(recursive=recursive, **filters))

    def itertypenames(
        self, *, recursive: bool = True, full_paths: bool = True, **filters: Unpack[FilterOptions]
    ) -> Iterator[tuple[str, str]]:
        """(name, type) pairs."""
        items = self.iteritems(recursive=recursive, full_paths=full_paths, **filters)
        return ((key, branch.typename) for key, branch in items)

    def keys(
        self,
        *,
        recursive: bool = True,
        full_paths: bool = True,
        ignore_duplicates: bool = False,
        **filters: Unpack[FilterOptions],
    ) -> list[str]:
        """Names, in order."""
        options = {"recursive": recursive, "full_paths": full_paths, "ignore_duplicates": ignore_duplicates}
        return list(self.iterkeys(**options, **filters))

    def values(self, *, recursive: bool = True, **filters: Unpack[FilterOptions]) -> list[AnyBranch]:
        """Branches, in order."""
        return list(self.itervalues(recursive=recursive, **filters))

    def items(
        self, *, recursive: bool = True, full_paths: bool = True, **filters: Unpack[FilterOptions]
    ) -> list[tuple[str, AnyBranch]]:
        """(name, branch) pairs, in order."""
        return list(self.iteritems(recursive=recursive, full_paths=full_paths, **filters))

    def typenames(
        self, *, recursive: bool = True, full_paths: bool = True, **filters: Unpack[FilterOptions]
    ) -> dict[str, str]:
        """Type of each branch, by name."""
        return dict(self.itertypenames(recursive=recursive, full_paths=full_paths, **filters))

    def _ipython_key_completions_(self) -> list[str]:
        return self.keys()

    def show(
        self,
        *,
        recursive: bool = True,
        full_paths: bool = True,
        name_width: int = 20,
        typename_width: int = 24,
        interpretation_width: int = 30,
        max_width: int = 80,
        stream: TextIO | None = None,
        **filters: Unpack[FilterOptions],
    ) -> None:
        """Print the branches to `stream` (standard output): a table for a TTree, a drawn tree for an RNTuple.

        The widths of columns apply to TTrees and `max_width` to RNTuples.
        """
        output = sys.stdout if stream is None else stream
        if self.kind == "RNTuple":
            show_fields(self, Filters.of(**filters), recursive, max_width, output)
        else:
            rows = self.iteritems(recursive=recursive, full_paths=full_paths, **filters)
            show_table(self, rows, (name_width, typename_width, interpretation_width), output)

    def _repr_html_(self) -> str:
        return html_of_branches(self, self.walk())
