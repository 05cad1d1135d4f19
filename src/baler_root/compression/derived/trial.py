"""Trials: formulas in a few rows, compared with the columns that are sought."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.derived.match import Targets
from baler_root.compression.derived.table import TRIAL_ROWS, SearchTable
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import Doubles

Candidates = Iterator[tuple[int, Formula]]
"""Columns with formulas that agree with them in a few rows; columns and sources by index in the table."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Results of formulas, one for each tried row, that a search may compute."""

    results: int

    def side(self, share: float) -> int:
        """Number of things of which all pairs can be tried for a share of the budget."""
        return math.isqrt(2 * self.count(share))

    def count(self, share: float) -> int:
        """Number of formulas that can be tried for a share of the budget."""
        return max(0, int(share * self.results / TRIAL_ROWS))


class Trial:
    """Columns of a table in a few rows, in which some of them are sought."""

    def __init__(self, table: SearchTable, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        """`columns` are sought, by index in the table."""
        self.table = table
        self.values = table.values[:, rows]
        self.all_columns = columns
        self.positive_columns = columns[table.is_positive[columns]]
        self.any_sign = Targets(self.values[self.all_columns])
        self.squares = Targets(self.values[self.positive_columns], power=2)
        self.copies: set[tuple[int, int]] = set()
        """Columns and others that are nearly equal to them, with which formulas agree by accident."""

    def match(self, name: str, sources: NDArray[np.int64], results: Doubles) -> Candidates:
        """Formulas that agree with a column of any sign; `sources` has a row for each of the `results`, which
        have a column for each."""
        for position, target in self.any_sign.find(results):
            yield from self.formula(target, name, tuple(sources[position].tolist()))

    def match_squares(self, name: str, sources: NDArray[np.int64], results: Doubles) -> Candidates:
        """Formulas whose squares agree with those of a positive column."""
        for position, target in self.squares.find(results):
            yield from self.formula(target, name, tuple(sources[position].tolist()), positive=True)

    def formula(
        self, target: int, name: str, sources: tuple[int, ...], *, positive: bool = False
    ) -> Candidates:
        """The formula for one of the sought columns, unless it contains that column or a near copy of it."""
        column = int((self.positive_columns if positive else self.all_columns)[target])
        if column not in sources and not any((column, source) in self.copies for source in sources):
            yield column, Formula(name, sources)
