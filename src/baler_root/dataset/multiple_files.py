"""Trees of several files, read step by step or end to end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias, TypedDict, Unpack, cast

from baler_root.dataset.file import File, split_path
from baler_root.dataset.file import open as open_file
from baler_root.dataset.libraries import concatenate as join
from baler_root.dataset.libraries import library_name, uproot_library
from baler_root.dataset.reading import Readable
from baler_root.dataset.request import Expressions, ReadOptions, entry_range
from baler_root.errors import ConfigError, KeyInFileError, SourceError
from baler_root.format.model_store import Places

Files: TypeAlias = "str | os.PathLike[str] | Readable[Any] | Mapping[Any, str | None] | Iterable[Files]"
"""A path or URL (`"a.baler"`, `"a.baler:Events"`, `"*.baler:Events"`), a `Path`, an open tree, a dictionary
`{path: path in the file}`, or several of these."""


class FileOptions(TypedDict, total=False):
    """Keyword arguments of `baler_root.open`; further ones go to fsspec."""

    num_workers: int
    models: Places
    cache_size: int | str


class SeveralFilesOptions(ReadOptions, FileOptions, total=False):
    """Keyword arguments of `iterate` and `concatenate`: those of `arrays`, and those of `open`."""


def iterate(
    files: Files,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    step_size: int | str = "100 MB",
    report: bool = False,
    allow_missing: bool = False,
    **options: Unpack[SeveralFilesOptions],
) -> Iterator[Any]:
    """Results of `Tree.iterate`, for one file after another.

    With `allow_missing`, files without the tree are passed over. Other arguments are those of `Tree.iterate`
    and of `baler_root.open`.
    """
    read_options, open_options = _split_options(options)
    kind = library_name(read_options.get("library", "ak"))
    offset = 0
    for tree, is_ours in _open_trees(files, allow_missing, open_options):
        try:
            for result in tree.iterate(expressions, cut, step_size=step_size, report=report, **read_options):
                array, entries = result if report else (result, None)
                if kind == "pd":
                    array = uproot_library(kind).global_index(array, offset)
                yield (array, entries.to_global(offset)) if entries is not None else array
        except KeyInFileError:
            if not allow_missing:
                raise
        finally:
            if is_ours:
                tree.tree.file.close()
        offset += tree.num_entries


def concatenate(
    files: Files,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    allow_missing: bool = False,
    **options: Unpack[SeveralFilesOptions],
) -> Any:
    """Result of `Tree.arrays` for all files end to end; `entry_start` and `entry_stop` count through all.

    With `allow_missing`, files without the tree are passed over. Other arguments are those of `Tree.arrays`
    and of `baler_root.open`. Raises SourceError when no file has a tree.
    """
    read_options, open_options = _split_options(options)
    kind = library_name(read_options.get("library", "ak"))
    trees = list(_open_trees(files, allow_missing, open_options))
    try:
        ends = list(accumulate((tree.num_entries for tree, _ in trees), initial=0))
        start, stop = entry_range(ends[-1], entry_start, entry_stop)
        parts = []
        for number, ((tree, _), offset) in enumerate(zip(trees, ends, strict=False)):
            overlaps = max(start, offset) < min(stop, ends[number + 1])
            if not overlaps and (start < stop or number):
                continue

            try:
                part = tree.arrays(
                    expressions,
                    cut,
                    entry_start=max(0, start - offset),
                    entry_stop=max(0, stop - offset),
                    **read_options,
                )
            except KeyInFileError:
                if allow_missing:
                    continue
                raise
            parts.append(uproot_library(kind).global_index(part, offset) if kind == "pd" else part)
    finally:
        for tree, is_ours in trees:
            if is_ours:
                tree.tree.file.close()
    if not parts:
        raise SourceError("no file has what was asked for, and allow_missing passes over all of them")
    return join(parts, kind)


def _split_options(options: SeveralFilesOptions) -> tuple[ReadOptions, dict[str, Any]]:
    """Arguments for reading, and those for opening files."""
    read_options = {name: value for name, value in options.items() if name in ReadOptions.__annotations__}
    open_options = {name: value for name, value in options.items() if name not in read_options}
    return cast("ReadOptions", read_options), open_options


def _open_trees(
    files: Files, allow_missing: bool, options: Mapping[str, Any]
) -> Iterator[tuple[Readable[Any], bool]]:
    """(tree, whether it was opened here) for each file; raises SourceError when no file matches."""
    count = 0
    for source, object_path in _sources(files, split=True):
        count += 1
        if isinstance(source, Readable):
            yield source, False
            continue
        file = open_file({source: None}, **options)
        try:
            tree = _tree_in(file, object_path)
        except KeyInFileError:
            file.close()
            if not allow_missing:
                raise
        except BaseException:
            file.close()
            raise
        else:
            yield tree, True
    if not count:
        raise SourceError(f"no file matches {files!r}")


def _tree_in(file: File, object_path: str | None) -> Readable[Any]:
    """The tree at a path in a file; the only one when there is no path."""
    if object_path is None:
        trees = list(dict.fromkeys(key.path for key in file.all_keys if key.tree is not None))
        if len(trees) != 1:
            raise ConfigError(
                f"{file.file_path}: holds {len(trees)} trees ({', '.join(trees[:5])}); "
                f'name one, as in {{"{file.file_path}": "{trees[0] if trees else "Events"}"}}'
            )
        object_path = trees[0]
    tree = file[object_path]
    if not isinstance(tree, Readable):
        raise ConfigError(
            f"{file.file_path}: {object_path!r} is not a tree or branch, but a {type(tree).__name__}"
        )
    return tree


def _sources(files: Files, *, split: bool) -> Iterator[tuple[Any, str | None]]:
    """(path or open tree, path in the file) for everything that `files` names."""
    if isinstance(files, Readable):
        yield files, None
    elif isinstance(files, str):
        path, object_path = split_path(files) if split else (files, None)
        for match in _matches(path):
            yield match, object_path
    elif isinstance(files, os.PathLike):
        for match in _matches(os.fspath(files)):
            yield match, None
    elif isinstance(files, Mapping):
        for path, object_path in files.items():
            if object_path is not None and not isinstance(object_path, str):
                raise TypeError(f"the path in the file must be a string or None, not {object_path!r}")
            for source, _ in _sources(path, split=False):
                yield source, object_path
    elif isinstance(files, Iterable):
        for item in files:
            yield from _sources(item, split=split)
    else:
        raise TypeError(
            "files must be a path, an open tree, a dictionary {path: path in the file}, or several of these; "
            f"not {files!r}"
        )


def _matches(path: str) -> list[str]:
    """The files that match a glob, ordered by name; any other path unchanged."""
    if not any(letter in path for letter in "*?["):
        return [path]
    if "://" not in path:
        return sorted(glob(str(Path(path).expanduser())))  # noqa: PTH207  # absolute or not, as the path is
    from fsspec import open_files

    return [str(file.full_name) for file in open_files(path)]
