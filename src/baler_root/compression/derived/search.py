"""Selects formulas that predict columns of a tree: those whose steps take fewer bits than the column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

import numpy as np

from baler_root._types import Values
from baler_root.compression.derived.candidates import candidates
from baler_root.compression.derived.pairs import NEAR_COPY
from baler_root.compression.derived.prediction import PlannedPrediction, encode_predicted
from baler_root.compression.derived.reductions import of_lists
from baler_root.compression.derived.table import SearchTable
from baler_root.compression.derived.trial import Budget
from baler_root.compression.relations.costs import ColumnSample, bits_of
from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.functions import FUNCTIONS, Doubles

RESULTS_PER_VALUE = 4.0
"""Results of formulas that are computed for each value of a table: about a tenth of the time of compressing
it."""


MIN_RESULTS = 1 << 18
"""Results that are computed for any table, however small."""


MAX_COST_SHARE = 0.8
"""A prediction must save at least 20 % of the bits of its column, and `MIN_SAVED` bits per value."""


MIN_SAVED = 0.25


BITS_PER_SOURCE = 0.05
"""Bits per value that another source of a formula must save."""


TOLERANCE = 0.01
"""Largest relative difference of a formula from a column where they agree."""


EXACT = 1e-5
"""Relative difference that rounding can make: formulas that agree better are equally good."""


MIN_AGREEING_SHARE = 0.6
"""Fewest rows, as a share, in which a formula agrees with a column."""


NEAR = 0.03
"""Largest relative difference of a formula whose variants are tried."""


FEW_ROWS = 24
"""Rows in which candidates are checked before all."""


MAX_CHECKED = 32
"""Most candidates of one function that are checked for one column."""


MAX_FORMULAS = 3
"""Most formulas for one column whose bits are compared."""


MASSES = (0.00051099895, 0.1056583745, 0.13957039, 0.493677, 0.93827209)
"""Masses [GeV] of the electron, muon, charged pion, charged kaon and proton."""


_UNSIGNED = {"difference": "distance", "delta_phi": "angle"}
"""Functions whose sign depends on the order of their sources, with their magnitudes."""


_PARTICLES = tuple(name for name, function in FUNCTIONS.items() if function.group)


class DerivedSearch:
    """Predictions of the columns of a tree, from a sample of their values."""

    def __init__(
        self,
        sample: ColumnSample,
        relations: Mapping[int, PlannedRelation],
        tightened: Mapping[int, ErrorBound],
        independent: Container[int],
        lengths_of: Mapping[int, int] | None = None,
    ) -> None:
        """`relations` come before predictions: their columns and sources are not predicted.

        `lengths_of` has the column with the lengths of the lists for each table of list items.
        """
        self.lengths_of = lengths_of or {}
        self.sample = sample
        self.tightened = tightened
        sources = {source for planned in relations.values() for source in planned.relation.sources}
        self.relations = relations
        self.computed = {*relations}
        self.excluded = {*relations, *sources}
        self.excluded |= {n for n in sample.numbers if n in independent or not _is_rounded(sample, n)}
        self.predictions: dict[int, PlannedPrediction] = {}

    def find(
        self, scale: float, declared: Mapping[int, Formula] | None = None
    ) -> dict[int, PlannedPrediction]:
        """Predictions by column, those that others need first; they replace relations with a residual.

        `scale` is the number of entries of the tree divided by that in the sample. `declared` formulas come
        first.
        """
        for number, planned in self.relations.items():
            # A residual is stored in steps from a rounded formula; steps from the formula itself are shorter.
            if planned.dropped_bits is not None and isinstance(planned.relation, Formula):
                saved = self._saved(number, planned.relation)
                if saved > planned.saved:
                    self.predictions[number] = PlannedPrediction(planned.relation, saved)
        for number, formula in (declared or {}).items():
            saved = self._saved(number, formula)
            if number not in self.excluded and saved > 0 and self._is_acyclic(number, formula):
                self.predictions[number] = PlannedPrediction(formula, saved)
        found = [
            (saved, number, formula)
            for number, formula in self._formulas(scale)
            if (saved := self._saved(number, formula)) >= self._min_saved(number)
        ]
        order = sorted(
            found, key=lambda entry: (BITS_PER_SOURCE * len(entry[2].sources) - entry[0], entry[1])
        )
        for saved, number, formula in order:
            if number not in self.predictions and self._is_acyclic(number, formula):
                self.predictions[number] = PlannedPrediction(formula, saved)
        return self._ordered()

    def _formulas(self, scale: float) -> Iterator[tuple[int, Formula]]:
        """The best few formulas of each column."""
        tables: dict[int, list[int]] = {}
        for number in sorted({*self.sample.numbers, *self.sample.constants}):
            tables.setdefault(self.sample.tables[number], []).append(number)
        for members in tables.values():
            table = SearchTable.of(members, self.sample.columns)
            if len(table.numbers) < 2:
                continue
            excluded, computed = (
                np.array([n in numbers for n in table.numbers]) for numbers in (self.excluded, self.computed)
            )
            values = len(table.numbers) * len(self.sample.columns[members[0]]) * scale
            budget = Budget(int(RESULTS_PER_VALUE * values) + MIN_RESULTS)
            checks: dict[int, list[tuple[float, Formula]]] = {}
            attempts = Counter[tuple[int, str]]()
            for target, formula in candidates(table, ~excluded, computed, budget):
                attempts[target, formula.function] += 1
                if attempts[target, formula.function] <= MAX_CHECKED:
                    checks.setdefault(target, []).extend(_checked(table, target, formula))
            for target, entries in sorted(checks.items()):
                best = sorted(entries, key=lambda entry: (max(entry[0], EXACT), len(entry[1].sources)))
                for _, formula in best[:MAX_FORMULAS]:
                    numbers = tuple(table.numbers[source] for source in formula.sources)
                    yield table.numbers[target], replace(formula, sources=numbers)
        targets = [n for n in self.sample.numbers if self.sample.tables[n] == 0 and n not in self.excluded]
        yield from of_lists(self.sample, self.lengths_of, targets)

    def _saved(self, number: int, formula: Formula) -> float:
        """Bits per value that a prediction saves."""
        sample = self.sample
        sources = [
            sample.decoded_within(source, self.tightened.get(source, sample.bounds[source]))
            for source in formula.sources
        ]
        values = sample.columns[number]
        column = encode_predicted(formula, sources, values, sample.bounds[number])
        if column is None or column.symbols is None:
            return 0.0
        outliers = column.encoding.outlier_count * (32 + 8 * values.itemsize) / len(values)
        return sample.cost(number) - bits_of(column.symbols) - outliers

    def _min_saved(self, number: int) -> float:
        return max(MIN_SAVED, (1 - MAX_COST_SHARE) * self.sample.cost(number))

    def _is_acyclic(self, number: int, formula: Formula) -> bool:
        """Whether none of the sources is predicted from this column, at any depth."""
        pending, seen = [*formula.sources], set[int]()
        while pending:
            source = pending.pop()
            if source == number:
                return False
            if source not in seen and source in self.predictions:
                pending += self.predictions[source].relation.sources
            seen.add(source)
        return True

    def _ordered(self) -> dict[int, PlannedPrediction]:
        ordered: dict[int, PlannedPrediction] = {}
        while len(ordered) < len(self.predictions):
            for number, planned in self.predictions.items():
                needed = [s for s in planned.relation.sources if s in self.predictions]
                if number not in ordered and ordered.keys() >= {*needed}:
                    ordered[number] = planned
        return ordered


def _is_rounded(sample: ColumnSample, number: int) -> bool:
    """Whether a column is an integer, or has a bound that leaves room for steps."""
    return sample.columns[number].dtype.kind in "iu" or sample.bounds[number] != LOSSLESS


def _checked(table: SearchTable, target: int, formula: Formula) -> list[tuple[float, Formula]]:
    """A formula, or the best of its variants, with its typical difference from the column; empty if it does
    not agree."""
    rows = np.flatnonzero(np.isfinite(table.values[target]))
    few = rows[np.linspace(0, len(rows) - 1, FEW_ROWS).astype(np.int64)]
    if _difference(table, target, formula, few) > NEAR and formula.function in _PARTICLES:
        return []
    tolerance = NEAR_COPY if formula.function == "linear" else TOLERANCE
    checked = [
        (difference, variant)
        for variant in _variants(table, formula)
        if _difference(table, target, variant, few) <= tolerance
        and (difference := _difference(table, target, variant, rows)) <= tolerance
    ]
    return [min(checked, key=lambda entry: entry[0])] if checked else []


def _difference(table: SearchTable, target: int, formula: Formula, rows: Values) -> float:
    """Relative difference of a formula from a column that is not exceeded in most rows."""
    values = table.values[target, rows]
    results: Doubles = formula.doubles([table.raw[source, rows] for source in formula.sources])
    with np.errstate(all="ignore"):
        difference = np.abs(results - values) / np.abs(values)
    difference[np.isnan(difference)] = np.inf
    return float(np.partition(difference, rank := int(MIN_AGREEING_SHARE * len(rows)))[rank])


def _variants(table: SearchTable, formula: Formula) -> Iterator[Formula]:
    """The formula, and similar ones that may be the true one."""
    yield formula
    if formula.function in ("linear", "product", "ratio"):
        yield replace(formula, scale=-1.0)
    if formula.function in _UNSIGNED:
        yield replace(formula, sources=formula.sources[::-1])
        yield replace(formula, function=_UNSIGNED[formula.function])
    if formula.function != "mass":
        return
    particles = [formula.sources[i : i + 3] for i in range(0, len(formula.sources), 3)]
    largest = max(float(np.nanmedian(table.values[pt])) for pt, _, _ in particles)
    unit = 1000.0 if largest > 2000.0 else 1.0
    for mass in MASSES:
        yield replace(formula, function="mass_const", constant=mass * unit)
    nearest = []
    for particle in particles:
        others = [n for n in np.flatnonzero(table.is_mass).tolist() if n not in formula.sources]
        nearest.append(sorted(others, key=lambda n: (abs(n - particle[2]), n))[:3])
    for masses in zip(*nearest, strict=False):
        sources = tuple(
            n for particle, mass in zip(particles, masses, strict=True) for n in (*particle, mass)
        )
        if len({*masses}) == len(masses):
            yield replace(formula, function="mass_columns", sources=sources)
