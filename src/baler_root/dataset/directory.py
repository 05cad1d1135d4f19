"""Directories: trees and other objects of a file, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from baler_root.dataset.filters import StringFilter, string_test
from baler_root.dataset.interfaces import FileLike
from baler_root.dataset.source import FileSource, TreeSource
from baler_root.dataset.views import html_table
from baler_root.errors import KeyInFileError

DIRECTORY = "TDirectory"
"""Class of the directories."""


class Key(NamedTuple):
    """A tree, directory or object of a file, by name."""

    path: str
    """Without cycle."""
    cycle: int
    classname: str
    title: str = ""
    tree: TreeSource | None = None


class KeyedFile(FileLike, Protocol):
    """An open file with the keys of all that is in it."""

    source: FileSource
    all_keys: list[Key]

    def object_of(self, key: Key) -> Any:
        """The tree, directory or other object behind a key."""


class Directory:
    """A directory of a file: a collection of the objects in it and below it, by name.

    `directory["name"]` is the highest cycle, `directory["name;1"]` cycle 1. Paths may go on into a tree.
    """

    def __init__(self, file: KeyedFile, path: str) -> None:
        self._file = file
        self._prefix = f"{path}/" if path else ""

    def __repr__(self) -> str:
        return f"<Directory {self.object_path!r} of {self.file_path}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Directory, (self._file, self._prefix.removesuffix("/"))

    @property
    def file(self) -> KeyedFile:
        """The file."""
        return self._file

    @property
    def file_path(self) -> str:
        """Path or URL of the file."""
        return self._file.source.path

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the directories from the top to this one."""
        return tuple(filter(None, self._prefix.split("/")))

    @property
    def object_path(self) -> str:
        """Path in the file, with slashes at both ends."""
        return f"/{self._prefix}"

    def close(self) -> None:
        """Close the file; arrays that were read stay valid."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether the file has been closed."""
        return self._file.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keys(self) -> Iterator[Key]:
        return (key for key in self._file.all_keys if key.path.startswith(self._prefix))

    def _named_keys(
        self, recursive: bool, cycle: bool, filter_name: StringFilter, filter_classname: StringFilter
    ) -> Iterator[tuple[str, Key]]:
        name_test, class_test = string_test(filter_name), string_test(filter_classname)
        seen = set()
        for key in self._keys():
            path = key.path.removeprefix(self._prefix)
            if ("/" in path and not recursive) or (name_test is not None and not name_test(path)):
                continue
            if class_test is not None and not class_test(key.classname):
                continue
            name = f"{path};{key.cycle}" if cycle else path
            if name not in seen:
                seen.add(name)
                yield name, key

    def keys(
        self,
        *,
        recursive: bool = True,
        cycle: bool = True,
        filter_name: StringFilter = None,
        filter_classname: StringFilter = None,
    ) -> list[str]:
        """Names of everything here and below."""
        return [name for name, _ in self._named_keys(recursive, cycle, filter_name, filter_classname)]

    def items(
        self,
        *,
        recursive: bool = True,
        cycle: bool = True,
        filter_name: StringFilter = None,
        filter_classname: StringFilter = None,
    ) -> list[tuple[str, Any]]:
        """(name, object) pairs."""
        named_keys = self._named_keys(recursive, cycle, filter_name, filter_classname)
        return [(name, self._file.object_of(key)) for name, key in named_keys]

    def values(
        self,
        *,
        recursive: bool = True,
        filter_name: StringFilter = None,
        filter_classname: StringFilter = None,
    ) -> list[Any]:
        """Objects, each in its highest cycle."""
        names = self.keys(
            recursive=recursive, cycle=False, filter_name=filter_name, filter_classname=filter_classname
        )
        return [self[name] for name in names]

    def classnames(
        self,
        *,
        recursive: bool = True,
        cycle: bool = True,
        filter_name: StringFilter = None,
        filter_classname: StringFilter = None,
    ) -> dict[str, str]:
        """C++ class of everything here and below, by name."""
        named_keys = self._named_keys(recursive, cycle, filter_name, filter_classname)
        return {name: key.classname for name, key in named_keys}

    def key(self, where: str) -> Key:
        """The key of this name; raises KeyInFileError, with the nearest names."""
        match = self._key(where)
        if match is None:
            has_cycle = where.rpartition(";")[2].isdecimal()
            raise KeyInFileError(where, self.keys(cycle=has_cycle), self.file_path)
        return match

    def _key(self, where: str) -> Key | None:
        path, _, cycle = where.rpartition(";")
        if not path or not cycle.isdecimal():
            path, cycle = where, ""
        path = self._prefix + "/".join(filter(None, path.split("/")))
        matches = [key for key in self._keys() if key.path == path and cycle in ("", str(key.cycle))]
        return max(matches, key=lambda key: key.cycle, default=None)

    def classname_of(self, where: str) -> str:
        """C++ class of the object of this name."""
        return self.key(where).classname

    def _tree_and_path(self, where: str) -> tuple[Key, str] | None:
        """The tree that a path goes through, and the path in that tree."""
        where = where.strip("/")
        for match in re.finditer("[/:]", where):
            key = self._key(where[: match.start()])
            if key is not None and key.tree is not None:
                return key, where[match.end() :]
        return None

    def get(self, where: str, default: Any = None) -> Any:
        """The object at a name or path, or `default`."""
        key = self._key(where)
        if key is not None:
            return self._file.object_of(key)
        tree_and_path = self._tree_and_path(where)
        return (
            default
            if tree_and_path is None
            else self._file.object_of(tree_and_path[0]).get(tree_and_path[1], default)
        )

    def __getitem__(self, where: str) -> Any:
        """The tree, branch, directory or other object at a path.

        Paths look like `dir/Events;1`, `Events/Muon_pt` or `Events:Muon_pt`. Raises KeyInFileError, with the
        nearest names.
        """
        tree_and_path = None if self._key(where) is not None else self._tree_and_path(where)
        if tree_and_path is not None:
            return self._file.object_of(tree_and_path[0])[tree_and_path[1]]
        return self._file.object_of(self.key(where))

    def __contains__(self, where: object) -> bool:
        return isinstance(where, str) and self.get(where) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return sum(1 for _ in self._keys())

    def __bool__(self) -> bool:
        return True

    def _ipython_key_completions_(self) -> list[str]:
        return self.keys()

    def _repr_html_(self) -> str:
        rows = []
        for name, key in self._named_keys(True, True, None, None):
            tree = key.tree.schema if key.tree is not None else None
            entries = "" if tree is None else f"{tree.num_entries:,} × {len(tree.branches):,}"
            rows.append((name, key.classname, entries, key.title))
        return html_table(
            f"{self.file_path}{self.object_path}", ("name", "class", "entries × branches", "title"), rows
        )
