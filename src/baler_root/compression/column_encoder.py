"""Encodes the columns of one cluster: quantised, computed from others, or as copies of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Values
from baler_root.compression.derived.prediction import encode_predicted
from baler_root.compression.exact_candidate import encode_exactly, exact_if_smaller, page_size
from baler_root.compression.fingerprint import equality_key, is_constant
from baler_root.compression.interpolation import INTERPOLATES, with_interpolation
from baler_root.compression.plan import Plan
from baler_root.compression.quantisation.quantise import MAX_OUTLIER_SHARE, narrowed, quantise, quantise_as
from baler_root.compression.relations.fit import PlannedRelation, balance_error, encode_residual
from baler_root.compression.relations.lookup_table import fill_table
from baler_root.format.bounds import LOSSLESS, ErrorBound, violations
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.formula import Formula, FormulaEncoding
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.outliers import Outliers
from baler_root.format.encodings.quantised import Quantised
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.encodings.relations import Relation
from baler_root.format.encodings.residual import FormulaResidual
from baler_root.format.page import EncodedColumn

MAX_FORCED = 0.02
"""Most rows, as a share, in which sources are stored exactly so that a function of them keeps its bound."""


def encode_columns(
    plan: Plan, originals: Sequence[Values], compare: bool = True
) -> tuple[list[EncodedColumn], list[ErrorBound]]:
    """Each column encoded, and the bound that its values keep, which is lossless for constants.

    `originals` holds the values of each column in `plan.columns`. With `compare`, columns that no model knows
    are interpolated, or stored exactly, where `classic` makes that smaller; a sample from which models are
    learned does without.
    """
    bounds, copies, constants = _compare_columns(plan, originals)
    related = [n for n in plan.relations if n not in copies and n not in constants]
    predicted = [n for n in plan.predictions if n not in copies and n not in constants]
    encoder = _ColumnEncoder(plan, originals, bounds, compare)
    for number in related:
        encoder.balance(number, copies)
    for number in range(len(originals)):
        if number not in copies and number not in related and number not in predicted:
            encoder.encode_values(number)
    encoder.keep_consistent(related)
    for number in related:
        encoder.encode_relation(number)
    for number in predicted:
        encoder.encode_prediction(number, copies)
    for number, source in copies.items():
        encoder.encode_copy(number, source)
    return [encoder.encoded[number] for number in range(len(originals))], bounds


def _compare_columns(
    plan: Plan, originals: Sequence[Values]
) -> tuple[list[ErrorBound], dict[int, int], set[int]]:
    """The bound of each column, the earlier column that it repeats, if any, and the constant columns."""
    bounds: list[ErrorBound] = []
    copies: dict[int, int] = {}
    constants: set[int] = set()
    number_of: dict[tuple[tuple[int, int], ErrorBound], int] = {}
    for number, (column, values) in enumerate(zip(plan.columns, originals, strict=True)):
        if len(values) == 0 or is_constant(values):
            constants.add(number)
            bounds.append(LOSSLESS)  # a constant costs nothing
            continue
        bounds.append(column.bound)
        if (source := number_of.setdefault((equality_key(values), column.bound), number)) != number:
            copies[number] = source
    return bounds, copies, constants


class _ColumnEncoder:
    """The columns of one cluster while they are encoded: relations need what their sources decode to."""

    def __init__(
        self, plan: Plan, originals: Sequence[Values], bounds: Sequence[ErrorBound], compare: bool
    ) -> None:
        self.plan, self.originals, self.bounds, self.compare = plan, originals, bounds, compare
        self.encoded: dict[int, EncodedColumn] = {}
        self._balanced: dict[int, Values] = {}
        """Values that were moved within their bounds; see `balance`."""
        self._decoded: dict[int, Values] = {}
        """Decoded values of sources, which several relations may share."""

    def balance(self, number: int, copies: Mapping[int, int]) -> None:
        """Move the values of a relation's first source within their bound, if the plan shares the error with
        it."""
        planned = self.plan.relations[number]
        if not (planned.shared and isinstance(planned.relation, Formula)):
            return
        first, *others = planned.relation.sources
        bound = self.bounds[first]
        if LOSSLESS in (self.bounds[number], bound) or not copies.keys().isdisjoint((first, *others)):
            return
        for source in others:
            self.encode_values(source)
        decoded = [self.decode(source) for source in others]
        tightened = self.plan.columns[first].tightened
        self._balanced[first] = balance_error(
            planned.relation, self.originals[first], decoded, self.originals[number], bound, tightened
        )

    def encode_values(self, number: int) -> None:
        """Encode a column with its own symbols, unless it is encoded already."""
        if number not in self.encoded:
            values = self._balanced.get(number, self.originals[number])
            self.encoded[number] = _encode_values(
                self.plan, number, values, self.bounds[number], self.compare
            )

    def keep_consistent(self, related: Sequence[int]) -> None:
        """Store sources exactly in rows where their decoded values break a relation's bound and exact ones
        keep it.

        So the relation holds for the decoded values of these rows, too.
        """
        forced: dict[int, list[NDArray[np.int64]]] = {}
        for number in related:
            planned, values, bound = self.plan.relations[number], self.originals[number], self.bounds[number]
            relation = planned.relation
            sources = self._sources(relation, len(values))
            if sources is None or bound == LOSSLESS or planned.dropped_bits is not None:
                continue
            if isinstance(relation, Lookup):
                continue  # its table is made from the decoded sources
            missed = violations(values, relation.values(sources, values.dtype), bound)
            if not 0 < len(missed) <= MAX_FORCED * len(values):
                continue
            exact = relation.values([self.originals[s][missed] for s in relation.sources], values.dtype)
            wrong = violations(values[missed], exact, bound)
            for source in relation.sources:
                forced.setdefault(source, []).append(np.delete(missed, wrong))
        for source, rows in forced.items():
            column = self.encoded[source]
            encoding = column.encoding.with_exact(np.unique(np.concatenate(rows)), self.originals[source])
            if encoding is not column.encoding:
                self.encoded[source] = replace(column, encoding=encoding)
                self._decoded.pop(source)

    def encode_relation(self, number: int) -> None:
        """Encode a column by its planned relation, or with its own symbols if that does not hold in this
        cluster."""
        planned, values, bound = self.plan.relations[number], self.originals[number], self.bounds[number]
        sources = self._sources(planned.relation, len(values))
        column = None if sources is None else _encode_relation(planned, sources, values, bound)
        if column is None:
            self.encode_values(number)
        elif self.compare and bound != LOSSLESS:
            self.encoded[number] = exact_if_smaller(self.plan, number, values, column)
        else:
            self.encoded[number] = column

    def encode_prediction(self, number: int, copies: Mapping[int, int]) -> None:
        """Encode a column by its planned prediction, or with its own symbols if that is smaller."""
        relation, values = self.plan.predictions[number].relation, self.originals[number]
        # A copy is encoded after this column, and has the values of its source. That may be a column that is
        # predicted later, if the two differ in the sample.
        relation = replace(relation, sources=tuple(copies.get(s, s) for s in relation.sources))
        column = None
        if self.encoded.keys() >= {*relation.sources}:
            sources = [self.decode(source) for source in relation.sources]
            column = encode_predicted(relation, sources, values, self.bounds[number])
        if column is not None and not self.compare:
            self.encoded[number] = column
            return
        self.encode_values(number)
        if column is not None and page_size(column) < page_size(self.encoded[number]):
            self.encoded[number] = column

    def encode_copy(self, number: int, source: int) -> None:
        """Encode a column with the values of an earlier one; a copy of a computed column is computed, too."""
        earlier = self.encoded[source]
        length = len(self.originals[number])
        if earlier.encoding.computed_sources:
            relation = Formula("linear", (source,))
            column = encode_predicted(
                relation, [self.decode(source)], self.originals[number], self.bounds[number]
            )
            if column is None:
                self.encode_values(number)
            else:
                self.encoded[number] = column
        elif not earlier.encoding.sources:
            self.encoded[number] = EncodedColumn(CopyEncoding(length, source))
        elif self.plan.columns[source].dtype == self.plan.columns[number].dtype:
            self.encoded[number] = earlier
        else:
            self.encode_values(number)

    def _sources(self, relation: Relation, length: int) -> list[Values] | None:
        """Decoded sources of a relation; None unless all have their own symbols and this length."""
        values = []
        for source in relation.sources:
            column = self.encoded.get(source)
            if column is None or column.encoding.sources or column.encoding.length != length:
                return None
            values.append(self.decode(source))
        return values

    def decode(self, number: int) -> Values:
        """Decoded values of an encoded column."""
        if number not in self._decoded:
            column = self.encoded[number]
            sources = [self.decode(source) for source in column.encoding.sources]
            dtype = self.plan.columns[number].dtype
            self._decoded[number] = column.encoding.decode(column.symbols, sources, dtype)
        return self._decoded[number]


def _encode_values(
    plan: Plan, number: int, values: Values, bound: ErrorBound, compare: bool
) -> EncodedColumn:
    """A column with its own symbols; with `compare`, in the smallest of several ways."""
    column = plan.columns[number]
    if bound != LOSSLESS:
        bound = column.tightened
    if (learned := _quantise_as_learned(plan, number, values, bound)) is not None:
        return EncodedColumn.of(learned, column.shape)
    if bound == LOSSLESS:
        return encode_exactly(plan, number, values)
    quantised = quantise(narrowed(values, bound), bound, plan.sentinels)
    encoded = EncodedColumn.of(quantised, column.shape)
    if not compare:
        return encoded
    if plan.codec in INTERPOLATES:
        encoded = with_interpolation(encoded, values, bound, plan.sentinels)
    if quantised.quantiser.kind == "exact" and values.dtype.kind != "f":
        return encoded
    return exact_if_smaller(plan, number, values, encoded)


def _quantise_as_learned(plan: Plan, number: int, values: Values, bound: ErrorBound) -> Quantised | None:
    """A column with the symbols that its model knows; None if it has no model or its values do not fit it."""
    column = next((learned for model in plan.models if (learned := model.column(number)) is not None), None)
    if column is None:
        return None
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    if quantiser.dtype != values.dtype:
        values = narrowed(values, bound)
    quantised = quantise_as(values, bound, quantiser)
    if quantised is None or quantiser.kind != "exact" or column.dropped_bits is not None:
        return quantised
    low, high = column.axis.low, column.axis.low + column.axis.length - 1
    out_of_range = np.flatnonzero((values < low) | (values > high))
    if out_of_range.size > MAX_OUTLIER_SHARE * values.size:
        return None
    symbols = values.copy()
    symbols[out_of_range] = low
    return Quantised(symbols, quantiser, out_of_range, values[out_of_range])


def _encode_relation(
    planned: PlannedRelation, sources: Sequence[Values], values: Values, bound: ErrorBound
) -> EncodedColumn | None:
    """The column encoded by its planned relation; None if that doesn't hold in this cluster."""
    relation = planned.relation
    if isinstance(relation, Formula) and planned.dropped_bits is not None:
        steps = encode_residual(relation, sources, values, bound, planned.dropped_bits)
        if steps is None:
            return None
        symbols, missed = steps
        residual = FormulaResidual(planned.dropped_bits, symbols.dtype)
        encoding = FormulaEncoding(len(values), relation, residual, Outliers(missed, values[missed]))
        return EncodedColumn(encoding, symbols)
    if isinstance(relation, Lookup):
        table = fill_table(relation, sources, values)
        if table is None:
            return None
        relation = table
    missed = violations(values, relation.values(sources, values.dtype), bound)
    if missed.size > MAX_OUTLIER_SHARE * len(values):
        return None
    return EncodedColumn(relation.encoding(len(values), Outliers(missed, values[missed])))
