"""Costs of storing sampled columns: alone, by a relation, or by a relation with a residual."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.fingerprint import equality_key, is_constant
from baler_root.compression.quantisation.quantise import quantise
from baler_root.compression.relations.fit import (
    PlannedRelation,
    balance_error,
    droppable_bits,
    encode_residual,
)
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import PROPORTIONAL
from baler_root.format.encodings.quantised import Quantised, dequantise
from baler_root.format.encodings.relations import Relation

Doubles = NDArray[np.float64]


MIN_RELATION_ROWS = 100
"""Fewest rows from which a relation may be concluded."""


MAX_FIT_ROWS = 400
"""Most rows used to find coefficients; all rows are used to check them."""


MAX_MISSED_SHARE = 0.01
"""Most rows, as a share, in which a relation may miss its bound."""


UNITS = (1.0, 1000.0, 0.001)
"""Ratios of the units in which related columns may be stored: equal, GeV and MeV, MeV and GeV."""


TIGHTENING = (1.0, 0.85, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.21, 0.18)
"""Factors by which bounds of arguments may be tightened, so that a column computed from them keeps its
bound."""


MAX_COST_SHARE = 0.8
"""A relation must save at least 20 %: its column may cost this share of its bits when stored alone."""


MAX_CONSISTENCY_COST = 2.0
"""Bits per value that a relation without residual may cost more than one with: it keeps events consistent."""


class ColumnSample:
    """Sampled columns of a tree, and the costs of storing them."""

    def __init__(
        self, columns: Sequence[Values], bounds: Sequence[ErrorBound], tables: Sequence[int]
    ) -> None:
        """`tables` has a number for each column, equal for columns of equal length and lists; see
        `discover`."""
        self.columns, self.bounds, self.tables = columns, bounds, tables
        distinct: set[tuple[int, bytes]] = set()
        self.numbers = []
        """Numeric columns that vary and may be related; of equal columns the first."""
        for number, values in enumerate(columns):
            if (
                can_be_related(values, tables[number])
                and values.dtype.kind in "iuf"
                and values.dtype.itemsize > 2
            ):
                key = (tables[number], values.tobytes())
                if key not in distinct:
                    self.numbers.append(number)
                distinct.add(key)
        self._integers: list[int] | None = None
        self._costs: dict[int, float] = {}
        self._decoded_columns: dict[tuple[int, ErrorBound], Values] = {}

    @property
    def integers(self) -> list[int]:
        """Columns of integers and booleans that vary; of equal columns the first, since a copy costs
        nothing."""
        if self._integers is None:
            first_numbers: dict[tuple[int, int], int] = {}
            for number, values in enumerate(self.columns):
                if values.dtype.kind in "bui":
                    first_numbers.setdefault(equality_key(values), number)
            self._integers = [
                n for n in first_numbers.values() if can_be_related(self.columns[n], self.tables[n])
            ]
        return self._integers

    @property
    def constants(self) -> list[int]:
        """Columns of floats with one value, such as the mass of a muon, in tables of enough rows."""
        return [
            number
            for number, values in enumerate(self.columns)
            if values.dtype.kind == "f"
            and self.tables[number] >= 0
            and len(values) >= MIN_RELATION_ROWS
            and is_constant(values)
        ]

    def rows(self, number: int, neighbours: Sequence[int]) -> NDArray[np.int64]:
        """Rows with a finite value other than 0, ordered by the number of `neighbours` that are finite, most
        first."""
        values = self.columns[number]
        rows = np.arange(0, len(values), max(1, len(values) // MAX_FIT_ROWS))[:MAX_FIT_ROWS]
        rows = rows[np.isfinite(values[rows]) & (values[rows] != 0)]
        finite_counts = np.sum([np.isfinite(self.columns[column][rows]) for column in neighbours], axis=0)
        return np.asarray(rows[np.argsort(-finite_counts, kind="stable")]) if neighbours else rows[:0]

    def best(
        self, number: int, formula: Formula, tightened: Mapping[int, float], *, may_share: bool
    ) -> tuple[PlannedRelation, dict[int, float]] | None:
        """The cheapest way to store a column by this formula, and the factors that tighten the bounds of its
        sources.

        `tightened` has the factors that apply already. None if the formula saves too little.
        """
        bits_alone = self.cost(number)
        exact = self._exact(number, formula, tightened, may_share=may_share)
        with_residual = self._with_residual(number, formula, tightened)
        options = [
            option
            for option in (exact, with_residual)
            if option is not None and option[0] <= MAX_COST_SHARE * bits_alone
        ]
        if not options:
            return None
        chosen = min(options, key=lambda option: option[0])
        if exact is not None and exact[0] <= min(
            MAX_COST_SHARE * bits_alone, chosen[0] + MAX_CONSISTENCY_COST
        ):
            chosen = exact
        bits, planned, factors = chosen
        return replace(planned, saved=bits_alone - bits), factors

    def cost(self, number: int) -> float:
        """Bits per value of the column stored alone."""
        if number not in self._costs:
            self._costs[number] = bits_of(quantise(self.columns[number], self.bounds[number]).symbols)
        return self._costs[number]

    def _exact(
        self, number: int, formula: Formula, tightened: Mapping[int, float], *, may_share: bool
    ) -> tuple[float, PlannedRelation, dict[int, float]] | None:
        """Bits per value without a residual, the planned relation, and the factors that its sources need."""
        first_source, *others = formula.sources
        best: tuple[float, PlannedRelation, dict[int, float]] | None = None
        kinds = [self.bounds[source].is_scalable for source in (number, *formula.sources)]
        shared = may_share and formula.function in PROPORTIONAL and all(kinds[:2])
        for first in TIGHTENING if kinds[1] else TIGHTENING[:1]:
            for second in TIGHTENING if any(kinds[2:]) else TIGHTENING[:1]:
                factors = {first_source: first} | {
                    source: second if scales else 1.0
                    for source, scales in zip(others, kinds[2:], strict=True)
                }
                factors = {
                    source: min(factor, tightened.get(source, 1.0)) for source, factor in factors.items()
                }
                extra_bits = sum(
                    math.log2(tightened.get(source, 1.0) / factor) for source, factor in factors.items()
                )
                if best is not None and extra_bits >= best[0]:
                    continue
                share = self._missed(number, formula, factors, shared=shared)
                bits = extra_bits + share * len(factors) * (32 + 8 * self.columns[number].itemsize)
                if share <= MAX_MISSED_SHARE and (best is None or bits < best[0]):
                    best = bits, PlannedRelation(formula, shared=shared), factors
        return best

    def _missed(self, number: int, formula: Formula, factors: Mapping[int, float], *, shared: bool) -> float:
        """Share of the values that the formula misses with the bounds of its sources scaled by `factors`."""
        values = self.columns[number]
        bounds = {source: tightened_bound(self.bounds[source], factor) for source, factor in factors.items()}
        first_source, *others = formula.sources
        decoded = {source: self.decoded_within(source, bounds[source]) for source in others}
        if shared:
            arguments = [decoded[source] for source in others]
            first = balance_error(
                formula,
                self.columns[first_source],
                arguments,
                values,
                self.bounds[first_source],
                bounds[first_source],
            )
            decoded[first_source] = _decoded(quantise(first, bounds[first_source]))
        else:
            decoded[first_source] = self.decoded_within(first_source, bounds[first_source])
        computed = formula.values([decoded[source] for source in formula.sources], values.dtype)
        return len(violations(values, computed, self.bounds[number])) / len(values)

    def decoded_within(self, number: int, bound: ErrorBound) -> Values:
        """A column as it decodes after encoding within a bound."""
        if (number, bound) not in self._decoded_columns:
            self._decoded_columns[number, bound] = _decoded(quantise(self.columns[number], bound))
        return self._decoded_columns[number, bound]

    def _with_residual(
        self, number: int, formula: Formula, tightened: Mapping[int, float]
    ) -> tuple[float, PlannedRelation, dict[int, float]] | None:
        """Bits per value with a residual, the planned relation, and no factors; None if there can be no
        residual."""
        values = self.columns[number]
        dropped_bits = droppable_bits(self.bounds[number], values.dtype) if values.dtype.kind == "f" else None
        if dropped_bits is None:
            return None
        sources = [
            self.decoded_within(s, tightened_bound(self.bounds[s], tightened.get(s, 1.0)))
            for s in formula.sources
        ]
        residual = encode_residual(formula, sources, values, self.bounds[number], dropped_bits)
        if residual is None:
            return None
        steps, missed = residual
        bits = bits_of(steps) + len(missed) / len(values) * (32 + 8 * values.itemsize)
        return bits, PlannedRelation(formula, dropped_bits), {}


def tightened_bound(bound: ErrorBound, factor: float) -> ErrorBound:
    """The bound times `factor`, to six digits, where that makes it tighter."""
    return bound.scaled(factor, 6) if factor < 1.0 else bound


def can_be_related(values: Values, table: int) -> bool:
    """Whether a column is numeric, varies, has enough rows, and shares these with other columns."""
    return (
        table >= 0
        and len(values) >= MIN_RELATION_ROWS
        and values.dtype.kind in "buif"
        and bool(np.ptp(usable(values)))
    )


def usable(values: Values) -> Doubles:
    """At most `MAX_FIT_ROWS` values as doubles, with 0 for values that are not finite or too large."""
    wide = values[:: max(1, len(values) // MAX_FIT_ROWS)][:MAX_FIT_ROWS].astype(np.float64)
    return np.where(np.isfinite(wide) & (np.abs(wide) < 1e15), wide, 0.0)


def holds(relation: Relation, number: int, columns: Sequence[Values], bounds: Sequence[ErrorBound]) -> bool:
    """Whether a relation gives the column within its bound from its decoded sources."""
    sources = [_decoded(quantise(columns[source], bounds[source])) for source in relation.sources]
    values = relation.values(sources, columns[number].dtype)
    return len(violations(columns[number], values, bounds[number])) <= MAX_MISSED_SHARE * len(values)


def _decoded(quantised: Quantised) -> Values:
    return dequantise(quantised.symbols, quantised.quantiser, quantised.positions, quantised.outliers)


def bits_of(symbols: Values) -> float:
    """Bits per symbol as stored by `classic`."""
    payload, _ = Classic().encode([symbols], [SymbolSpec(symbols.dtype, len(symbols))])
    return 8 * len(payload) / len(symbols)
