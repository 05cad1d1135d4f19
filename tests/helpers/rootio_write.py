"""Trees written to ROOT files in memory and read with uproot."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import awkward as ak
import uproot

from baler_root.format.columns.to_columns import plain_form
from baler_root.format.schema import Branch, Tree
from baler_root.rootio.read_back import TreeWritten
from baler_root.rootio.write import write_root

Clusters = Callable[[], Iterator[dict[int, ak.Array]]]

NUMBERS = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def tree_of(columns: dict[str, Any], step: int = 2, **schema: Any) -> tuple[Tree, Clusters]:
    """A tree of these columns at top level, in clusters of `step` entries; `schema` are fields of `Tree`."""
    arrays = [a if isinstance(a, ak.Array) else ak.Array(ak.contents.NumpyArray(a)) for a in columns.values()]
    branches = tuple(Branch(n, None, "", form=plain_form(a)) for n, a in zip(columns, arrays, strict=True))
    length = len(arrays[0])

    def clusters() -> Iterator[dict[int, ak.Array]]:
        for start in range(0, length, step):
            yield {i: a[start : start + step] for i, a in enumerate(arrays)}

    defaults = {
        "path": "t",
        "cycle": 1,
        "kind": "TTree",
        "title": "",
        "num_entries": length,
        "branches": branches,
    }
    return Tree(**{**defaults, **schema}), clusters


def with_branch(tree: Tree, name: str, **changes: Any) -> Tree:
    """The tree with fields of one branch changed."""
    return replace(
        tree, branches=tuple(replace(b, **changes) if b.name == name else b for b in tree.branches)
    )


def written(
    *trees: tuple[Tree, Clusters], **options: Any
) -> tuple[list[TreeWritten], uproot.ReadOnlyDirectory]:
    """Result of `write_root`, and the file opened again."""
    file = io.BytesIO()
    return write_root(file, trees, **options), uproot.open(io.BytesIO(file.getvalue()))


def read(tree: Any, name: str) -> ak.Array:
    """One branch or field, by its own name."""
    items = tree.branches if hasattr(tree, "branches") else tree.fields
    return next(item for item in items if item.name == name).array()


def assert_same(one: ak.Array, other: ak.Array) -> None:
    assert one.type.content.is_equal_to(other.type.content, all_parameters=False)
    assert ak.array_equal(one, other, equal_nan=True, dtype_exact=True, check_parameters=False)
