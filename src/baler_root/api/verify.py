"""Checks a whole file: every byte against its checksum, every value against its digest, and against the
source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO

from baler_root._types import Progress
from baler_root.api.source_differences import carried_differences, member_differences, missing_trees
from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import FormatError, SourceError, UnknownCodecError
from baler_root.format.bounds import measure
from baler_root.format.columns.to_columns import flatten
from baler_root.format.container.read import PageId
from baler_root.format.model_store import Places
from baler_root.format.values_digest import values_digest
from baler_root.rootio.objects import RNTUPLES


@dataclass(frozen=True, slots=True)
class Verification:
    """Results of a verification."""

    path: str
    pages: int = 0
    """Pages whose bytes and values were checked."""
    values: int = 0
    """Values compared with the source (0 without `against`)."""
    worst: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Bound and largest error by `tree: branch`, or `tree: branch.field` for a record (with `against`)."""
    problems: list[str] = field(default_factory=list)
    damaged: bool = False
    """Whether bytes of the file are not those that were written."""

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Values of one cluster compared with the source, or the problem that prevented it."""

    values: int = 0
    worst: dict[str, tuple[str, float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def verify(
    path: str | os.PathLike[str] | BinaryIO,
    against: str | os.PathLike[str] | None = None,
    *,
    models: Places = None,
    progress: Progress | None = None,
) -> Verification:
    """Check every checksum and digest of a `.baler` file; with `against`, compare it with its source, too.

    That compares every value under its bound, the names of branches, the titles of trees, the titles of
    branches, weight, aliases, index, friends and user info of TTrees, and the list and bytes of all other
    objects. Trees and objects of the source that the file lacks are problems, unless its provenance says that
    it was made without them.

    `models` are places of models that the file refers to: files, or folders of them. Damage is reported in
    `problems`, page by page. Raises FormatError if the file cannot be opened at all, SourceError if `against`
    cannot be read.
    """
    with open_file(path, models=models) as file:
        problems = _check_blocks(file)
        damaged = bool(problems)
        total = sum(tree.cluster_offsets[-1] for tree in _trees_with_pages(file))
        pages = done = 0
        for tree in _trees_with_pages(file):
            for cluster, entries in enumerate(tree.stored.clusters):
                checked, damage, is_damaged = _check_cluster(tree, cluster)
                pages += checked
                problems += damage
                damaged |= is_damaged
                done += entries
                if progress is not None:
                    progress(done, total)
        values, worst = 0, dict[str, tuple[str, float]]()
        for part in () if against is None else _compare_all(file, os.fspath(against)):
            values += part.values
            problems += part.problems
            for name, (bound, error) in part.worst.items():
                worst[name] = (bound, max(error, worst.get(name, (bound, 0.0))[1]))
        return Verification(file.path, pages, values, worst, problems, damaged)


def _trees_with_pages(file: FileReader) -> Iterator[TreeReader]:
    """The trees, without those whose entries are stored as another tree."""
    for tree, stored in zip(file.trees, file.container.manifest.trees, strict=True):
        if stored.same_as is None:
            yield tree


def _check_blocks(file: FileReader) -> list[str]:
    """Problems in blocks that are not pages, superseded ones included, and in the types of branches."""
    container = file.container
    checks: list[Callable[[], object]] = [container.check_head]
    checks += [partial(container.check_block, block) for block in container.manifest.blocks]
    checks += [partial(container.check_superseded, *part) for part in container.manifest.superseded]
    checks += [partial(getattr, tree, "statistics") for tree in _trees_with_pages(file)]
    checks.append(file.check_objects)
    checks += [partial(tree.read, [branch], 0, 0) for tree in file.trees for branch in tree.schema.stored()]
    problems = []
    for check in checks:
        try:
            check()
        except FormatError as error:
            problems.append(str(error))
    return list(dict.fromkeys(problems))


def _check_cluster(tree: TreeReader, cluster: int) -> tuple[int, list[str], bool]:
    """Number of checked pages of one cluster, problems, and whether bytes are damaged.

    Checksums come first, then the decoded values.
    """
    container, columns = tree.container, tree.columns
    problems = []
    pages = [PageId(tree.position, cluster, group) for group in range(len(tree.stored.groups(cluster)))]
    for page in pages:
        try:
            container.read_pages([page])
        except FormatError as error:
            problems.append(str(error))
    if problems:
        return 0, problems, True
    try:
        values = tree.read_columns([cluster], range(len(columns)))[0]
    except (FormatError, UnknownCodecError) as error:
        return 0, [str(error)], False
    first = 0
    for page, count in zip(pages, tree.stored.groups(cluster), strict=True):
        row = container.pages[container.page_row(page)]
        part = [values[column] for column in range(first, first + count)]
        if values_digest(part) != int(row["digest"]) or sum(v.nbytes for v in part) != int(row["length"]):
            problems.append(
                f"{container.describe(page)}: the decoded values differ from those that were written; "
                "the bytes are undamaged, so this decoder or its libraries compute something else"
            )
        first += count
    return len(pages), problems, False


def _compare_all(file: FileReader, source: str) -> Iterator[_Comparison]:
    """Every value compared with the source under its bound, cluster by cluster, then all else."""
    from baler_root.rootio.source import RootSource

    with RootSource(source) as root:
        for tree in file.trees:
            key = f"{tree.schema.path};{tree.schema.cycle}"
            if key not in root.classnames:
                yield _Comparison(problems=[f"{source}: has no tree {key!r}"])
                continue
            if (kind := "RNTuple" if root.classnames[key] in RNTUPLES else "TTree") != tree.schema.kind:
                yield _Comparison(problems=[f"{source}: {key!r} is a {kind}, not a {tree.schema.kind}"])
                continue
            try:
                handles = root.open_handles(key, tree.schema)
            except SourceError as error:
                yield _Comparison(problems=[f"{source}: {error}"])
                continue
            for cluster, (start, stop) in enumerate(pairwise(tree.cluster_offsets)):
                try:
                    arrays = handles.read(tree.schema.stored(), start, stop)
                    originals = flatten(tree.schema, tree.columns, arrays)
                except SourceError as error:
                    yield _Comparison(problems=[f"{source}: {error}"])
                    break
                try:
                    decoded = tree.read_columns([cluster], range(len(originals)))[0]
                except (FormatError, UnknownCodecError):
                    continue  # reported already
                yield _compare(tree, originals, decoded)
            else:
                members = member_differences(root.described(key), tree.schema, file.metadata)
                yield _Comparison(problems=list(members))
        absent = (*missing_trees(file, root), *carried_differences(file, root))
        yield _Comparison(problems=[f"{file.path}: {problem}" for problem in absent])


def _compare(tree: TreeReader, originals: Sequence[Any], decoded: Mapping[int, Any]) -> _Comparison:
    """Each column of one cluster compared with the source under its bound."""
    values, worst, problems = 0, dict[str, tuple[str, float]](), []
    bounds = tree.stored.column_bounds
    for number, (column, bound) in enumerate(zip(tree.columns, bounds, strict=True)):
        name = f"{tree.schema.path}: {column.name_in(tree.schema)}"
        if len(originals[number]) != len(decoded[number]):
            problems.append(f"{name}: {len(decoded[number])} values, the source has {len(originals[number])}")
            continue
        errors = measure(originals[number], decoded[number], bound)
        values += len(originals[number])
        if errors.violations:
            problems.append(f"{name}: {errors.violations} values miss the bound {bound}")
        if column.has_values:
            # The types of a union share a name, but not always a bound.
            label = name if worst.get(name, (str(bound), 0.0))[0] == str(bound) else f"{name} ({bound})"
            worst[label] = (str(bound), max(errors.max, worst.get(label, ("", 0.0))[1]))
    return _Comparison(values, worst, problems)
