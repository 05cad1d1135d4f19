"""Encodes one cluster: arrays in, page payloads out, every value decoded again and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from baler_root.batch import Column, columns_of, take_apart
from baler_root.bounds import LOSSLESS, ErrorBound, measure, violations
from baler_root.codecs.base import Codec
from baler_root.codecs.conditional import ConditionalCodec
from baler_root.codecs.lists import Surroundings
from baler_root.codecs.model import Model, ModelColumn
from baler_root.container.layout import MAX_PAGE_LENGTH
from baler_root.errors import ErrorBoundViolated, SourceError
from baler_root.lattice import Lattice
from baler_root.pages import Cell, Entry, Page, Related, pack_page
from baler_root.quantiser import MAX_OUTLIERS, Quantised, Recipe, dequantise, quantise, quantise_as
from baler_root.registry import get_codec
from baler_root.relations import Derived, Formula, Relation, compromise, correction
from baler_root.schema import Tree
from baler_root.statistics import RECORD, digest_of, record

if TYPE_CHECKING:
    import awkward as ak

Values = NDArray[Any]

SOLO_SIZE = 1 << 16
"""Bytes in memory per cluster from which a column has a page to itself."""

GROUP_SIZE = 1 << 18
"""Bytes in memory per cluster at which a page of small columns is closed."""


MAX_FORCED = 0.02
"""Share of rows up to which arguments are stored exactly for the sake of what is computed from them."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupModel:
    """A model for the columns of one page."""

    group: int
    name: bytes
    """SHA-256 of the model's bytes."""
    model: Model
    numbers: dict[int, int]
    """The model's number of each of the tree's columns that it knows."""
    compare: bool = True
    """Leave columns to `classic` where that is smaller."""
    outside: dict[int, int] = field(default_factory=dict)
    """The model's number of columns of the entries, for a page of lists, by number in the tree."""
    lists: int | None = None
    """Column of the tree that has the lengths of these lists."""

    def column(self, number: int) -> ModelColumn | None:
        """What the model knows of a column of the tree."""
        at = self.numbers.get(number, self.outside.get(number))
        return None if at is None else self.model.columns[at]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided about a tree before its first cluster is encoded."""

    schema: Tree
    bounds: tuple[ErrorBound, ...]
    """Bound of each column that has values, in order."""
    groups: tuple[int, ...]
    """Columns of each page."""
    codec: str = "classic"
    sentinels: tuple[float, ...] = ()
    """Values that survive exactly besides the well-known ones."""
    relations: Mapping[int, Derived] = field(default_factory=dict)
    """Columns that are recomputed from others, by number."""
    tighter: Mapping[int, ErrorBound] = field(default_factory=dict)
    """Bounds of columns that others are computed from, where they are tighter than what was asked."""
    models: tuple[GroupModel, ...] = ()
    """What was learned, for the pages that have it."""

    @property
    def columns(self) -> list[Column]:
        """The columns of the tree."""
        return columns_of([(i, form) for i in self.schema.stored() if (form := self.schema.branches[i].form)])


@dataclass(slots=True)
class EncodedPage:
    """A page ready to be written."""

    payload: bytes
    length: int
    digest: int


@dataclass(slots=True)
class EncodedCluster:
    """A cluster ready to be written."""

    entries: int
    pages: list[EncodedPage] = field(default_factory=list)
    records: Values = field(default_factory=lambda: np.zeros(0, dtype=RECORD))
    lists: list[int] = field(default_factory=list)
    """Digest of each counts column: lists of equal structure have equal digests."""


def plan_groups(sample: Sequence[Values], entries: int, cluster: int) -> tuple[int, ...]:
    """How many columns go into each page, from the columns of `entries` and the entries of a cluster.

    Large columns stand alone, so that reading one touches nothing else. A column that repeats an earlier one
    or never changes costs a few bytes and stays with the next.
    """
    groups: list[int] = []
    seen: set[tuple[int, int]] = set()
    count = size = 0
    for values in sample:
        key = equality_key(values)
        trivial = len(values) == 0 or key in seen or _is_constant(values)
        seen.add(key)
        expected = 0.0 if trivial else values.nbytes * cluster / max(1, entries)
        if count and size and size + expected > (SOLO_SIZE if expected >= SOLO_SIZE else GROUP_SIZE):
            groups.append(count)
            count = size = 0
        count += 1
        size += round(expected)
    return (*groups, count) if count else tuple(groups)


def equality_key(values: Values) -> tuple[int, int]:
    """Equal for columns of equal values; integers and booleans compare across widths."""
    if values.dtype.kind in "bui" and (
        values.dtype != np.uint64 or not len(values) or values.max() < 1 << 63
    ):
        return len(values), xxhash.xxh3_64_intdigest(values.astype(np.int64).data)
    return len(values), xxhash.xxh3_64_intdigest(values.data, seed=values.dtype.num)


def _is_constant(values: Values) -> bool:
    bits = values.view(f"u{values.dtype.itemsize}")
    return bool((bits == bits[0]).all())


def encode_cluster(plan: Plan, arrays: dict[int, ak.Array], entries: int) -> EncodedCluster:
    """The pages of one cluster.

    Raises ErrorBoundViolated when a decoded value misses its bound, which is a bug and never written.
    """
    columns = plan.columns
    originals = flatten(plan, columns, arrays)
    cells, bounds = make_cells(plan, columns, originals)
    out = EncodedCluster(entries, records=np.zeros(len(columns), dtype=RECORD))
    learned = {entry.group: entry for entry in plan.models}
    payloads, sizes = [], []
    opened: list[tuple[int, Page, Codec]] = []
    values: dict[int, Values] = {}
    entries_of: dict[int, Entry] = {}
    first = 0
    for group, count in enumerate(plan.groups):
        members = range(first, first + count)
        codec = _codec(plan, learned.get(group), members, cells, originals)
        payload, shares = pack_page(codec, [cells[i] for i in members])
        page = Page(memoryview(payload), [columns[i] for i in members])
        entries_of.update(zip(members, page.entries, strict=True))
        payloads.append(payload)
        opened.append((first, page, codec))
        sizes += shares
        first += count
    # As a reader does it: first the pages on which others lean.
    symbols: dict[int, Values] = {}
    for first, page, codec in sorted(opened, key=lambda entry: bool(entry[1].outside(entry[2]))):
        outside = page.outside(codec)
        reader = codec
        if outside and isinstance(codec, ConditionalCodec):
            origins = {n: n if cells[n].quantised is not None else cells[n].copy_of for n in outside}
            reader = codec.with_outside(
                {
                    n: (values if columns[n].role == "counts" else symbols)[origin]
                    for n, origin in origins.items()
                }
            )
        found = page.symbols(reader)
        symbols.update((first + position, array) for position, array in found.items())
        values.update((first + position, array) for position, array in page.values(found).items())
    _resolve(values, entries_of, columns)
    for i, size in enumerate(sizes):
        errors = measure(originals[i], values[i], bounds[i])
        if errors.violations or values[i].dtype != originals[i].dtype:
            where = f"tree {plan.schema.path!r}, branch {plan.schema.path_of(columns[i].branch)!r}"
            raise ErrorBoundViolated(
                f"{where}: {errors.violations} of {len(originals[i])} decoded values miss the bound {bounds[i]}; "
                "nothing was written. This is a bug in baler_root: please report it with the branch"
            )
        exact = cells[i].related or cells[i].quantised
        outliers = 0 if exact is None else len(exact.positions)
        out.records[i] = record(values[i], errors, outliers, size)
    first = 0
    for payload, count in zip(payloads, plan.groups, strict=True):
        members = range(first, first + count)
        length = sum(values[i].nbytes for i in members)
        out.pages.append(EncodedPage(payload, length, digest_of([values[i] for i in members])))
        first += count
    out.lists = [equality_key(v)[1] for v, c in zip(originals, columns, strict=True) if c.role == "counts"]
    return out


def flatten(plan: Plan, columns: Sequence[Column], arrays: dict[int, ak.Array]) -> list[Values]:
    """The buffers of all columns; raises SourceError where an array does not have the planned form."""
    by_branch: dict[int, list[Column]] = {}
    for column in columns:
        by_branch.setdefault(column.branch, []).append(column)
    out: list[Values] = []
    size = 0
    for branch in plan.schema.stored():
        form = plan.schema.branches[branch].form
        where = f"tree {plan.schema.path!r}, branch {plan.schema.path_of(branch)!r}"
        if form is None:
            continue
        try:
            buffers = take_apart(arrays[branch], form, by_branch.get(branch, []))
        except SourceError as error:
            raise SourceError(f"{where}: {error}") from None
        size += sum(values.nbytes for values in buffers)
        if size > MAX_PAGE_LENGTH:
            raise SourceError(
                f"{where}: with it a cluster has more than {MAX_PAGE_LENGTH >> 20} MB; use a smaller --cluster-size"
            )
        out += buffers
    return out


def make_cells(
    plan: Plan, columns: Sequence[Column], originals: Sequence[Values]
) -> tuple[list[Cell], list[ErrorBound]]:
    """Each column quantised, recomputed from others, or pointed at an earlier column of the same values and bound."""
    asked = iter(plan.bounds)
    bounds: list[ErrorBound] = []
    same_as: dict[int, int] = {}
    constant: set[int] = set()
    seen: dict[tuple[tuple[int, int], ErrorBound], int] = {}
    for number, (column, values) in enumerate(zip(columns, originals, strict=True)):
        bound = next(asked) if column.has_values else LOSSLESS
        if len(values) == 0 or _is_constant(values):
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
                held = plan.tighter.get(lead, bounds[lead])
                wanted[lead] = compromise(
                    derived.relation, originals[lead], decoded, originals[number], bounds[lead], held
                )
    for number in range(len(columns)):
        if number not in same_as and number not in related:
            own(number)
    _keep_consistent(plan, related, cells, columns, originals, bounds)
    for number in related:
        found = _as_related(plan.relations[number], cells, columns, originals[number], bounds[number])
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
        bound = plan.tighter.get(number, bound)
    if (known := _as_learned(plan, number, values, bound)) is not None:
        return Cell(len(values), known, shape=column.shape)
    lattice = Lattice.of(plan.schema.branches[column.branch].interpretation) if bound == LOSSLESS else None
    integers = None if lattice is None else lattice.integers(values)
    if integers is None:
        lattice, integers = None, narrowed(values)
    return Cell(len(values), quantise(integers, bound, plan.sentinels), shape=column.shape, lattice=lattice)


def _codec(
    plan: Plan,
    learned: GroupModel | None,
    members: range,
    cells: Sequence[Cell],
    originals: Sequence[Values],
) -> Codec:
    """The codec for one page, told what its model knows of the columns that have symbols of their own."""
    if learned is None:
        return get_codec(plan.codec)

    def fits(number: int) -> bool:
        quantised, column = cells[number].quantised, learned.column(number)
        if quantised is None or column is None or cells[number].related is not None:
            return False
        return quantised.recipe.to_bytes() == column.recipe

    own = [number for number in members if cells[number].quantised is not None]
    known = [learned.numbers[n] if n in learned.numbers and fits(n) else None for n in own]
    around = None
    if learned.lists is not None and len(originals[learned.lists]):
        there = {number: at for number, at in learned.outside.items() if fits(number)}
        symbols = {number: quantised.symbols for number in there if (quantised := cells[number].quantised)}
        symbols[learned.lists] = originals[learned.lists]
        around = Surroundings(symbols, {at: number for number, at in there.items()}, learned.lists)
    return ConditionalCodec({learned.name: learned.model}, learned.name, known, learned.compare, around)


def _as_learned(plan: Plan, number: int, values: Values, bound: ErrorBound) -> Quantised | None:
    """A column with the symbols that its model knows; None where there is no model, or the values do not fit it."""
    column = next((found for entry in plan.models if (found := entry.column(number)) is not None), None)
    if column is None:
        return None
    recipe, _ = Recipe.from_bytes(column.recipe)
    if recipe.dtype != values.dtype:
        values = narrowed(values)
    quantised = quantise_as(values, bound, recipe)
    if quantised is None or recipe.kind != "exact":
        return quantised
    low, high = column.axis.low, column.axis.low + column.axis.length - 1
    outside = np.flatnonzero((values < low) | (values > high))
    if outside.size > MAX_OUTLIERS * values.size:
        return None
    symbols = values.copy()
    symbols[outside] = low
    return Quantised(symbols, recipe, outside, values[outside])


def _keep_consistent(
    plan: Plan,
    related: Sequence[int],
    cells: dict[int, Cell],
    columns: Sequence[Column],
    originals: Sequence[Values],
    bounds: Sequence[ErrorBound],
) -> None:
    """Store arguments exactly where a function of them as they decode would miss its bound, but exact ones would not.

    So that the function holds for the decoded values of these rows, too.
    """
    forced: dict[int, list[NDArray[np.int64]]] = {}
    for number in related:
        relation, values, bound = plan.relations[number].relation, originals[number], bounds[number]
        sources = _sources_of(relation, cells, columns, len(values))
        if sources is None or bound == LOSSLESS or plan.relations[number].drop is not None:
            continue
        missed = violations(values, relation.values(sources, values.dtype), bound)
        if not 0 < len(missed) <= MAX_FORCED * len(values):
            continue
        exact = relation.values([originals[s][missed] for s in relation.sources], values.dtype)
        wrong = violations(values[missed], exact, bound)
        for source in relation.sources:
            forced.setdefault(source, []).append(np.delete(missed, wrong))
    for source, rows in forced.items():
        quantised = cells[source].quantised
        if quantised is not None and quantised.recipe.kind != "exact":
            positions = np.union1d(quantised.positions, np.concatenate(rows))
            exact_there = replace(quantised, positions=positions, outliers=originals[source][positions])
            cells[source] = replace(cells[source], quantised=exact_there)


def _sources_of(
    relation: Relation, cells: Mapping[int, Cell], columns: Sequence[Column], length: int
) -> list[Values] | None:
    """What a relation's sources decode to; None where they have no symbols of their own, or other rows."""
    out = []
    for number in relation.sources:
        cell = cells.get(number)
        if cell is None or cell.quantised is None or cell.related is not None or cell.length != length:
            return None
        out.append(_values_of(cell, columns[number].dtype))
    return out


def _values_of(cell: Cell, dtype: np.dtype[Any]) -> Values:
    """What a column with symbols of its own decodes to."""
    quantised = cell.quantised
    if quantised is None:
        raise ValueError("a column without symbols")
    decoded = dequantise(quantised.symbols, quantised.recipe, quantised.positions, quantised.outliers)
    return np.asarray(
        (decoded if cell.lattice is None else cell.lattice.values(decoded, dtype)).astype(dtype)
    )


def _as_related(
    derived: Derived, cells: Mapping[int, Cell], columns: Sequence[Column], values: Values, bound: ErrorBound
) -> Cell | None:
    """A column as what it is said to be; None where it is not, in this cluster."""
    relation = derived.relation
    sources = _sources_of(relation, cells, columns, len(values))
    if sources is None:
        return None
    steps = None
    if derived.drop is None:
        missed = violations(values, relation.values(sources, values.dtype), bound)
    else:
        found = correction(relation, sources, values, bound, derived.drop)
        if found is None:
            return None
        symbols, missed = found
        steps = Quantised(symbols, Recipe("exact", symbols.dtype), missed[:0], symbols[:0])
    if missed.size > MAX_OUTLIERS * len(values):
        return None
    return Cell(len(values), steps, related=Related(relation, missed, values[missed], derived.drop))


def narrowed(values: Values) -> Values:
    """Doubles that are all exact in single precision (`Double32_t` comes so) as floats, others unchanged."""
    if values.dtype != np.float64 or not len(values):
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        singles = values.astype(np.float32)
        same = singles.astype(np.float64).view(np.uint64) == values.view(np.uint64)
    return singles if same.all() else values


def _resolve(values: dict[int, Values], entries: Mapping[int, Entry], columns: Sequence[Column]) -> None:
    """Add the values of copies and relations to what the pages themselves hold."""
    own = dict(values)
    for number, entry in entries.items():
        if entry.sources:
            sources = [own[source] for source in entry.sources]
            values[number] = entry.from_sources(sources, columns[number].dtype, own.get(number))
