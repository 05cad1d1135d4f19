"""Files and directories: trees and other objects by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from baler_root.dataset.filters import StringFilter, string_test
from baler_root.dataset.source import FileSource, TreeSource
from baler_root.dataset.tree import Tree
from baler_root.dataset.views import html_table
from baler_root.errors import ConfigError, KeyInFileError

DIRECTORY = "TDirectory"


class Key(NamedTuple):
    """One named thing in a file."""

    path: str
    """Without cycle."""
    cycle: int
    classname: str
    title: str = ""
    tree: TreeSource | None = None

    def within(self, prefix: str) -> str:
        """The path below a directory, with cycle."""
        return f"{self.path.removeprefix(prefix)};{self.cycle}"


class Directory:
    """A directory of a file, as a collection of what is in it and below it, by name.

    `directory["name"]` is the highest cycle, `directory["name;1"]` that one; paths may go on into a tree.
    """

    def __init__(self, file: File, path: str) -> None:
        self._file = file
        self._prefix = f"{path}/" if path else ""

    def __repr__(self) -> str:
        return f"<Directory {self.object_path!r} of {self.file_path}>"

    @property
    def file(self) -> File:
        """The file."""
        return self._file

    @property
    def file_path(self) -> str:
        """Where the file was opened from."""
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
        """Release the file; what has been read stays."""
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

    def _listed(
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
        return [name for name, _ in self._listed(recursive, cycle, filter_name, filter_classname)]

    def items(
        self,
        *,
        recursive: bool = True,
        cycle: bool = True,
        filter_name: StringFilter = None,
        filter_classname: StringFilter = None,
    ) -> list[tuple[str, Any]]:
        """(name, object) pairs."""
        listed = self._listed(recursive, cycle, filter_name, filter_classname)
        return [(name, self._file.object_of(key)) for name, key in listed]

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
        listed = self._listed(recursive, cycle, filter_name, filter_classname)
        return {name: key.classname for name, key in listed}

    def key(self, where: str) -> Key:
        """What stands behind a name; raises KeyInFileError, with the nearest names."""
        path, _, cycle = where.rpartition(";")
        if not path or not cycle.isdecimal():
            path, cycle = where, ""
        path = self._prefix + "/".join(filter(None, path.split("/")))
        found = [key for key in self._keys() if key.path == path and cycle in ("", str(key.cycle))]
        if not found:
            near = [name for key in self._keys() for name in _names(key, self._prefix, bool(cycle))]
            raise KeyInFileError(where, near, self.file_path)
        return max(found, key=lambda key: key.cycle)

    def classname_of(self, where: str) -> str:
        """C++ class behind a name."""
        return self.key(where).classname

    def title_of(self, where: str) -> str:
        """ROOT title behind a name."""
        return self.key(where).title

    def __contains__(self, where: object) -> bool:
        if not isinstance(where, str):
            return False
        try:
            self[where]
        except KeyError:
            return False
        return True

    def __getitem__(self, where: str) -> Any:
        """The tree, branch, directory or other object at a path (`dir/Events;1`, `Events/Muon_pt`, `Events:Muon_pt`)."""
        try:
            return self._file.object_of(self.key(where))
        except KeyInFileError as error:
            for match in re.finditer("[/:]", where.strip("/")):
                head, tail = where.strip("/")[: match.start()], where.strip("/")[match.end() :]
                try:
                    key = self.key(head)
                except KeyInFileError:
                    continue
                if key.tree is not None:
                    return self._file.object_of(key)[tail]
            raise error from None

    def get(self, where: str, default: Any = None) -> Any:
        """What stands behind a name, or `default`."""
        try:
            return self[where]
        except KeyError:
            return default

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
        for name, key in self._listed(True, True, None, None):
            tree = key.tree.schema if key.tree is not None else None
            entries = "" if tree is None else f"{tree.num_entries:,} × {len(tree.branches):,}"
            rows.append((name, key.classname, entries, key.title))
        return html_table(
            f"{self.file_path}{self.object_path}", ("name", "class", "entries × branches", "title"), rows
        )


class File(Directory):
    """An open `.baler` file: its top directory."""

    def __init__(self, source: FileSource) -> None:
        super().__init__(self, "")
        self.source = source
        self.all_keys = _all_keys(source)
        self._objects: dict[Key, Any] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<File {self.file_path!r}>"

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Where the data came from, and how it was compressed."""
        return self.source.metadata

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._closed

    def close(self) -> None:
        """Release the file; what has been read stays."""
        self._closed = True
        self.source.close()

    def check_open(self) -> None:
        """Raise ValueError once the file is closed, as Python's own files do."""
        if self._closed:
            raise ValueError(f"{self.file_path}: reading from a closed file")

    def object_of(self, key: Key) -> Any:
        """The tree, directory or other object behind a key; always the same one."""
        if key not in self._objects:
            if key.tree is not None:
                self._objects[key] = Tree(self, key.tree)
            elif key.classname == DIRECTORY:
                self._objects[key] = Directory(self, key.path)
            else:
                self.check_open()
                self._objects[key] = self.source.objects_directory()[f"{key.path};{key.cycle}"]
        return self._objects[key]


def _names(key: Key, prefix: str, cycle: bool) -> tuple[str, str]:
    """What one may call it: path and last part, with cycle or without."""
    path = f"{key.path.removeprefix(prefix)};{key.cycle}" if cycle else key.path.removeprefix(prefix)
    return path, path.rpartition("/")[2]


def _all_keys(source: FileSource) -> list[Key]:
    """Everything in the file; each directory is followed by what is in it."""
    keys = [
        Key(
            tree.schema.path,
            tree.schema.cycle,
            "TTree" if tree.schema.kind == "TTree" else "ROOT::RNTuple",
            tree.schema.title,
            tree,
        )
        for tree in source.trees
    ]
    keys += [
        Key(entry.path, entry.cycle, entry.classname, entry.title)
        for entry in source.objects
        if entry.path not in source.directories
    ]
    folders = [Key(path, 1, DIRECTORY) for path in source.directories]
    out = [key for key in keys if "/" not in key.path]
    for folder in folders:
        inside = (key for key in keys if key.path.rpartition("/")[0] == folder.path)
        out += [folder, *inside]
    known = set(out)
    return [*out, *(key for key in keys if key not in known)]


def split_path(path: str) -> tuple[str, str | None]:
    """(path of the file, path in the file or None) of `file.baler:tree`."""
    match = re.fullmatch(r"(.+\.baler):([^:].*)", path.strip())
    if match is None:
        return path, None
    return match[1], match[2].strip("/ ")


def open(path: str | os.PathLike[str] | BinaryIO | Mapping[Any, str | None], **options: Any) -> Any:  # noqa: A001
    """The `.baler` file at a path, in a file object, or behind an fsspec URL, as a directory of trees.

    `"file.baler:Events"` and `{"file.baler": "Events"}` give that object of it. `options` go to fsspec.
    Raises SourceError when the file cannot be reached, FormatError when it is damaged.
    """
    from baler_root.reader import open_file

    place: Any = path
    inside: str | None = None
    if isinstance(path, Mapping):
        if len(path) != 1:
            raise ConfigError(f"one file at a time: {{path: object}} with one path, not {len(path)}")
        ((place, inside),) = path.items()
    elif isinstance(path, str):
        place, inside = split_path(path)
    file = File(open_file(place, **options))
    if inside is None:
        return file
    try:
        return file[inside]
    except KeyError:
        file.close()
        raise
