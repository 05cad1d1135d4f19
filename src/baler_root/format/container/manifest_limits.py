"""Limits of a manifest that bound a reader's time and memory (formats/container.md#limits)."""

from __future__ import annotations

from typing import Any

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import check_items
from baler_root.format.columns.form_columns import form_size
from baler_root.format.limits import (
    MAX_BRANCH_DEPTH,
    MAX_BRANCHES,
    MAX_FORM_NODES,
    MAX_MANIFEST_LENGTH,
    MAX_PATHS_LENGTH,
    MAX_REPEATED_TREES,
    MAX_TREES,
)


def check_limits(document: dict[str, Any]) -> None:
    """Raise CorruptFileError if a manifest, as JSON, exceeds a limit on its trees, branches, forms or paths.

    Run before anything is made of the document: a few bytes of JSON can repeat a large form, or name a long
    chain of branches. What else may be wrong with the document is left to others.
    """
    trees = document["trees"]
    _at_most(len(trees), MAX_TREES, "trees")
    _at_most(
        sum(tree["same_as"] is not None for tree in trees), MAX_REPEATED_TREES, "trees that repeat others"
    )
    _at_most(sum(len(tree["names"]) for tree in trees), MAX_BRANCHES, "branches")
    nodes = 0
    for tree in trees:
        sizes = [0 if form is None else form_size(form) for form in tree["forms"]["of"]]
        nodes += sum(sizes[position] for position in tree["forms"]["at"])
    _at_most(nodes, MAX_FORM_NODES, "nodes of forms")
    _at_most(
        sum(_length_of_paths(tree) for tree in trees), MAX_PATHS_LENGTH, "characters in paths of branches"
    )


def check_text(text: bytes) -> None:
    """Raise CorruptFileError for a manifest, as JSON text, that exceeds a limit on its size."""
    _at_most(len(text), MAX_MANIFEST_LENGTH, "bytes of manifest")
    check_items(text.decode())


def _length_of_paths(tree: dict[str, Any]) -> int:
    """Characters of the paths of all branches of a tree together."""
    depths: list[int] = []
    lengths: list[int] = []
    for name, parent in zip(tree["names"], tree["parents"], strict=True):
        has_parent = isinstance(parent, int) and 0 <= parent < len(depths)
        depths.append(1 + (depths[parent] if has_parent else 0))
        length = len(name) if isinstance(name, str) else 0
        lengths.append(length + (1 + lengths[parent] if has_parent else 0))
    _at_most(max(depths, default=0), MAX_BRANCH_DEPTH, "branches inside one another")
    return sum(lengths)


def _at_most(number: int, limit: int, name: str) -> None:
    if number > limit:
        raise CorruptFileError(f"{number} {name}; at most {limit} are allowed")
