"""Encodes one cluster: arrays in, page payloads out, every value decoded again and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from baler_root.batch import Column, columns_of, take_apart
from baler_root.bounds import LOSSLESS, ErrorBound, measure, violations
from baler_root.codecs.base import Codec
from baler_root.codecs.conditional import ConditionalCodec
from baler_root.codecs.model import Model, ModelColumn
from baler_root.container.layout import MAX_PAGE_LENGTH
from baler_root.errors import ErrorBoundViolated, SourceError
from baler_root.lattice import Lattice
from baler_root.pages import Cell, Page, Related, pack_page
from baler_root.quantiser import MAX_OUTLIERS, Quantised, Recipe, dequantise, quantise, quantise_as
from baler_root.registry import get_codec
from baler_root.relations import Sum
from baler_root.schema import Tree
from baler_root.statistics import RECORD, digest_of, record

if TYPE_CHECKING:
    import awkward as ak

Values = NDArray[Any]

SOLO_SIZE = 1 << 16
"""Bytes in memory per cluster from which a column has a page to itself."""

GROUP_SIZE = 1 << 18
"""Bytes in memory per cluster at which a page of small columns is closed."""


@dataclass(frozen=True, slots=True, eq=False)
class GroupModel:
    """A model for the columns of one page."""

    group: int
    name: bytes
    """SHA-256 of the model's bytes."""
    model: Model
    numbers: dict[int, int]
    """The model's number of each of the tree's columns that it knows."""

    def column(self, number: int) -> ModelColumn | None:
        """What the model knows of a column of the tree."""
        return self.model.columns[self.numbers[number]] if number in self.numbers else None


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
    relations: Mapping[int, Sum] = field(default_factory=dict)
    """Columns that are recomputed from others, by number."""
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
    decoded: dict[int, Values] = {}
    first = 0
    learned = {entry.group: entry for entry in plan.models}
    for group, count in enumerate(plan.groups):
        members = range(first, first + count)
        codec = _codec(plan, learned.get(group), members, cells)
        payload, sizes = pack_page(codec, [cells[i] for i in members])
        values = _decode(codec, payload, [columns[i] for i in members], first, decoded)
        for i, size in zip(members, sizes, strict=True):
            errors = measure(originals[i], values[i], bounds[i])
            if errors.violations or values[i].dtype != originals[i].dtype:
                where = f"tree {plan.schema.path!r}, branch {plan.schema.path_of(columns[i].branch)!r}"
                raise ErrorBoundViolated(
                    f"{where}: {errors.violations} of {len(originals[i])} decoded values miss the bound {bounds[i]}; "
                    "nothing was written. This is a bug in baler_root: please report it with the branch"
                )
            quantised = cells[i].quantised
            exact = quantised or cells[i].related
            outliers = 0 if exact is None else len(exact.positions)
            out.records[i] = record(values[i], errors, outliers, size)
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
    """Each column quantised, or pointed at an earlier column of the same values and bound."""
    seen: dict[tuple[tuple[int, int], ErrorBound], int] = {}
    asked = iter(plan.bounds)
    cells: list[Cell] = []
    bounds: list[ErrorBound] = []
    for number, (column, values) in enumerate(zip(columns, originals, strict=True)):
        bound = next(asked) if column.has_values else LOSSLESS
        varies = len(values) > 0 and not _is_constant(values)
        if not varies:
            bound = LOSSLESS  # a constant is free
        bounds.append(bound)
        if varies:
            source = seen.setdefault((equality_key(values), bound), number)
            related = cells[source].related if source != number else None
            if source != number and (related is None or columns[source].dtype == column.dtype):
                cells.append(Cell(len(values), copy_of=0 if related else source, related=related))
                continue
        if number in plan.relations:
            related = _as_related(plan.relations[number], cells, columns, values, bound)
            if related is not None:
                cells.append(Cell(len(values), related=related))
                continue
        if (known := _as_learned(plan, number, values, bound)) is not None:
            cells.append(Cell(len(values), known, shape=column.shape))
            continue
        lattice = (
            Lattice.of(plan.schema.branches[column.branch].interpretation) if bound == LOSSLESS else None
        )
        integers = None if lattice is None else lattice.integers(values)
        if integers is None:
            lattice, integers = None, narrowed(values)
        cells.append(
            Cell(len(values), quantise(integers, bound, plan.sentinels), shape=column.shape, lattice=lattice)
        )
    return cells, bounds


def _codec(plan: Plan, learned: GroupModel | None, members: range, cells: Sequence[Cell]) -> Codec:
    """The codec for one page, told what its model knows of the columns that have symbols of their own."""
    if learned is None:
        return get_codec(plan.codec)
    own = [(number, found) for number in members if (found := cells[number].quantised) is not None]
    known = [
        learned.numbers[number]
        if (column := learned.column(number)) is not None and quantised.recipe.to_bytes() == column.recipe
        else None
        for number, quantised in own
    ]
    return ConditionalCodec({learned.name: learned.model}, learned.name, known)


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


def _as_related(
    total: Sum, cells: Sequence[Cell], columns: Sequence[Column], values: Values, bound: ErrorBound
) -> Related | None:
    """A column as the sum that it is said to be; None where it is not, in this cluster."""
    sources = []
    for number in total.sources:
        quantised, lattice = cells[number].quantised, cells[number].lattice
        if quantised is None or cells[number].length != len(values):
            return None
        decoded = dequantise(quantised.symbols, quantised.recipe, quantised.positions, quantised.outliers)
        dtype = columns[number].dtype
        sources.append((decoded if lattice is None else lattice.values(decoded, dtype)).astype(dtype))
    missed = violations(values, total.values(sources, values.dtype), bound)
    if missed.size > MAX_OUTLIERS * len(values):
        return None
    return Related(total, missed, values[missed])


def narrowed(values: Values) -> Values:
    """Doubles that are all exact in single precision (`Double32_t` comes so) as floats, others unchanged."""
    if values.dtype != np.float64 or not len(values):
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        singles = values.astype(np.float32)
        same = singles.astype(np.float64).view(np.uint64) == values.view(np.uint64)
    return singles if same.all() else values


def _decode(
    codec: Codec, payload: bytes, columns: Sequence[Column], first: int, decoded: dict[int, Values]
) -> dict[int, Values]:
    """The values of a page just packed, read back from its bytes; `decoded` collects what copies may need."""
    page = Page(memoryview(payload), columns)
    values = {first + position: array for position, array in page.decode(codec).items()}
    for position, entry in enumerate(page.entries):
        if entry.sources:
            sources = [values[i] if i in values else decoded[i] for i in entry.sources]
            values[first + position] = entry.from_sources(sources, columns[position].dtype)
    decoded.update(values)
    return values
