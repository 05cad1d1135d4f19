"""TTrees written branch by branch, also those that contradict themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from baler_root.rootio import ttree_writer
from baler_root.rootio.leaves import Leaf, OutputBranch


def write_branches(
    path: Path, branches: Sequence[OutputBranch], arrays: Sequence[Any], clusters: int = 1
) -> Path:
    """A ROOT file with the TTree `t`; arrays may differ in length, the first one gives the tree's."""
    with uproot.recreate(path, compression=None) as file:
        writer = ttree_writer.TTreeWriter(file, "t", "", list(branches), {})
        bounds = [np.linspace(0, len(array), clusters + 1).astype(int) for array in arrays]
        for n in range(clusters):
            parts = {
                i: ak.Array(a[b[n] : b[n + 1]]) for i, (a, b) in enumerate(zip(arrays, bounds, strict=True))
            }
            writer.extend(parts, len(parts[0]))
        writer.close()
    return path


def first_integers(length: int) -> Any:
    return np.arange(length, dtype=np.int32)


def numbers(name: str, source: int) -> OutputBranch:
    return OutputBranch(name, f"{name}/I", [Leaf(name, np.dtype(np.int32))], source)


def baskets(branch: Any) -> list[tuple[Any, ...]]:
    """Entry range, bytes, offsets and length of the key of every basket of a branch of uproot."""
    result = []
    for number in range(branch.num_baskets):
        basket = branch.basket(number)
        offsets = None if basket.byte_offsets is None else basket.byte_offsets.tolist()
        entries = tuple(map(int, branch.basket_entry_start_stop(number)))
        result.append((entries, basket.data.tobytes(), offsets, basket.member("fKeylen")))
    return result
