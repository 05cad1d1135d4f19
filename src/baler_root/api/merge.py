"""Merges `.baler` files without decoding a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.dataset.reader.file_reader import FileReader, open_file
from baler_root.errors import ConfigError
from baler_root.format.container.layout import BlockKind
from baler_root.format.container.manifest import StoredTree
from baler_root.format.container.read import PageId
from baler_root.format.container.write import ContainerWriter, EncodedPage
from baler_root.format.model_store import moved
from baler_root.format.statistics import pack_statistics
from baler_root.format.tables import find_tables


def merge(
    sources: Sequence[str | os.PathLike[str]], target: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write `target` with the clusters of all `sources`, one after another; returns its path.

    The first file is copied whole and the pages of the others are added behind it, under a new footer that
    points to the first file's own. The trees must have the same branches and bounds (ConfigError otherwise).
    Objects that are not trees are those of the first file. `target` may be one of the sources if `overwrite`
    is set.
    """
    if not sources:
        raise ConfigError("no files to merge")
    with ExitStack() as stack:
        files = [stack.enter_context(open_file(source)) for source in sources]
        codecs = tuple(dict.fromkeys(codec for file in files for codec in file.container.manifest.codecs))
        trees = [_joined(files, number) for number in range(len(files[0].trees))]
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
        for number, tree in enumerate(files[0].container.manifest.trees):
            if tree.same_as is None:
                _add_pages(writer, files, number, codecs)
                records = np.concatenate([file.trees[number].statistics for file in files])
                writer.write_block(BlockKind.STATISTICS, pack_statistics(records), number)
        first = files[0].container.manifest
        provenance = {"merged": [file.metadata for file in files]}
        writer.finish(
            replace(
                first,
                trees=tuple(trees),
                codecs=codecs,
                provenance=provenance,
                detached=tuple(detached.values()),
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


def _joined(files: Sequence[FileReader], number: int) -> StoredTree:
    """One tree's entry in the new manifest."""
    first = files[0].container.manifest.trees[number]
    parts = []
    for file in files:
        trees = file.container.manifest.trees
        if len(trees) != len(files[0].trees) or _kind(trees[number]) != _kind(first):
            raise ConfigError(
                f"{file.path}: tree {number} has other branches or bounds than in {files[0].path}; "
                "compress both with the same rules, from files of the same kind"
            )
        parts.append(trees[number])
    layouts = tuple(dict.fromkeys(layout for part in parts for layout in part.layouts))
    keys = [tuple(part.lists[i] for part in parts) for i in range(len(first.lists))]
    lists, tables = find_tables(first.schema, first.columns, keys)
    return replace(
        first,
        schema=replace(first.schema, num_entries=sum(part.schema.num_entries for part in parts)),
        clusters=tuple(entries for part in parts for entries in part.clusters),
        layouts=layouts,
        layout=tuple(layouts.index(part.groups(i)) for part in parts for i in range(len(part.clusters))),
        lists=lists,
        tables=tables,
    )


def _kind(tree: StoredTree) -> tuple[Any, ...]:
    """Properties that two trees must share to be joined."""
    schema = tree.schema
    branches = [(b.name, b.parent, b.typename, b.form) for b in schema.branches]
    return schema.path, schema.kind, branches, [bound for bound, _ in tree.bounds], tree.same_as
