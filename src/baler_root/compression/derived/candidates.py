"""Candidates: formulas that agree with a column in a few rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.energies import of_energies
from baler_root.compression.derived.pairs import (
    of_angles,
    of_columns,
    of_directions,
    of_momenta,
    of_single_columns,
    of_transverse,
)
from baler_root.compression.derived.sums import of_sums
from baler_root.compression.derived.table import SearchTable
from baler_root.compression.derived.tracks import of_tracks
from baler_root.compression.derived.trial import Budget, Candidates, Trial

MAX_TARGETS = 1 << 12
"""Most columns that are sought in the same rows."""


USUAL_TARGETS = 128
"""Columns that are sought in the same time; the time for more is in proportion to their number."""


def candidates(
    table: SearchTable, wanted: NDArray[np.bool_], computed: NDArray[np.bool_], budget: Budget
) -> Candidates:
    """Columns with formulas that agree with them in a few rows; all by index in the table.

    Only the columns in `wanted` are sought; `computed` columns follow from others by a relation.
    """
    rounds = [(columns[wanted[columns]], rows) for columns, rows in table.rounds()]
    rounds = [(columns[:MAX_TARGETS], rows) for columns, rows in rounds if len(columns)]
    for columns, rows in rounds:
        trial = Trial(table, columns, rows)
        share = Budget(budget.results // (len(rounds) * (1 + len(columns) // USUAL_TARGETS)))
        yield from of_single_columns(trial)
        for kind in (of_columns, of_angles, of_directions, of_transverse, of_momenta, of_sums, of_tracks):
            yield from kind(trial, share)
    yield from of_energies(table, wanted, ~computed)
