"""What a file says about itself, without reading a page."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, BinaryIO

from baler_root.batch import Column
from baler_root.container.layout import HEAD, TRAILER, VERSION_MAJOR, BlockKind
from baler_root.model_description import describe_models
from baler_root.model_store import Places
from baler_root.reader import open_file
from baler_root.summary import summarise_branches
from baler_root.tree_reader import TreeReader


def inspect(path: str | os.PathLike[str] | BinaryIO, *, models: Places = None) -> dict[str, Any]:
    """The description of a `.baler` or `.balermodel` file as plain values: format, sizes by part, models, trees,
    branches, provenance.

    Sizes are in bytes. Head, footer, statistics and models are read, but no page. `models` says where models may be
    that the file only refers to; a missing one is no error here. Raises SourceError or FormatError.
    """
    with open_file(path, models=models) as file:
        container = file.container
        parts = {"pages": int(container.pages["size"].sum())}
        for kind, _, _, size in container.manifest.blocks:
            name = BlockKind(kind).name.lower()
            parts[name] = parts.get(name, 0) + size
        parts["footer"] = container.trailer.footer_size
        parts["head and trailer"] = HEAD.size + TRAILER.size
        return {
            "path": file.path,
            "size": container.size,
            "format": f"{VERSION_MAJOR}.{container.trailer.minor}",
            "codecs": list(container.manifest.codecs),
            "models": describe_models(file.models, container.manifest.trained),
            "parts": parts,
            "trees": [_tree(tree) for tree in file.trees],
            "objects": [entry._asdict() for entry in file.objects],
            "directories": file.directories,
            "provenance": file.metadata,
        }


def _tree(tree: TreeReader) -> dict[str, Any]:
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
        "tables": _tables(tree.columns, stored.lists, stored.tables),
        "aliases": schema.aliases,
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
    return {name: getattr(branch, name) for name in names}


def _tables(columns: list[Column], lists: tuple[int, ...], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each table's name and how many columns share its length."""
    opened = [column.opens for column in columns if column.role == "counts"]
    tables = {0: 0, **dict(zip(opened, lists, strict=True))}
    sizes = Counter(tables.get(column.table) for column in columns if column.has_values)
    return [{"name": name, "columns": sizes[number]} for number, name in enumerate(names)]
