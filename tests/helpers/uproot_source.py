"""A file source that reads through uproot, so that the reading interface is tested without any codec."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import awkward as ak

from baler_root.format.schema import Tree
from baler_root.rootio.source import RootSource
from baler_root.rootio.source_tree import SourceTree

CLUSTERS = 7


class FakeTree:
    """One tree, in a few clusters; records what was read."""

    def __init__(self, source: SourceTree) -> None:
        self._source = source
        self.schema: Tree = source.schema
        total = self.schema.num_entries
        self.cluster_offsets: list[int] = sorted({total * i // CLUSTERS for i in range(CLUSTERS + 1)} | {0})
        self.reads: list[tuple[tuple[int, ...], int, int]] = []

    def read(self, branches: Sequence[int], start: int, stop: int) -> dict[int, ak.Array]:
        self.reads.append((tuple(branches), start, stop))
        return self._source.read(branches, start, stop)

    def entry_size(self, branch: int) -> float:
        sample = self._source.first_entries[branch]
        return sample.nbytes / max(1, len(sample))


class FakeObject(NamedTuple):
    path: str
    cycle: int
    classname: str
    title: str


class FakeFile:
    """A ROOT file behind the interface of an open `.baler` file."""

    def __init__(self, path: str | os.PathLike[str], only: Sequence[str] | None = None) -> None:
        self._root = RootSource(path)
        self.path = os.fspath(path)
        keys = self._root.tree_keys(only)
        self.trees = [FakeTree(self._root.open_tree(key)) for key in keys]
        self.objects: list[FakeObject] = []
        self.directories: list[str] = []
        for key, name in self._root.classnames.items():
            path_in_file, _, cycle = key.rpartition(";")
            if name in ("TDirectory", "TDirectoryFile"):
                self.directories.append(path_in_file)
            elif key not in self._root.tree_keys():
                title = self._root.directory.key(key).title() if "/" not in key else ""
                self.objects.append(FakeObject(path_in_file, int(cycle), name, title))
        self.metadata: dict[str, Any] = {"source": self.path}
        self.closed = False

    def objects_directory(self) -> Any:
        return self._root.directory

    def close(self) -> None:
        self.closed = True
        self._root.directory.close()
