"""Toy events as a TTree of a ROOT file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

Columns = dict[str, "NDArray[Any] | ak.Array"]
"""One array for each branch, all of the same length."""


def write_tree(
    path: Path, tree: str, columns: Mapping[str, NDArray[Any] | ak.Array], compression: Any = None
) -> Path:
    """Writes the columns as the only TTree of a new ROOT file, and returns the file's path.

    Lists of records become branches that share a length (`nMuon`, `Muon_pt[nMuon]`), as in NanoAOD.
    `compression` is one of uproot's; its default is ZLIB, level 1.
    """
    import uproot

    types = {
        name: values.dtype if isinstance(values, np.ndarray) else ak.type(values).content
        for name, values in columns.items()
    }
    with uproot.recreate(path, compression=compression or uproot.ZLIB(1)) as file:
        file.mktree(tree, types, title="toy events")
        file[tree].extend(columns)
    return path
