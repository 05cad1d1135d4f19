"""A sample of a tree's columns, and what storing them one way or another would cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.fingerprint import equality_key
from baler_root.compression.quantisation.quantise import quantise
from baler_root.compression.relations.fit import PlannedRelation, balance_error, droppable, encode_residual
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import PROPORTIONAL
from baler_root.format.encodings.quantised import Quantised, dequantise
from baler_root.format.encodings.relations import Relation

Values = NDArray[Any]


Doubles = NDArray[np.float64]


MIN_ROWS = 100
"""Rows from which a relation may be concluded."""


MAX_ROWS = 400
"""Rows from which coefficients are found; whether they hold is asked of all."""


MAX_MISSED = 0.01
"""Share of the rows in which a relation may fail."""


UNITS = (1.0, 1000.0, 0.001)
"""GeV and MeV."""


SCALABLE = ("rel", "abs")
"""Kinds of bounds of which one can take a part."""


TIGHTENING = (1.0, 0.85, 0.7, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25, 0.21, 0.18)
"""Parts of their bounds to which arguments may be held, so that what is computed from them keeps its own."""


WORTHWHILE = 0.8
"""Of its own bits, what a related column may still cost."""


CONSISTENT = 2.0
"""Bits of a value that an exact relation may cost more than one with a residual: events stay consistent for it."""


class Sample:
    """Columns of a sample, and what storing them costs."""

    def __init__(
        self, columns: Sequence[Values], bounds: Sequence[ErrorBound], groups: Sequence[int]
    ) -> None:
        self.columns, self.bounds, self.groups = columns, bounds, groups
        seen: set[tuple[int, bytes]] = set()
        self.numbers = []
        """Columns that may be related: numbers that vary, each once."""
        for number, values in enumerate(columns):
            if (
                can_be_related(values, groups[number])
                and values.dtype.kind in "iuf"
                and values.dtype.itemsize > 2
            ):
                key = (groups[number], values.tobytes())
                if key not in seen:
                    self.numbers.append(number)
                seen.add(key)
        self._integers: list[int] | None = None
        self._costs: dict[int, float] = {}
        self._kept: dict[tuple[int, ErrorBound], Values] = {}

    @property
    def integers(self) -> list[int]:
        """Columns of integers and booleans that vary, each once: a copy costs nothing, and no other is told by it."""
        if self._integers is None:
            first: dict[tuple[int, int], int] = {}
            for number, values in enumerate(self.columns):
                if values.dtype.kind in "bui":
                    first.setdefault(equality_key(values), number)
            self._integers = [n for n in first.values() if can_be_related(self.columns[n], self.groups[n])]
        return self._integers

    def rows(self, number: int, near: Sequence[int]) -> NDArray[np.int64]:
        """Rows from which a function may be told: values that are finite and not 0, the best known first."""
        values = self.columns[number]
        rows = np.arange(0, len(values), max(1, len(values) // MAX_ROWS))[:MAX_ROWS]
        rows = rows[np.isfinite(values[rows]) & (values[rows] != 0)]
        known = np.sum([np.isfinite(self.columns[column][rows]) for column in near], axis=0)
        return np.asarray(rows[np.argsort(-known, kind="stable")]) if near else rows[:0]

    def best(
        self, number: int, formula: Formula, tightened: Mapping[int, float], *, may_share: bool
    ) -> tuple[PlannedRelation, dict[int, float]] | None:
        """How to store a column that is this function, and the parts of their bounds its arguments are held to.

        None where that saves too little.
        """
        own = self.cost(number)
        exact = self._exact(number, formula, tightened, may_share=may_share)
        rest = self._with_residual(number, formula, tightened)
        options = [found for found in (exact, rest) if found is not None and found[0] <= WORTHWHILE * own]
        if not options:
            return None
        chosen = min(options, key=lambda found: found[0])
        if exact is not None and exact[0] <= min(WORTHWHILE * own, chosen[0] + CONSISTENT):
            chosen = exact
        bits, found, parts = chosen
        return replace(found, saved=own - bits), parts

    def cost(self, number: int) -> float:
        """Bits of a value of the column by itself."""
        if number not in self._costs:
            self._costs[number] = _bits(quantise(self.columns[number], self.bounds[number]).symbols)
        return self._costs[number]

    def _exact(
        self, number: int, formula: Formula, tightened: Mapping[int, float], *, may_share: bool
    ) -> tuple[float, PlannedRelation, dict[int, float]] | None:
        """Bits for the column, and how it is stored, as the function itself; the arguments as tight as it needs."""
        lead, *others = formula.sources
        best: tuple[float, PlannedRelation, dict[int, float]] | None = None
        kinds = [self.bounds[source].kind in SCALABLE for source in (number, *formula.sources)]
        shared = may_share and formula.function in PROPORTIONAL and all(kinds[:2])
        for first in TIGHTENING if kinds[1] else TIGHTENING[:1]:
            for second in TIGHTENING if any(kinds[2:]) else TIGHTENING[:1]:
                parts = {lead: first} | {
                    source: second if scales else 1.0
                    for source, scales in zip(others, kinds[2:], strict=True)
                }
                parts = {source: min(part, tightened.get(source, 1.0)) for source, part in parts.items()}
                extra = sum(math.log2(tightened.get(source, 1.0) / part) for source, part in parts.items())
                if best is not None and extra >= best[0]:
                    continue
                share = self._missed(number, formula, parts, shared=shared)
                bits = extra + share * len(parts) * (32 + 8 * self.columns[number].itemsize)
                if share <= MAX_MISSED and (best is None or bits < best[0]):
                    best = bits, PlannedRelation(formula, shared=shared), parts
        return best

    def _missed(self, number: int, formula: Formula, parts: Mapping[int, float], *, shared: bool) -> float:
        """The share of values that the function misses with its arguments held to parts of their bounds."""
        values = self.columns[number]
        bounds = {source: scaled(self.bounds[source], part) for source, part in parts.items()}
        lead, *others = formula.sources
        decoded = {source: self._held(source, bounds[source]) for source in others}
        if shared:
            arguments = [decoded[source] for source in others]
            first = balance_error(
                formula, self.columns[lead], arguments, values, self.bounds[lead], bounds[lead]
            )
            decoded[lead] = _decoded(quantise(first, bounds[lead]))
        else:
            decoded[lead] = self._held(lead, bounds[lead])
        made = formula.values([decoded[source] for source in formula.sources], values.dtype)
        return len(violations(values, made, self.bounds[number])) / len(values)

    def _held(self, number: int, bound: ErrorBound) -> Values:
        """A column as it decodes when it is held to a bound."""
        if (number, bound) not in self._kept:
            self._kept[number, bound] = _decoded(quantise(self.columns[number], bound))
        return self._kept[number, bound]

    def _with_residual(
        self, number: int, formula: Formula, tightened: Mapping[int, float]
    ) -> tuple[float, PlannedRelation, dict[int, float]] | None:
        """The same with what the function misses stored beside it."""
        values = self.columns[number]
        dropped_bits = droppable(self.bounds[number], values.dtype) if values.dtype.kind == "f" else None
        if dropped_bits is None:
            return None
        sources = [self._held(s, scaled(self.bounds[s], tightened.get(s, 1.0))) for s in formula.sources]
        found = encode_residual(formula, sources, values, self.bounds[number], dropped_bits)
        if found is None:
            return None
        steps, missed = found
        bits = _bits(steps) + len(missed) / len(values) * (32 + 8 * values.itemsize)
        return bits, PlannedRelation(formula, dropped_bits), {}


def scaled(bound: ErrorBound, part: float) -> ErrorBound:
    """A part of a relative or absolute bound; others have none."""
    value = float(f"{bound.value * part:.6g}")
    return replace(bound, value=value) if part < 1.0 and bound.kind in SCALABLE else bound


def can_be_related(values: Values, group: int) -> bool:
    return (
        group >= 0
        and len(values) >= MIN_ROWS
        and values.dtype.kind in "buif"
        and bool(np.ptp(usable(values)))
    )


def usable(values: Values) -> Doubles:
    """What coefficients are found from: finite numbers."""
    wide = values[:: max(1, len(values) // MAX_ROWS)][:MAX_ROWS].astype(np.float64)
    return np.where(np.isfinite(wide) & (np.abs(wide) < 1e15), wide, 0.0)


def holds(relation: Relation, number: int, columns: Sequence[Values], bounds: Sequence[ErrorBound]) -> bool:
    """Whether the decoded sources give the column within its bound."""
    parts = [_decoded(quantise(columns[source], bounds[source])) for source in relation.sources]
    values = relation.values(parts, columns[number].dtype)
    return len(violations(columns[number], values, bounds[number])) <= MAX_MISSED * len(values)


def _decoded(quantised: Quantised) -> Values:
    return dequantise(quantised.symbols, quantised.quantiser, quantised.positions, quantised.outliers)


def _bits(symbols: Values) -> float:
    """Bits of a symbol as `classic` stores them."""
    payload, _ = Classic().encode([symbols], [SymbolSpec(symbols.dtype, len(symbols))])
    return 8 * len(payload) / len(symbols)
