"""Files: how they are opened, and their contents."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from baler_root.dataset.directory import DIRECTORY, Directory, Key
from baler_root.dataset.source import FileSource
from baler_root.dataset.tree import Tree
from baler_root.errors import ConfigError, SourceError, nearest


class File(Directory):
    """An open `.baler` file: its top directory.

    Files, and the directories, trees and branches in them, can be pickled if they were opened by path or URL:
    the path, the options and a digest of the file are kept, and the file is opened again.
    """

    def __init__(
        self, source: FileSource, path: Any = None, options: Mapping[str, Any] | None = None
    ) -> None:
        """`path` and `options` are those of `open`, to open the file again."""
        super().__init__(self, "")
        self.source = source
        self._opened = (path, dict(options or {}))
        self.all_keys = _all_keys(source)
        self._objects: dict[Key, Any] = {}
        self._closed = False

    def __repr__(self) -> str:
        return f"<File {self.file_path!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        path, options = self._opened
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"{self.file_path}: only files opened by path or URL can be pickled")
        path = os.fspath(path)
        path = path if "://" in path else os.path.abspath(path)  # noqa: PTH100 - links stay as they are
        return _open_again, (path, options, self.source.digest, self._closed)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Provenance: the source of the data, and how it was compressed."""
        return self.source.metadata

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._closed

    def close(self) -> None:
        """Close the file; arrays that were read stay valid."""
        self._closed = True
        self.source.close()

    def check_open(self) -> None:
        """Raise ValueError once the file is closed, as Python's own files do."""
        if self._closed:
            raise ValueError(f"{self.file_path}: reading from a closed file")

    def tree_at(self, index: int) -> Tree:
        """The tree at a position among those of the file."""
        source = self.source.trees[index]
        tree: Tree = self.object_of(next(key for key in self.all_keys if key.tree is source))
        return tree

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


def _open_again(path: str, options: Mapping[str, Any], digest: str, closed: bool) -> File:
    """A pickled file; raises SourceError if it is another one now."""
    from baler_root.dataset.reader.file_reader import open_file

    file = File(open_file(path, **options), path, options)
    if file.source.digest != digest:
        file.close()
        raise SourceError(f"{path}: is not the file that was pickled: it has been replaced since")
    if closed:
        file.close()
    return file


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
    ordered = [key for key in keys if "/" not in key.path]
    for folder in folders:
        children = (key for key in keys if key.path.rpartition("/")[0] == folder.path)
        ordered += [folder, *children]
    ordered_set = set(ordered)
    return [*ordered, *(key for key in keys if key not in ordered_set)]


def split_path(path: str) -> tuple[str, str | None]:
    """(path of the file, path in the file or None) of `file.baler:tree`."""
    match = re.fullmatch(r"(.+\.baler):([^:].*)", path.strip())
    if match is None:
        return path, None
    return match[1], match[2].strip("/ ")


_OPTIONS = ("num_workers", "models", "cache_size")
"""Options of `open` itself; all others go to fsspec, which only URLs need."""


def _check_options(options: Mapping[str, Any]) -> None:
    """Raise TypeError for an option of a local file that does not exist."""
    for name in options.keys() - set(_OPTIONS):
        hint = "".join(f"; did you mean {near!r}?" for near in nearest(name, _OPTIONS, 1))
        raise TypeError(f"open() got an unexpected keyword argument {name!r}{hint}")


def open(path: str | os.PathLike[str] | BinaryIO | Mapping[Any, str | None], **options: Any) -> Any:  # noqa: A001
    """The `.baler` file at a path, in a file object, or behind an fsspec URL, as a directory of trees.

    `"file.baler:Events"` and `{"file.baler": "Events"}` give that object of it. These options are the file's
    own, all others go to fsspec:

    - `num_workers`: number of threads that decode pages, 1 by default.
    - `models`: `.balermodel` files, or folders of them, with models that the file only refers to
      (its own folder and those in the environment variable BALER_ROOT_MODELS are searched anyway).
    - `cache_size`: most memory for decoded columns that others are computed from, in bytes or as text
      (`"256 MB"`, the default). Branches read one by one then need such columns only once; 0 remembers none.

    Raises SourceError when the file cannot be reached, and FormatError when it is damaged.
    """
    from baler_root.dataset.reader.file_reader import open_file

    if isinstance(path, list | tuple):
        raise ConfigError("open reads one file; baler_root.concatenate and baler_root.iterate read several")
    file_path: Any = path
    object_path: str | None = None
    if isinstance(path, Mapping):
        if len(path) != 1:
            raise ConfigError(f"one file at a time: {{path: object}} with one path, not {len(path)}")
        ((file_path, object_path),) = path.items()
    elif isinstance(path, str):
        file_path, object_path = split_path(path)
    if not (isinstance(file_path, str) and "://" in file_path):
        _check_options(options)
    file = File(open_file(file_path, **options), file_path, options)
    if object_path is None:
        return file
    try:
        return file[object_path]
    except KeyError:
        file.close()
        raise
