"""Columns in which a bound merges values that were different, such as times and identifiers."""

from __future__ import annotations

import numpy as np

from baler_root._types import Values
from baler_root.compression.quantisation.quantise import narrowed, quantise
from baler_root.format.bounds import LOSSLESS, ErrorBound

MAX_VALUES = 4096
"""Most values of a column that are looked at."""


MIN_DISTINCT = 64
"""Fewest different values of a column that is looked at."""


FEW = 16
"""Different values that are few for a column that had `MIN_DISTINCT`."""


MAX_KEPT_SHARE = 0.9
"""Largest share of different whole numbers that are kept where some are merged."""


def merged_values(values: Values, bound: ErrorBound) -> tuple[int, int] | None:
    """Numbers of different values with and without the bound, if it merges nearly all, or whole numbers.

    None for any other column: measured values may be merged.
    """
    if bound == LOSSLESS or values.dtype.kind != "f" or len(values) < MIN_DISTINCT:
        return None
    few = values[:: max(1, len(values) // MAX_VALUES)][:MAX_VALUES]
    few = few[np.isfinite(few)]
    before = len(np.unique(few))
    if before < MIN_DISTINCT:
        return None
    kept = len(np.unique(quantise(narrowed(few, bound), bound).symbols))
    whole = bool((few == np.rint(few)).all())
    return (kept, before) if kept <= FEW or (whole and kept < MAX_KEPT_SHARE * before) else None
