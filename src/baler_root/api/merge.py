"""Merges `.baler` files without decoding a page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.errors import ConfigError, listed
from baler_root.format.container.layout import NO_CODEC, BlockKind
from baler_root.format.container.manifest import Manifest, StoredTree
from baler_root.format.container.model_references import ModelOrigin
from baler_root.format.container.read import Container, PageId
from baler_root.format.container.write import ContainerWriter, EncodedPage
from baler_root.format.model_store import moved
from baler_root.format.schema import Tree
from baler_root.format.statistics import pack_statistics
from baler_root.format.tables import find_tables
from baler_root.rootio.objects import missing_classes
from baler_root.rootio.raw.joined_records import join_records, record_difference
from baler_root.rootio.tree_tail import drop_index


def merge(
    sources: Sequence[str | os.PathLike[str]], target: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write `target` with the clusters of all `sources`, one after another; returns its path.

    The first file is copied whole and the pages of the others are added behind it, under a new footer that
    points to that of the first file. The trees must have the same branches, bounds and weights. Objects that
    are not trees are those of the first file, and so is what a TTree has besides branches, except an index,
    which is left out (`skipped` in the provenance names it). Model files give a model file with the models of
    all. `target` may be one of the sources if `overwrite` is set.

    Raises ConfigError, naming tree and branch, for files that do not fit together, such as model files and
    files with events; FormatError for damaged files; OutputError. No output remains then.
    """
    if isinstance(sources, str | os.PathLike):
        raise ConfigError(f"merge needs a list of files, not the one path {os.fspath(sources)!r}")
    if not sources:
        raise ConfigError("no files to merge")
    with ExitStack() as stack:
        files = [stack.enter_context(open_file(source)) for source in sources]
        manifests = [file.container.manifest for file in files]
        _check_kinds(files)
        codecs = tuple(dict.fromkeys(codec for manifest in manifests for codec in manifest.codecs))
        if len(codecs) > NO_CODEC:
            raise ConfigError(f"{len(codecs)} codecs in all files, but a file may name only {NO_CODEC}")
        trees = [_joined(files, number) for number in range(len(files[0].trees))]
        trained = _all_trained(files)
        _check_whole(files[0].container)
        writer = stack.enter_context(ContainerWriter(target, overwrite, base=files[0].container))
        base_models = files[0].container.read_models()
        models = {digest: data for file in files[1:] for digest, data in file.container.read_models().items()}
        added = [digest for digest in models if digest not in base_models]
        for number, digest in enumerate(added, start=len(base_models)):
            writer.write_block(BlockKind.MODEL, models[digest], number)
        detached = {
            model.digest: moved(model, file.path, Path(target))
            for file in files
            for model in file.container.manifest.detached
            if model.digest not in models and model.digest not in base_models
        }
        for number, tree in enumerate(manifests[0].trees):
            if tree.same_as is None:
                _add_pages(writer, files, number, codecs)
                records = np.concatenate([file.trees[number].statistics for file in files])
                writer.write_block(BlockKind.STATISTICS, pack_statistics(records), number)
        left_out = _left_out(manifests[0].trees, trees)
        writer.finish(
            replace(
                manifests[0],
                trees=tuple(trees),
                codecs=codecs,
                provenance={
                    "merged": [file.metadata for file in files],
                    **({"skipped": left_out} if left_out else {}),
                },
                detached=tuple(detached.values()),
                trained=trained,
            )
        )
    return Path(target)


def _add_pages(
    writer: ContainerWriter, files: Sequence[FileReader], number: int, codecs: Sequence[str]
) -> None:
    """Append one tree's pages of all files but the first."""
    cluster = len(files[0].trees[number].stored.clusters)
    for file in files[1:]:
        container, stored = file.container, file.trees[number].stored
        for position in range(len(stored.clusters)):
            pages = [PageId(number, position, group) for group in range(len(stored.groups(position)))]
            for page, (payload, codec) in container.read_pages(pages).items():
                row = container.pages[container.page_row(page)]
                codec_number = codecs.index(container.manifest.codecs[codec])
                encoded = EncodedPage(bytes(payload), int(row["length"]), int(row["digest"]))
                writer.write_page(PageId(number, cluster, page.group), encoded, codec_number)
            cluster += 1


def _check_whole(container: Container) -> None:
    """Raise FormatError if a block of the first file, which is copied as it is, is damaged."""
    container.check_head()
    for page in container.page_ids():
        container.read_pages([page])
    for block in container.manifest.blocks:
        container.check_block(block)


def _check_kinds(files: Sequence[FileReader]) -> None:
    """Raise ConfigError unless the files are all model files, or have the same trees."""
    first = files[0]
    for file in files[1:]:
        if _is_model_file(file) != _is_model_file(first):
            model, events = (file, first) if _is_model_file(file) else (first, file)
            raise ConfigError(
                f"{model.path}: is a model file, and {events.path} holds events; "
                "merge model files with each other, or files with events"
            )
        trees, others = first.container.manifest.trees, file.container.manifest.trees
        for number, (tree, other) in enumerate(zip_longest(trees, others)):
            difference = next(_differences(tree, other), None)
            if difference is None:
                reference = _first_with_entries(files, number)
                difference = next(_value_differences(reference.trees[number], file.trees[number]), None)
                first_path = reference.path
            else:
                first_path = first.path
            if difference is not None:
                path = (other or tree).schema.path
                raise ConfigError(
                    f"{file.path}: tree {number} ({path!r}) differs from that of {first_path}: {difference}; compress both with the same rules, from files of the same kind"
                )
        if _has_raw(file) and (missing := missing_classes(file.objects_blob, first.objects_blob)):
            raise ConfigError(
                f"{file.path}: has raw branches and describes {listed(missing)}, which {first.path} does not, "
                "or not so; ROOT could not read these branches in a merged file; name this file first"
            )


def _first_with_entries(files: Sequence[FileReader], number: int) -> FileReader:
    """The first file that has entries in a tree, or the first of all."""
    with_entries = (f for f in files if number < len(f.trees) and f.trees[number].schema.num_entries)
    return next(with_entries, files[0])


def _has_raw(file: FileReader) -> bool:
    """Whether a file has entries whose bytes only ROOT interprets."""
    return any(tree.schema.num_entries and any(b.raw for b in tree.schema.branches) for tree in file.trees)


def _is_model_file(file: FileReader) -> bool:
    manifest: Manifest = file.container.manifest
    return bool(manifest.trained)


def _differences(first: StoredTree | None, other: StoredTree | None) -> Iterator[str]:
    """Reasons why two trees cannot be joined, the first tree's properties last; nothing if they can."""
    if first is None or other is None:
        yield "the tree is only in one of them"
        return
    expected, schema = first.schema, other.schema
    for name in ("path", "kind"):
        if getattr(schema, name) != getattr(expected, name):
            yield f"its {name} is {getattr(schema, name)!r}, not {getattr(expected, name)!r}"
    for position, (branch, reference) in enumerate(zip_longest(schema.branches, expected.branches)):
        if reference is None:
            yield f"branch {schema.path_of(position)!r}, which the first file lacks"
            return
        if branch is None:
            yield f"branch {expected.path_of(position)!r}, which it lacks"
            return
        name = f"branch {schema.path_of(position)!r}"
        if (branch.name, branch.parent) != (reference.name, reference.parent):
            yield f"{name} in place of {expected.path_of(position)!r}"
        elif bool(branch.raw) != bool(reference.raw):
            where = "" if branch.raw else " of the first file"
            yield f"{name}{where} is raw ({branch.raw or reference.raw}), the other is not"
        elif branch.missing and not reference.missing:
            yield f"{name} was left out ({branch.missing})"
        elif reference.missing and not branch.missing:
            yield f"{name} was left out of the first file ({reference.missing})"
        elif branch.typename != reference.typename:
            yield f"{name} is of type {branch.typename}, not {reference.typename}"
        elif branch.form != reference.form:
            yield f"{name} has values of another form"
        elif difference := record_difference(
            branch.record, reference.record, len(schema.branches), values=False
        ):
            yield f"{name} is stored in another way: {difference}"
    columns = [column for column in first.columns if column.has_values]
    for column, (bound, _), (first_bound, _) in zip(columns, other.bounds, first.bounds, strict=True):
        if bound != first_bound:
            yield f"branch {expected.path_of(column.branch)!r} has the bound {bound}, not {first_bound}"
    if schema.weight != expected.weight:
        yield f"its weight is {schema.weight:g}, not {expected.weight:g}"
    if first.same_as != other.same_as:
        yield "only one of them stores the tree as an earlier cycle with the entries of another tree"


def _value_differences(first: TreeReader, other: TreeReader) -> Iterator[str]:
    """Reasons why the entries of two trees that are described alike cannot be joined."""
    expected, schema = first.schema, other.schema
    if not (expected.num_entries and schema.num_entries):
        return
    for position, (branch, reference) in enumerate(zip(schema.branches, expected.branches, strict=True)):
        name = f"branch {schema.path_of(position)!r}"
        if difference := record_difference(
            branch.record, reference.record, len(schema.branches), values=True
        ):
            yield f"{name} is stored in another way: {difference}"
        if branch.raw and branch.form is not None and other.stored.same_as is None:
            is_filled = _has_baskets(other, position)
            if is_filled != _has_baskets(first, position):
                where = "the first file" if is_filled else "this file"
                yield f"{name} is raw, and was never filled in {where}, but in the other"


def _has_baskets(tree: TreeReader, branch: int) -> bool:
    """Whether a raw branch was ever filled: the position of each basket is above 0."""
    columns = [n for n in tree.columns_of(branch) if tree.columns[n].field == "basket"]
    return bool((tree.statistics["maximum"][:, columns] > 0).any())


def _joined(files: Sequence[FileReader], number: int) -> StoredTree:
    """One tree's entry in the new manifest."""
    parts = [file.container.manifest.trees[number] for file in files]
    first = parts[0]
    layouts = tuple(dict.fromkeys(layout for part in parts for layout in part.layouts))
    keys = [tuple(part.lists[i] for part in parts) for i in range(len(first.lists))]
    lists, tables = find_tables(first.schema, first.columns, keys)
    return replace(
        first,
        schema=_joined_schema([part.schema for part in parts]),
        clusters=tuple(entries for part in parts for entries in part.clusters),
        layouts=layouts,
        layout=tuple(layouts.index(part.groups(i)) for part in parts for i in range(len(part.clusters))),
        lists=lists,
        tables=tables,
    )


def _joined_schema(parts: Sequence[Tree]) -> Tree:
    """The schema of a tree with the entries of all parts: without an index, which would have those of the
    first file."""
    first = parts[0]
    with_values = next((number for number, part in enumerate(parts) if part.num_entries), 0)
    branches = tuple(
        replace(branches[0], record=join_records([branch.record for branch in branches], with_values))
        for branches in zip(*(part.branches for part in parts), strict=True)
    )
    num_entries = sum(part.num_entries for part in parts)
    tail = first.tail if num_entries == first.num_entries else drop_index(first.tail)[0]
    return replace(first, num_entries=num_entries, branches=branches, tail=tail)


def _left_out(first: Sequence[StoredTree], merged: Sequence[StoredTree]) -> list[list[str]]:
    """Members of the trees of the first file that the merged file lacks, each with the cause."""
    return [
        [f"{tree.schema.path}: {names}", "an index numbers the entries of one file"]
        for tree, joined in zip(first, merged, strict=True)
        if joined.schema.tail != tree.schema.tail and (names := drop_index(tree.schema.tail)[1])
    ]


def _all_trained(files: Sequence[FileReader]) -> tuple[ModelOrigin, ...]:
    """Descriptions of the models of all model files; a model in several files is described once.

    Raises ConfigError if two files describe one model in different ways.
    """
    trained: dict[bytes, ModelOrigin] = {}
    for file in files:
        for model in file.container.manifest.trained:
            earlier = trained.setdefault(model.digest, model)
            if (earlier.tree, earlier.columns) != (model.tree, model.columns):
                raise ConfigError(
                    f"{file.path}: a model of tree {model.tree!r} is also in another file, for other columns "
                    f"or for the tree {earlier.tree!r}"
                )
    return tuple(trained.values())
