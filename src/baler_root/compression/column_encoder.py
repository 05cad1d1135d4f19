"""The columns of one cluster quantised, recomputed from others, or pointed at others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.fingerprint import equality_key, is_constant
from baler_root.compression.plan import Plan
from baler_root.compression.quantisation.quantise import MAX_OUTLIERS, quantise, quantise_as
from baler_root.compression.relations.fit import PlannedRelation, balance_error, encode_residual
from baler_root.format.bounds import LOSSLESS, ErrorBound, violations
from baler_root.format.columns import Column
from baler_root.format.encodings.lookup import Lookup
from baler_root.format.encodings.packed_float import Lattice
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.encodings.quantized import Quantised, dequantise
from baler_root.format.encodings.relation_entry import Related
from baler_root.format.encodings.relations import Formula, Relation
from baler_root.format.page import Cell

Values = NDArray[Any]


MAX_FORCED = 0.02
"""Share of rows up to which arguments are stored exactly for the sake of what is computed from them."""


def make_cells(
    plan: Plan, columns: Sequence[Column], originals: Sequence[Values]
) -> tuple[list[Cell], list[ErrorBound]]:
    """Each column quantised, recomputed from others, or pointed at an earlier column of the same values and bound."""
    bounds: list[ErrorBound] = []
    same_as: dict[int, int] = {}
    constant: set[int] = set()
    seen: dict[tuple[tuple[int, int], ErrorBound], int] = {}
    for number, (column, values) in enumerate(zip(plan.columns, originals, strict=True)):
        bound = column.bound
        if len(values) == 0 or is_constant(values):
            constant.add(number)
            bounds.append(LOSSLESS)  # a constant is free
            continue
        bounds.append(bound)
        if (source := seen.setdefault((equality_key(values), bound), number)) != number:
            same_as[number] = source
    cells: dict[int, Cell] = {}
    wanted: dict[int, Values] = {}
    related = [n for n in plan.relations if n not in same_as and n not in constant]

    def own(number: int) -> Cell:
        if number not in cells:
            values = wanted.get(number, originals[number])
            cells[number] = _own_cell(plan, number, columns[number], values, bounds[number])
        return cells[number]

    for number in related:
        derived = plan.relations[number]
        if derived.shared and isinstance(derived.relation, Formula):
            lead, *others = derived.relation.sources
            if LOSSLESS not in (bounds[number], bounds[lead]) and not same_as.keys() & {lead, *others}:
                decoded = [_values_of(own(source), columns[source].dtype) for source in others]
                held = plan.columns[lead].tightened
                wanted[lead] = balance_error(
                    derived.relation, originals[lead], decoded, originals[number], bounds[lead], held
                )
    for number in range(len(columns)):
        if number not in same_as and number not in related:
            own(number)
    decoded_once: dict[int, Values] = {}
    _keep_consistent(plan, related, cells, columns, originals, bounds, decoded_once)
    for number in related:
        relation = plan.relations[number]
        found = _as_related(relation, cells, columns, originals[number], bounds[number], decoded_once)
        if found is not None:
            cells[number] = found
        else:
            own(number)
    for number, source in same_as.items():
        repeated = cells[source].related
        if repeated is None:
            cells[number] = Cell(len(originals[number]), copy_of=source)
        elif columns[source].dtype == columns[number].dtype:
            cells[number] = cells[source]
        else:
            own(number)
    return [cells[number] for number in range(len(columns))], bounds


def _own_cell(plan: Plan, number: int, column: Column, values: Values, bound: ErrorBound) -> Cell:
    """A column with symbols of its own."""
    if bound != LOSSLESS:
        bound = plan.columns[number].tightened
    if (known := _as_learned(plan, number, values, bound)) is not None:
        return Cell(len(values), known, shape=column.shape)
    lattice = Lattice.of(plan.schema.branches[column.branch].interpretation) if bound == LOSSLESS else None
    integers = None if lattice is None else lattice.integers(values)
    if integers is None:
        lattice, integers = None, narrowed(values)
    return Cell(len(values), quantise(integers, bound, plan.sentinels), shape=column.shape, lattice=lattice)


def _as_learned(plan: Plan, number: int, values: Values, bound: ErrorBound) -> Quantised | None:
    """A column with the symbols that its model knows; None where there is no model, or the values do not fit it."""
    column = next((found for entry in plan.models if (found := entry.column(number)) is not None), None)
    if column is None:
        return None
    quantiser, _ = Quantiser.from_bytes(column.quantiser)
    if quantiser.dtype != values.dtype:
        values = narrowed(values)
    quantised = quantise_as(values, bound, quantiser)
    if quantised is None or quantiser.kind != "exact" or column.dropped_bits is not None:
        return quantised
    low, high = column.axis.low, column.axis.low + column.axis.length - 1
    outside = np.flatnonzero((values < low) | (values > high))
    if outside.size > MAX_OUTLIERS * values.size:
        return None
    symbols = values.copy()
    symbols[outside] = low
    return Quantised(symbols, quantiser, outside, values[outside])


def _keep_consistent(
    plan: Plan,
    related: Sequence[int],
    cells: dict[int, Cell],
    columns: Sequence[Column],
    originals: Sequence[Values],
    bounds: Sequence[ErrorBound],
    known: dict[int, Values],
) -> None:
    """Store arguments exactly where a function of them as they decode would miss its bound, but exact ones would not.

    So that the function holds for the decoded values of these rows, too.
    """
    forced: dict[int, list[NDArray[np.int64]]] = {}
    for number in related:
        relation, values, bound = plan.relations[number].relation, originals[number], bounds[number]
        sources = _sources_of(relation, cells, columns, len(values), known)
        if sources is None or bound == LOSSLESS or plan.relations[number].dropped_bits is not None:
            continue
        if isinstance(relation, Lookup):
            continue  # its table is made from what the sources decode to
        missed = violations(values, relation.values(sources, values.dtype), bound)
        if not 0 < len(missed) <= MAX_FORCED * len(values):
            continue
        exact = relation.values([originals[s][missed] for s in relation.sources], values.dtype)
        wrong = violations(values[missed], exact, bound)
        for source in relation.sources:
            forced.setdefault(source, []).append(np.delete(missed, wrong))
    for source, rows in forced.items():
        quantised = cells[source].quantised
        if quantised is not None and quantised.quantiser.kind != "exact" and cells[source].lattice is None:
            positions = np.union1d(quantised.positions, np.concatenate(rows))
            outliers = originals[source][positions].astype(quantised.quantiser.dtype)  # exact: see `narrowed`
            exact_there = replace(quantised, positions=positions, outliers=outliers)
            cells[source] = replace(cells[source], quantised=exact_there)
            known.pop(source)


def _sources_of(
    relation: Relation,
    cells: Mapping[int, Cell],
    columns: Sequence[Column],
    length: int,
    known: dict[int, Values],
) -> list[Values] | None:
    """What a relation's sources decode to; None where they have no symbols of their own, or other rows.

    `known` keeps what was decoded: several relations share their sources.
    """
    out = []
    for number in relation.sources:
        cell = cells.get(number)
        if cell is None or cell.quantised is None or cell.related is not None or cell.length != length:
            return None
        if number not in known:
            known[number] = _values_of(cell, columns[number].dtype)
        out.append(known[number])
    return out


def _values_of(cell: Cell, dtype: np.dtype[Any]) -> Values:
    """What a column with symbols of its own decodes to."""
    quantised = cell.quantised
    if quantised is None:
        raise ValueError("a column without symbols")
    decoded = dequantise(quantised.symbols, quantised.quantiser, quantised.positions, quantised.outliers)
    return np.asarray(
        (decoded if cell.lattice is None else cell.lattice.values(decoded, dtype)).astype(dtype)
    )


def _as_related(
    derived: PlannedRelation,
    cells: Mapping[int, Cell],
    columns: Sequence[Column],
    values: Values,
    bound: ErrorBound,
    known: dict[int, Values],
) -> Cell | None:
    """A column as what it is said to be; None where it is not, in this cluster."""
    relation: Relation | None = derived.relation
    sources = _sources_of(derived.relation, cells, columns, len(values), known)
    if sources is not None and isinstance(relation, Lookup):
        relation = relation.filled(sources, values)
    if sources is None or relation is None:
        return None
    steps = None
    if derived.dropped_bits is None:
        missed = violations(values, relation.values(sources, values.dtype), bound)
    else:
        found = encode_residual(relation, sources, values, bound, derived.dropped_bits)
        if found is None:
            return None
        symbols, missed = found
        steps = Quantised(symbols, Quantiser("exact", symbols.dtype), missed[:0], symbols[:0])
    if missed.size > MAX_OUTLIERS * len(values):
        return None
    return Cell(len(values), steps, related=Related(relation, missed, values[missed], derived.dropped_bits))


def narrowed(values: Values) -> Values:
    """Doubles that are all exact in single precision (`Double32_t` comes so) as floats, others unchanged."""
    if values.dtype != np.float64 or not len(values):
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        singles = values.astype(np.float32)
        same = singles.astype(np.float64).view(np.uint64) == values.view(np.uint64)
    return singles if same.all() else values
