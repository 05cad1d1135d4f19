"""Responses: decoded / original values of a branch, their resolution, and the branches that are measured."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, nearest
from baler_root.evaluation.statistics.intervals import shortest_interval
from baler_root.format.columns.form_columns import tree_columns
from baler_root.fpga.link import Link
from baler_root.rootio.source import RootSource

DEFAULT_NAMES = (("pt",), ("energy", "e"), ("mass",))
"""Last words of branch names that are measured by default, in this order of preference."""


MAX_DEFAULT_RESPONSES = 2
"""Most branches that are measured by default."""


Floats = NDArray[np.float64]


def resolution(decoded: Floats, original: Floats) -> float | None:
    """Half of the shortest interval that holds 68.27 % of decoded / original - 1.

    For a Gaussian this is its standard deviation. Values whose original is 0, or with either value not
    finite, are left out. All others count, however wrong. None without values.
    """
    usable = np.isfinite(decoded) & np.isfinite(original) & (original != 0)
    if not usable.any():
        return None
    responses = decoded[usable] / original[usable] - 1
    low, high = shortest_interval(responses, np.ones(len(responses)))
    return (high - low) / 2


def check_branches(names: Sequence[str], source: str | os.PathLike[str], tree: str | None) -> None:
    """Raise ConfigError for a branch that no tree of a ROOT file has, before anything is trained.

    The message suggests similar names.
    """
    available: list[str] = []
    with RootSource(source) as root:
        for key in root.tree_keys(None if tree is None else [tree]):
            schema = root.open_tree(key).schema
            available += [column.name_in(schema) for column in tree_columns(schema)]
    for name in names:
        _check(name, available, f"{os.fspath(source)}")


def response_columns(link: Link, names: Sequence[str] | None) -> dict[str, int]:
    """Numbers of the model's columns to measure, by name; `names=None` chooses by `DEFAULT_NAMES`.

    Raises ConfigError for a name without a column in the model.
    """
    numbers = {
        entry.column.name: n for n, entry in enumerate(link.definition.inputs) if entry.column.role == "data"
    }
    if names is not None:
        for name in names:
            _check(name, numbers, "the model")
        return {name: numbers[name] for name in names}
    chosen = []
    for words in DEFAULT_NAMES:
        chosen += [name for name in numbers if re.split(r"[._/]", name)[-1].lower() in words][:1]
    return {name: numbers[name] for name in chosen[:MAX_DEFAULT_RESPONSES]}


def _check(name: str, available: Collection[str], owner: str) -> None:
    if name not in available:
        similar = nearest(name, available) or list(dict.fromkeys(available))[:5]
        raise ConfigError(
            f"--response {name!r}: no such branch in {owner}; similar names: {', '.join(similar)}"
        )
