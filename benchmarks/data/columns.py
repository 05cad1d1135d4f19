"""Flat columns of trees in memory, as all rivals that are not ROOT files get them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.columns.form_columns import columns_of
from baler_root.format.columns.to_columns import plain_form, to_columns
from benchmarks.data.sources import Tree


class Column(NamedTuple):
    """Values of one column, and their error bound."""

    name: str
    values: NDArray[Any]
    bound: ErrorBound


def columns(trees: list[Tree], bound_of: Callable[[str, str], str]) -> Iterator[Column]:
    """Columns of each branch; list lengths that branches of a tree share occur once.

    `bound_of(tree, branch)` is the bound of a branch's numbers; structure and text are exact.
    """
    for tree in trees:
        seen: set[bytes] = set()
        for path, array in tree.branches:
            bound = ErrorBound.parse(bound_of(tree.name, path))
            form = plain_form(array)
            parts = columns_of([(0, form)])
            for part, values in zip(parts, to_columns(array, form, parts), strict=True):
                if part.role == "counts":
                    digest = hashlib.sha256(values.tobytes()).digest()
                    if digest in seen:
                        continue
                    seen.add(digest)
                allowed = bound if part.role == "data" and values.dtype.kind == "f" else LOSSLESS
                yield Column(path, plain(values), allowed)


def plain(values: NDArray[Any]) -> NDArray[Any]:
    """Values as numbers that every library supports: bytes of booleans and times as integers."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind in "bmM":
        return values.view(f"u{values.dtype.itemsize}")
    return values
