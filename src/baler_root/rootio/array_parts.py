"""Parts of awkward arrays, as leaves of a TTree hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.rootio.leaves import Leaf


def list_parts(array: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Offsets (int64, from 0) and content (NumPy, native order) of an array of lists or strings."""
    import awkward as ak

    layout = ak.to_packed(array).layout
    while layout.is_indexed:
        layout = layout.project()
    layout = layout.to_ListOffsetArray64(True)
    offsets = np.asarray(layout.offsets.data)
    content = ak.to_numpy(ak.without_parameters(ak.Array(layout.content[: offsets[-1]])), allow_missing=False)
    return offsets, content


def flat_values(array: Any, leaves: list[Leaf]) -> NDArray[Any]:
    """Values of a branch, in native byte order; several leaves become a big-endian structured array."""
    import awkward as ak

    if array.layout.is_record:
        packed = [
            (leaf.name, leaf.dtype.newbyteorder(">"), leaf.shape) for leaf in leaves if leaf.dtype is not None
        ]
        records = np.empty(len(array), np.dtype(packed))
        for leaf in leaves:
            records[leaf.name] = ak.to_numpy(array[leaf.name], allow_missing=False)
        return records
    values: NDArray[Any] = ak.to_numpy(array, allow_missing=False)
    return values


def values_of(array: Any, members: tuple[str, ...]) -> Any:
    """Values of the members of records in an awkward array; the array itself without members."""
    for member in members:
        array = array[member]
    return array
