"""Fingerprints of columns: which are equal, and which are constant."""

from __future__ import annotations

import numpy as np
import xxhash

from baler_root._types import Values


def equality_key(values: Values) -> tuple[int, int]:
    """A key that is equal for columns of equal values; integers and booleans compare across widths."""
    if values.dtype.kind in "bui" and (
        values.dtype != np.uint64 or not len(values) or values.max() < 1 << 63
    ):
        return len(values), xxhash.xxh3_64_intdigest(values.astype(np.int64).data)
    return len(values), xxhash.xxh3_64_intdigest(values.data, seed=values.dtype.num)


def is_constant(values: Values) -> bool:
    """Whether all values of a column, which must have some, have the same bits."""
    bits = values.view(f"u{values.dtype.itemsize}")
    return bool((bits == bits[0]).all())
