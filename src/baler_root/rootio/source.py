"""ROOT files, opened through uproot: their trees, and the directory of everything else."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from baler_root.errors import FormatError, KeyInFileError, SourceError
from baler_root.format.container.layout import HEAD_MAGIC
from baler_root.format.limits import MAX_REPEATED_TREES
from baler_root.format.schema import Tree
from baler_root.rootio.objects import RNTUPLES, TREES, key_at
from baler_root.rootio.raw.raw_branch import RawBranch
from baler_root.rootio.rntuple_reader import link_fields
from baler_root.rootio.source_schema import baskets_of, open_rntuple, open_ttree, with_first_entries
from baler_root.rootio.source_tree import SourceTree, cause


class RootSource:
    """An open ROOT file: its trees, and the directory that holds everything else."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import uproot

        self.path = os.fspath(path)
        self._opened: list[tuple[str, Any, SourceTree]] = []
        self._repeated = 0
        if "://" not in self.path and Path(self.path).is_dir():
            raise SourceError(f"{self.path}: is a folder, not a ROOT file")
        from baler_root.rootio.uproot_source import UprootSource

        _check_magic(self.path)
        try:
            self.directory = uproot.open(
                {self.path: None}, array_cache=None, object_cache=None, handler=UprootSource
            )
            self.classnames: dict[str, str] = self.directory.classnames()
        except SourceError:
            raise
        except FormatError as error:
            raise SourceError(str(error)) from None
        except Exception as error:
            raise SourceError(
                f"{self.path}: not a readable ROOT file ({cause(error)}); it may be truncated"
            ) from error
        try:
            self._check_end()
        except SourceError:
            self.directory.close()
            raise

    def _check_end(self) -> None:
        """Raise SourceError for a file that ends early, or that was never closed."""
        file = self.directory.file
        size = int(file.source.num_bytes)
        if size < file.fEND:
            raise SourceError(
                f"{self.path}: truncated: {size} bytes of {file.fEND}; copy or download it again"
            )
        if not self.classnames and self.directory.fSeekKeys <= file.fBEGIN and size > file.fEND:
            raise SourceError(
                f"{self.path}: was not closed by the program that wrote it, or is still being written, and so has "
                "no list of its contents. ROOT can repair it: open it once with "
                f'`TFile::Open("{Path(self.path).name}", "UPDATE")` and close it'
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.directory.close()

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return Path(self.path).stat().st_size if "://" not in self.path else int(self.directory.file.fEND)

    @property
    def uuid(self) -> str:
        """The file's UUID, as ROOT wrote it."""
        return str(self.directory.file.uuid)

    def tree_keys(self, names: Sequence[str] | None = None) -> list[str]:
        """Keys (with cycle) of the trees, all or those named; raises KeyInFileError."""
        keys = [key for key, name in self.classnames.items() if name in TREES]
        if not names:
            return keys
        chosen = []
        for name in names:
            matching = [key for key in keys if name in (key, key.partition(";")[0])]
            if not matching:
                raise KeyInFileError(name, [key.partition(";")[0] for key in keys], self.path)
            chosen += matching
        return [key for key in keys if key in chosen]

    def open_tree(self, key: str, skip: Mapping[str, str] | None = None) -> SourceTree:
        """The tree of a key, with its schema and the first entries of every branch.

        The branches in `skip` (path: cause) are left out. A cycle with the baskets of one opened before is
        not read again, unless a file could not repeat so many trees: its `same_as` names that one. Raises
        SourceError.
        """
        with self._handle(key) as (handle, path, cycle):
            if self.classnames[key] in RNTUPLES:
                return open_rntuple(handle, path, cycle, skip or {})
            source = open_ttree(handle, path, cycle)
            baskets = baskets_of(source)
            for earlier_key, earlier_baskets, earlier in self._opened:
                if baskets is not None and earlier_baskets == baskets and self._repeated < MAX_REPEATED_TREES:
                    self._repeated += 1
                    schema = replace(earlier.schema, cycle=cycle)
                    return replace(earlier, schema=schema, same_as=earlier_key)
            source = with_first_entries(source, skip or {})
            self._opened.append((key, baskets, source))
            return source

    def described(self, key: str) -> Tree:
        """The schema of a tree with its members, without forms; that of an RNTuple only has the title.

        Raises SourceError.
        """
        with self._handle(key) as (handle, path, cycle):
            if self.classnames[key] in RNTUPLES:
                title = str(getattr(handle, "description", "") or "")
                return Tree(path, cycle, "RNTuple", title, int(handle.num_entries), ())
            return open_ttree(handle, path, cycle).schema

    @contextmanager
    def _handle(self, key: str) -> Iterator[tuple[Any, str, int]]:
        """uproot's tree of a key, its path and cycle; any error inside becomes a SourceError."""
        path, _, cycle = key.rpartition(";")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield key_at(self.directory, path, int(cycle)).get(), path, int(cycle)
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"{self.path}: tree {key!r} cannot be read ({cause(error)})") from error

    def open_handles(self, key: str, schema: Tree) -> SourceTree:
        """The tree of a key, whose `schema` is known already, without reading any entries.

        Raises SourceError when the tree has other branches or entries than the schema.
        """
        path, _, cycle = key.rpartition(";")
        tree = key_at(self.directory, path, int(cycle)).get()

        def visit(owner: Any) -> Iterator[Any]:
            for item in owner.branches if schema.kind == "TTree" else owner.fields:
                yield item
                yield from visit(item)

        if schema.kind == "RNTuple":
            link_fields(tree)
        items = list(visit(tree))
        names, expected = [item.name for item in items], [branch.name for branch in schema.branches]
        if names != expected:
            difference = next(
                (f"{a!r} for {b!r}" for a, b in zip(names, expected, strict=False) if a != b),
                "some are missing",
            )
            raise SourceError(
                f"tree {key!r} has {len(names)} branches, not the {len(expected)} of the schema ({difference})"
            )
        if int(tree.num_entries) != schema.num_entries:
            raise SourceError(f"tree {key!r} has {tree.num_entries} entries, not {schema.num_entries}")
        handles = {
            position: RawBranch(items[position]) if schema.branches[position].raw else items[position]
            for position in schema.stored()
        }
        return SourceTree(schema, handles)


def _check_magic(path: str) -> None:
    """Raise SourceError for a local file that does not begin as ROOT files do."""
    if "://" in path:
        return
    try:
        with Path(path).open("rb") as file:
            magic = file.read(len(HEAD_MAGIC))
    except OSError:
        return  # the reader says why
    if not magic:
        raise SourceError(f"{path}: is empty; it may be truncated")
    if magic == HEAD_MAGIC:
        raise SourceError(f"{path}: is a .baler file; `baler-root decompress` makes a ROOT file of it")
    if not b"root".startswith(magic[:4]):
        raise SourceError(f"{path}: is not a ROOT file; those begin with the bytes 'root'")
