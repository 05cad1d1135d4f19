"""Nested lists from the columns that `reader` reads: `formats/pages.md#columns` read backwards."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.independent_reader.reader import Form, Reader, need, primitive


def read(reader: Reader, number: int) -> dict[int, list[Any]]:
    """The branches of a tree that have columns, by position, as lists of one item per entry."""
    trees = reader.manifest["trees"]
    owner = number if trees[number]["same_as"] is None else trees[number]["same_as"]
    table = trees[owner]["forms"]
    forms = [(i, table["of"][at]) for i, at in enumerate(table["at"]) if table["of"][at]]
    out: dict[int, list[Any]] = {i: [] for i, _ in forms}
    for entries, values in zip(trees[owner]["clusters"], reader.clusters(owner), strict=True):
        columns = iter(values)
        for i, form in forms:
            out[i] += rebuild(form, columns, entries)
    return out


def plain(values: Any) -> list[Any]:
    """Numbers as Python has them; floats that are no finite numbers as their bits."""
    items: list[Any] = values.tolist()
    for i in np.flatnonzero(~np.isfinite(values)):
        items[i] = hex(values.view(f"u{values.dtype.itemsize}")[i])
    return items


def fold(items: list[Any], axes: Sequence[int]) -> list[Any]:
    """Flat items as nested lists of these axes, innermost last."""
    for size in reversed(axes):
        items = [items[i : i + size] for i in range(0, len(items), size)]
    return items


def rebuild(node: Form, columns: Iterator[Any], rows: int | None) -> list[Any]:
    """The items of a node as Python lists; with `rows` None, as many as its columns hold."""
    name = node["class"]
    if name == "NumpyArray":
        items, axis = plain(next(columns)), primitive(node["primitive"])[1]
        out = fold(
            [complex(*pair) for pair in fold(items, axis)] if axis else items, node.get("inner_shape", ())
        )
    elif name == "ListOffsetArray":
        stops = [0, *np.cumsum(next(columns), dtype=np.int64).tolist()]
        content: Any = rebuild(node["content"], columns, stops[-1])
        text = {"string": str, "bytestring": bytes}.get(node.get("parameters", {}).get("__array__"))
        parts = [content[a:b] for a, b in itertools.pairwise(stops)]
        out = [bytes(p).decode() if text is str else bytes(p) if text is bytes else p for p in parts]
    elif name == "RegularArray":
        content = rebuild(node["content"], columns, None if rows is None else rows * node["size"])
        out = fold(content, (node["size"],)) if node["size"] else [[] for _ in range(rows or 0)]
    elif name == "RecordArray":
        parts = [rebuild(content, columns, rows) for content in node["contents"]]
        items = list(zip(*parts, strict=True)) if parts else [()] * (rows or 0)
        out = (
            [dict(zip(node["fields"], item, strict=True)) for item in items] if node.get("fields") else items
        )
    elif name in ("UnionArray", "IndexedArray", "IndexedOptionArray"):
        tags = next(columns) if name == "UnionArray" else itertools.repeat(0)
        index = next(columns).tolist()
        parts = [rebuild(content, columns, None) for content in node.get("contents") or [node["content"]]]
        out = [None if i < 0 else parts[tag][i] for tag, i in zip(tags, index, strict=False)]
    elif name in ("ByteMaskedArray", "BitMaskedArray"):
        mask = next(columns)
        if name == "BitMaskedArray":
            mask = np.unpackbits(mask, bitorder="little" if node["lsb_order"] else "big")
        good = ((mask != 0) == node["valid_when"]).tolist()
        out = [
            i if ok else None for i, ok in zip(rebuild(node["content"], columns, rows), good, strict=False)
        ]
    elif name == "UnmaskedArray":
        out = rebuild(node["content"], columns, rows)
    else:
        need(name == "EmptyArray", f"form class {name}")
        out = []
    need(rows is None or len(out) == rows, f"{name} of {len(out)} items, not {rows}")
    return out
