"""Checks a whole file: every byte against its checksum, every value against its digest, and against the
source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

from baler_root._types import Progress
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import FormatError, SourceError, UnknownCodecError
from baler_root.format.bounds import measure
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.read import PageId
from baler_root.format.model_store import Places
from baler_root.format.statistics import digest_of


@dataclass(slots=True)
class Verification:
    """Results of a verification."""

    path: str
    pages: int = 0
    """Pages whose bytes and values were checked."""
    values: int = 0
    """Values compared with the source (0 without `against`)."""
    worst: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Bound and largest error found, by `tree: branch` (with `against`)."""
    problems: list[str] = field(default_factory=list)
    damaged: bool = False
    """Whether bytes of the file are not those that were written."""

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


def verify(
    path: str | os.PathLike[str] | BinaryIO,
    against: str | os.PathLike[str] | None = None,
    *,
    models: Places = None,
    progress: Progress | None = None,
) -> Verification:
    """Check every checksum and digest of a `.baler` file; with `against`, every bound on every value again.

    `models` are places of models that the file refers to: files, or folders of them. Damage is reported in
    `problems`, page by page. Raises FormatError if the file cannot be opened at all, SourceError if `against`
    cannot be read.
    """
    with open_file(path, models=models) as file:
        result = Verification(file.path)
        result.problems += _check_blocks(file)
        result.damaged = not result.ok
        total = sum(tree.cluster_offsets[-1] for tree in _owners(file))
        done = 0
        for tree in _owners(file):
            for cluster in range(len(tree.stored.clusters)):
                _check_cluster(tree, cluster, result)
                done += tree.stored.clusters[cluster]
                if progress is not None:
                    progress(done, total)
        if against is not None:
            _check_against(file, os.fspath(against), result)
    return result


def _owners(file: FileReader) -> Iterator[TreeReader]:
    """The trees that have pages of their own."""
    for tree, stored in zip(file.trees, file.container.manifest.trees, strict=True):
        if stored.same_as is None:
            yield tree


def _check_blocks(file: FileReader) -> list[str]:
    """Problems in blocks that are not pages, those that later ones replace included, and in the branches'
    types."""
    container = file.container
    checks: list[Callable[[], object]] = [container.check_head]
    checks += [partial(container.check_block, block) for block in container.manifest.blocks]
    checks += [partial(container.check_superseded, *part) for part in container.manifest.superseded]
    checks += [partial(getattr, tree, "statistics") for tree in _owners(file)]
    checks.append(file.check_objects)
    checks += [partial(tree.read, [branch], 0, 0) for tree in file.trees for branch in tree.schema.stored()]
    problems = []
    for check in checks:
        try:
            check()
        except FormatError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))


def _check_cluster(tree: TreeReader, cluster: int, result: Verification) -> None:
    """Check the pages of one cluster: checksums first, then the decoded values."""
    container, columns = tree.container, tree.columns
    damaged = False
    pages = [PageId(tree.position, cluster, group) for group in range(len(tree.stored.groups(cluster)))]
    for page in pages:
        try:
            container.read_pages([page])
        except FormatError as error:
            result.problems.append(str(error))
            result.damaged = damaged = True
    if damaged:
        return
    try:
        values = tree.read_columns([cluster], range(len(columns)))[0]
    except (FormatError, UnknownCodecError) as error:
        result.problems.append(str(error))
        return
    first = 0
    for page, count in zip(pages, tree.stored.groups(cluster), strict=True):
        row = container.pages[container.page_row(page)]
        part = [values[column] for column in range(first, first + count)]
        if digest_of(part) != int(row["digest"]) or sum(v.nbytes for v in part) != int(row["length"]):
            result.problems.append(
                f"{container.describe(page)}: the decoded values differ from those that were written; "
                "the bytes are whole, so this decoder or its libraries compute something else"
            )
        first += count
        result.pages += 1


def _check_against(file: FileReader, source: str, result: Verification) -> None:
    """Compare every value with the source under its bound."""
    from baler_root.rootio.source import RootSource

    with RootSource(source) as root:
        for tree in file.trees:
            key = f"{tree.schema.path};{tree.schema.cycle}"
            if key not in root.classnames:
                result.problems.append(f"{source}: has no tree {key!r}")
                continue
            try:
                handles = root.open_handles(key, tree.schema)
            except SourceError as error:
                result.problems.append(f"{source}: {error}")
                continue
            for cluster, (start, stop) in enumerate(
                zip(tree.cluster_offsets, tree.cluster_offsets[1:], strict=False)
            ):
                try:
                    arrays = handles.read(tree.schema.stored(), start, stop)
                    originals = flatten(tree.schema, tree.columns, arrays)
                except SourceError as error:
                    result.problems.append(f"{source}: {error}")
                    break
                try:
                    decoded = tree.read_columns([cluster], range(len(originals)))[0]
                except (FormatError, UnknownCodecError):
                    continue  # reported already
                _compare(tree, originals, decoded, result)


def _compare(tree: TreeReader, originals: list[Any], decoded: dict[int, Any], result: Verification) -> None:
    """Check each column of one cluster against its bound."""
    bounds = tree.stored.column_bounds
    for number, (column, bound) in enumerate(zip(tree.columns, bounds, strict=True)):
        name = f"{tree.schema.path}: {tree.schema.path_of(column.branch)}"
        if len(originals[number]) != len(decoded[number]):
            result.problems.append(
                f"{name}: {len(decoded[number])} values, the source has {len(originals[number])}"
            )
            continue
        errors = measure(originals[number], decoded[number], bound)
        result.values += len(originals[number])
        if errors.violations:
            result.problems.append(f"{name}: {errors.violations} values miss the bound {bound}")
        if column.has_values:
            _, before = result.worst.get(name, ("", 0.0))
            result.worst[name] = (str(bound), max(before, errors.max))
