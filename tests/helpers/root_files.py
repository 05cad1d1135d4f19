"""Small ROOT files from columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

Make = Callable[..., Path]
"""The fixture `make_root`."""


def write_root(path: Path, kind: str = "ttree", **trees: Mapping[str, Any]) -> Path:
    """Write each keyword as a TTree, or as an RNTuple with `kind="rntuple"`; returns the path."""
    with uproot.recreate(path) as file:
        for tree, columns in trees.items():
            if kind == "ttree":
                file.mktree(tree, {name: _type(values) for name, values in columns.items()})
                file[tree].extend(columns)
            else:
                file.mkrntuple(tree, ak.Array(columns))
    return path


def _type(values: object) -> object:
    """Type of a column for `mktree`: a dtype, with a shape for fixed-size arrays, or an awkward type."""
    if isinstance(values, np.ndarray):
        return values.dtype if values.ndim == 1 else np.dtype((values.dtype, values.shape[1:]))
    return ak.type(values).content


def write_tree(file: uproot.WritableDirectory, path: str, columns: dict[str, np.ndarray]) -> None:
    """Add a TTree; uproot's `file[path] = columns` would add an RNTuple."""
    file.mktree(path, {name: values.dtype for name, values in columns.items()}).extend(columns)
