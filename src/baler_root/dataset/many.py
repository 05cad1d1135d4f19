"""Several files as one: step by step, or end to end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from glob import glob
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

from baler_root.dataset.file import File, split_path
from baler_root.dataset.file import open as open_file
from baler_root.dataset.filters import BranchFilter, StringFilter
from baler_root.dataset.libraries import concatenate as join
from baler_root.dataset.libraries import library_name, uproot_library
from baler_root.dataset.reading import Readable
from baler_root.dataset.request import Expressions, How, entry_range
from baler_root.errors import ConfigError, KeyInFileError, SourceError

Files: TypeAlias = "str | os.PathLike[str] | Readable[Any] | Mapping[Any, str | None] | Iterable[Files]"
"""A path or URL (`"a.baler"`, `"a.baler:Events"`, `"*.baler:Events"`), a `Path`, an open tree, a dictionary
`{path: path in the file}`, or several of these."""


def iterate(
    files: Files,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    filter_name: StringFilter = None,
    filter_typename: StringFilter = None,
    filter_branch: BranchFilter = None,
    filter_field: BranchFilter = None,
    aliases: Mapping[str, str] | None = None,
    language: Any = None,
    step_size: int | str = "100 MB",
    library: Any = "ak",
    ak_add_doc: bool | Mapping[str, str] = False,
    how: How = None,
    report: bool = False,
    allow_missing: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """What `Tree.iterate` gives, for one file after the other.

    With `allow_missing`, files without the tree are passed over. `options` go to fsspec.
    """
    kind = library_name(library)
    offset = 0
    for tree, ours in _opened(files, allow_missing, options):
        try:
            steps = tree.iterate(
                expressions,
                cut,
                filter_name=filter_name,
                filter_typename=filter_typename,
                filter_branch=filter_branch,
                filter_field=filter_field,
                aliases=aliases,
                language=language,
                step_size=step_size,
                library=library,
                ak_add_doc=ak_add_doc,
                how=how,
                report=report,
            )
            for step in steps:
                arrays, where = step if report else (step, None)
                if kind == "pd":
                    arrays = uproot_library(kind).global_index(arrays, offset)
                yield (arrays, where.to_global(offset)) if where is not None else arrays
        except KeyInFileError:
            if not allow_missing:
                raise
        finally:
            if ours:
                tree.tree.file.close()
        offset += tree.num_entries


def concatenate(
    files: Files,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    filter_name: StringFilter = None,
    filter_typename: StringFilter = None,
    filter_branch: BranchFilter = None,
    filter_field: BranchFilter = None,
    aliases: Mapping[str, str] | None = None,
    language: Any = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    library: Any = "ak",
    ak_add_doc: bool | Mapping[str, str] = False,
    how: How = None,
    allow_missing: bool = False,
    **options: Any,
) -> Any:
    """What `Tree.arrays` gives, for all files end to end; `entry_start` and `entry_stop` count through all.

    With `allow_missing`, files without the tree are passed over. `options` go to fsspec.
    """
    kind = library_name(library)
    opened = list(_opened(files, allow_missing, options))
    try:
        ends = list(accumulate((tree.num_entries for tree, _ in opened), initial=0))
        start, stop = entry_range(ends[-1], entry_start, entry_stop)
        parts = []
        for number, ((tree, _), first) in enumerate(zip(opened, ends, strict=False)):
            inside = max(start, first) < min(stop, ends[number + 1])
            if not inside and (start < stop or number):
                continue
            try:
                part = tree.arrays(
                    expressions,
                    cut,
                    filter_name=filter_name,
                    filter_typename=filter_typename,
                    filter_branch=filter_branch,
                    filter_field=filter_field,
                    aliases=aliases,
                    language=language,
                    entry_start=max(0, start - first),
                    entry_stop=max(0, stop - first),
                    library=library,
                    ak_add_doc=ak_add_doc,
                    how=how,
                )
            except KeyInFileError:
                if allow_missing:
                    continue
                raise
            parts.append(uproot_library(kind).global_index(part, first) if kind == "pd" else part)
    finally:
        for tree, ours in opened:
            if ours:
                tree.tree.file.close()
    if not parts:
        raise SourceError("no file has what was asked for, and allow_missing passes over all of them")
    return join(parts, kind)


def _opened(
    files: Files, allow_missing: bool, options: Mapping[str, Any]
) -> Iterator[tuple[Readable[Any], bool]]:
    """(tree, whether it was opened here) of each file; raises SourceError when there is none."""
    count = 0
    for place, inside in _places(files, split=True):
        count += 1
        if isinstance(place, Readable):
            yield place, False
            continue
        file = open_file({place: None}, **options)
        try:
            tree = _tree_in(file, inside)
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


def _tree_in(file: File, inside: str | None) -> Readable[Any]:
    """The tree at a path in a file; the only one when there is no path."""
    if inside is None:
        trees = list(dict.fromkeys(key.path for key in file.all_keys if key.tree is not None))
        if len(trees) != 1:
            raise ConfigError(
                f"{file.file_path}: holds {len(trees)} trees ({', '.join(trees[:5])}); "
                f'name one, as in {{"{file.file_path}": "{trees[0] if trees else "Events"}"}}'
            )
        inside = trees[0]
    tree = file[inside]
    if not isinstance(tree, Readable):
        raise ConfigError(f"{file.file_path}: {inside!r} is no tree or branch, but a {type(tree).__name__}")
    return tree


def _places(files: Files, *, split: bool) -> Iterator[tuple[Any, str | None]]:
    """(path or open tree, path in the file) of everything that `files` names."""
    if isinstance(files, Readable):
        yield files, None
    elif isinstance(files, str):
        path, inside = split_path(files) if split else (files, None)
        for match in _matches(path):
            yield match, inside
    elif isinstance(files, os.PathLike):
        for match in _matches(os.fspath(files)):
            yield match, None
    elif isinstance(files, Mapping):
        for path, inside in files.items():
            if inside is not None and not isinstance(inside, str):
                raise TypeError(f"the path in the file must be a string or None, not {inside!r}")
            for place, _ in _places(path, split=False):
                yield place, inside
    elif isinstance(files, Iterable):
        for item in files:
            yield from _places(item, split=split)
    else:
        raise TypeError(
            "files must be a path, an open tree, a dictionary {path: path in the file}, or several of these; "
            f"not {files!r}"
        )


def _matches(path: str) -> list[str]:
    """The files that a glob names, in order of name; any other path as it is."""
    if not any(letter in path for letter in "*?["):
        return [path]
    if "://" not in path:
        return sorted(glob(str(Path(path).expanduser())))  # noqa: PTH207  # absolute or not, as the path is
    from fsspec import open_files

    return [str(file.full_name) for file in open_files(path)]
