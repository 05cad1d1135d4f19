"""Responses: how a branch comes back from latents, as decoded / original, and of which branches that is asked."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import ConfigError, nearest
from baler_root.evaluation.report.event_shifts import shortest_interval
from baler_root.format.columns import tree_columns
from baler_root.fpga.link import Link
from baler_root.rootio.source import RootSource

USUAL = (("pt",), ("energy", "e"), ("mass",))
"""Last words of the branches that are looked at if none are named, in this order."""


MOST = 2
"""Of these."""


Floats = NDArray[np.float64]


def resolution(told: Floats, original: Floats) -> float | None:
    """Half of the shortest interval that holds 68.27 % of told / original - 1; for a Gaussian its standard deviation.

    Values whose original is 0, or where either is not finite, have no response and are left out; all others count,
    however far off. None where no value is left.
    """
    good = np.isfinite(told) & np.isfinite(original) & (original != 0)
    if not good.any():
        return None
    low, high = shortest_interval(told[good] / original[good] - 1, np.ones(int(good.sum())))
    return (high - low) / 2


def check_branches(asked: Sequence[str], source: str | os.PathLike[str], tree: str | None) -> None:
    """Raises ConfigError, naming near ones, for a branch that no tree of a ROOT file has: before anything is trained."""
    names: list[str] = []
    with RootSource(source) as root:
        for key in root.tree_keys(None if tree is None else [tree]):
            schema = root.open_tree(key).schema
            names += [column.name_in(schema) for column in tree_columns(schema)]
    for name in asked:
        _check(name, names, f"{os.fspath(source)}")


def columns_of(link: Link, asked: Sequence[str] | None) -> dict[str, int]:
    """The numbers of a model's columns by name: those asked for, or without any the usual ones.

    Raises ConfigError for one that the model has not.
    """
    known = {
        entry.column.name: n for n, entry in enumerate(link.definition.inputs) if entry.column.role == "data"
    }
    if asked is not None:
        for name in asked:
            _check(name, known, "the model")
        return {name: known[name] for name in asked}
    found = []
    for words in USUAL:
        found += [name for name in known if re.split(r"[._/]", name)[-1].lower() in words][:1]
    return {name: known[name] for name in found[:MOST]}


def _check(name: str, known: Sequence[str] | dict[str, int], where: str) -> None:
    if name not in known:
        near = nearest(name, known) or list(dict.fromkeys(known))[:5]
        raise ConfigError(f"--response {name!r}: no such branch in {where}; near ones: {', '.join(near)}")
