"""Describes a file without decoding its columns."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, BinaryIO

from baler_root.api.model_description import describe_models
from baler_root.compression.summary import summarise_branches
from baler_root.dataset.reader.file_reader import open_file
from baler_root.dataset.reader.latent_pages import LatentTable
from baler_root.dataset.reader.tree_reader import TreeReader
from baler_root.format.container.layout import HEAD, TRAILER, VERSION_MAJOR, block_name
from baler_root.format.model_store import Places
from baler_root.rootio.tree_tail import TreeTail


def inspect(path: str | os.PathLike[str] | BinaryIO, *, models: Places = None) -> dict[str, Any]:
    """The description of a `.baler` or `.balermodel` file as plain values: format, sizes by part, models,
    trees, branches, provenance.

    Sizes are in bytes. The `parts` of the file add up to its `size`; a merged file has an `unused` part, the
    footers and statistics of the files that it was made from.

    A raw branch, which is carried as bytes, has the reason as `raw`. The `members` of a TTree are what it has
    besides branches and aliases: index, friends, user info.

    Head, footer, statistics and models are read, and pages only of codecs that store latents, one cluster at
    a time: their tables have `latents`, with the number of `rows`, of `outlier_rows` (rows kept exactly as
    unlike the others) and of rows that the latents `missed`, the SHA-256 of `models`, and the bytes of each
    of the `parts`: latents, residual, outlier_rows (their rows and scores; their values count as their
    branches'), missed rows, low_bits of exact floats, models, and the rest (columns that latents do not
    predict). `models` are places of models that the file refers to; a missing one is no error
    here. Raises SourceError or FormatError.
    """
    with open_file(path, models=models) as file:
        container = file.container
        parts = {"pages": int(container.pages["size"].sum())}
        for kind, _, _, size in container.manifest.blocks:
            name = block_name(kind)
            parts[name] = parts.get(name, 0) + size
        parts["footer"] = container.trailer.footer_size
        parts["head and trailer"] = HEAD.size + TRAILER.size
        if unused := container.size - sum(parts.values()):
            parts["unused"] = unused
        described = describe_models(file.models, container.manifest.trained)
        return {
            "path": file.path,
            "size": container.size,
            "format": f"{VERSION_MAJOR}.{container.trailer.minor}",
            "codecs": list(container.manifest.codecs),
            "models": described,
            "parts": parts,
            "trees": [_tree(tree, described) for tree in file.trees],
            "objects": [entry._asdict() for entry in file.objects],
            "directories": file.directories,
            "provenance": file.metadata,
        }


def _tree(tree: TreeReader, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    schema, stored = tree.schema, tree.stored
    branches = summarise_branches(schema, tree.columns, tree.bounds, tree.statistics)
    by_path = {branch.path: branch for branch in branches}
    return {
        "path": schema.path,
        "cycle": schema.cycle,
        "kind": schema.kind,
        "title": schema.title,
        "num_entries": schema.num_entries,
        "clusters": list(stored.clusters),
        "pages": sum(len(stored.groups(cluster)) for cluster in range(len(stored.clusters))),
        "tables": _tables(tree, models),
        "aliases": schema.aliases,
        "weight": schema.weight,
        "members": [] if schema.tail is None else TreeTail.from_json(schema.tail).names,
        "relations": [{"text": text, "saved": saved} for text, saved in stored.relations],
        "branches": [
            {
                "path": path,
                "typename": schema.branches[position].typename,
                "title": schema.branches[position].title,
                **({} if path not in by_path else _numbers(by_path[path])),
                **(
                    {"missing": schema.branches[position].missing}
                    if schema.branches[position].missing
                    else {}
                ),
            }
            for position, path in enumerate(map(schema.path_of, range(len(schema.branches))))
        ],
    }


def _numbers(branch: Any) -> dict[str, Any]:
    names = ("bound", "reason", "raw_size", "size", "max_error", "rms_error", "mean_error", "outliers")
    numbers = {name: getattr(branch, name) for name in names}
    return {**numbers, "raw": branch.raw} if branch.raw else numbers


def _tables(tree: TreeReader, models: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name, number of columns and latents of each table."""
    stored = tree.stored
    opened = [column.opens for column in tree.columns if column.role == "counts"]
    tables = {0: 0, **dict(zip(opened, stored.lists, strict=True))}
    numbers = Counter(tables.get(column.table) for column in tree.columns if column.has_values)
    latents = {table.number: _latents(tree, table, models) for table in tree.latents.pages.tables}
    return [
        {
            "name": name,
            "columns": numbers[number],
            **({"latents": latents[number]} if number in latents else {}),
        }
        for number, name in enumerate(stored.tables)
    ]


def _latents(tree: TreeReader, table: LatentTable, models: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sizes and counts of the latents of a table."""
    sizes = tree.latents.pages.sizes(table)
    described = [
        model for model in models if bytes.fromhex(model["sha256"]).startswith(tuple(sizes["models"]))
    ]
    sizes["models"] = [model["sha256"] for model in described]
    sizes["parts"]["models"] = sum(model["size"] for model in described)
    return sizes
