"""Learns the models of a tree: selects their columns, trains them, and keeps those that pay for their own
bytes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from baler_root._types import Progress
from baler_root.compression.fingerprint import is_constant
from baler_root.compression.models.list_context import ContextColumns, find_context
from baler_root.compression.models.mass_columns import locate_masses
from baler_root.compression.models.mixing import (
    MixingShares,
    TableMixing,
    find_mixing,
    is_worth_a_page,
    mixed_bits,
)
from baler_root.compression.models.sample import TreeSample, take_sample
from baler_root.compression.page_groups import plan_groups_with_models
from baler_root.compression.plan import GroupMixing, GroupModel, Plan
from baler_root.errors import ConfigError, listed
from baler_root.format.codecs.model_arrays import MAX_PLACES
from baler_root.format.codecs.registry import latent_codec
from baler_root.format.tables import ENTRIES, common_name
from baler_root.rootio.source_tree import SourceTree
from baler_root.training.conditional import TableModel, TableSample, classic_size, find_model
from baler_root.training.effort import MIN_TRAINING_ROWS, TrainingEffort
from baler_root.training.pair_masses import Pair

MIN_GRIDS = 16
"""Fewest arrays of a column of grids for which a model can pay."""


MAX_NAMES = 6
"""Most columns a note lists by name."""


MAX_TABLE_PLACES = MAX_PLACES // 2
"""Most places on the axes of the columns of the table itself in one model; the rest is left for context
columns.
"""


@dataclass(frozen=True, slots=True)
class LearnedTree:
    """Result of learning from a tree."""

    plan: Plan
    """The plan, with models where they pay."""
    models: tuple[bytes, ...] = ()
    """The models as bytes, in the order of the plan."""
    notes: tuple[str, ...] = ()
    """Messages for the user."""


def learn(
    source: SourceTree,
    plan: Plan,
    lengths: Sequence[int],
    effort: TrainingEffort,
    progress: Progress | None = None,
) -> LearnedTree:
    """The plan with models where they pay, and the bytes of the models.

    Raises ConfigError if torch is needed and not installed.
    """
    entries = source.schema.num_entries
    if entries < (minimum := min_rows(effort)) and not (effort.mixes and entries):
        note = f"{plan.schema.path}: {entries} entries are too few to train latents; {minimum} are needed"
        return LearnedTree(plan, notes=() if effort.latents is None else (note,))
    effort.check()
    sample = take_sample([(source, plan)])
    return learn_from(sample, plan, max(lengths), entries, effort, progress)


def min_rows(effort: TrainingEffort) -> int:
    """Fewest rows from which a model is learned."""
    options = effort.latents
    return MIN_GRIDS if options is not None and latent_codec(options.codec).grids else MIN_TRAINING_ROWS


def learn_from(
    sample: TreeSample,
    plan: Plan,
    cluster: int,
    entries: int,
    effort: TrainingEffort,
    progress: Progress | None = None,
) -> LearnedTree:
    """Like `learn`, from a sample that stands for `entries` entries in clusters of `cluster`."""
    runs = _runs(sample, *_selection(sample, effort))
    names = [plan.schema.path_of(column.branch) for column in sample.columns]
    notes: list[str] = []
    if effort.latents is not None and not runs:
        notes.append("no latents, since no table has enough columns that can be learned")
    pairs: dict[int, list[Pair]] = {}
    if effort.latents is not None and runs:
        mass_pairs, mass_notes = locate_masses(effort.masses, sample, runs)
        pairs = {members[0]: table_pairs for members, table_pairs in zip(runs, mass_pairs, strict=True)}
        notes += [*mass_notes, *_constants(sample, names)]
    time_shares = _TimeShares(effort.seconds, list(map(len, runs)))
    shares = MixingShares.of(sample, runs, cluster, effort)
    trained: list[_LearnedTable] = []
    for members in runs:
        table_effort = replace(effort, seconds=time_shares.share())
        if effort.latents is None:
            trained.append(_learn_table(sample, members, names, entries, table_effort, shares, progress))
        else:
            pieces = sum(sample.tables[columns[0]] == sample.tables[members[0]] for columns in runs)
            piece_effort = table_effort.for_piece(pieces)
            table = _find_autoencoder(
                sample, members, names, entries, pairs[members[0]], piece_effort, progress
            )
            trained.append(_LearnedTable(members, members, ContextColumns(), table))
        notes += trained[-1].model.notes
    sections = [
        (range(table.members[0], table.members[-1] + 1), table.has_page)
        for table in trained
        if table.has_page or not effort.mixes  # adaptive mixing is for small tables, which share pages
    ]
    groups, positions = plan_groups_with_models(sample.values, sample.entries, cluster, sections)
    used = list(zip(positions, [table for table in trained if table.has_page], strict=True))
    models = tuple(_group_model(group, table) for group, table in used if table.model.model is not None)
    mixing = tuple(
        GroupMixing(group, table.mixing.contexts, table.mixing.lists) for group, table in used if table.mixing
    )
    return LearnedTree(
        replace(plan, groups=groups, models=models, mixing=mixing) if used else plan,
        tuple(table.model.data for _, table in used if table.model.model is not None),
        tuple(f"{plan.schema.path}: {note}" for note in notes),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _LearnedTable:
    """A run of columns of one table, and what was learned of it."""

    members: Sequence[int]
    """Numbers in the tree of the columns of its page that are learned."""
    modelled: Sequence[int]
    """Those that a model may know."""
    context: ContextColumns
    model: TableModel
    mixing: TableMixing | None = None

    @property
    def has_page(self) -> bool:
        """Whether the columns share a page, with a model or contexts."""
        return self.model.model is not None or self.mixing is not None


def _learn_table(
    sample: TreeSample,
    members: Sequence[int],
    names: Sequence[str],
    entries: int,
    effort: TrainingEffort,
    shares: MixingShares,
    progress: Progress | None,
) -> _LearnedTable:
    """The model of some columns of one table, and the contexts of those that adaptive mixing codes."""
    mixing, most = None, shares.columns(members)
    modelled = [number for number in members if sample.is_candidate(number)]
    if most:
        mixing = find_mixing(sample, members, shares.rows(members))
        whole = most >= len(mixing.contexts)
        if not mixing.contexts or not is_worth_a_page(sample, members, mixing, shares.rows(members)):
            mixing = None
        elif whole and not effort.level.networks:
            return _LearnedTable(members, (), ContextColumns(), TableModel(None), mixing)
    if len(modelled) < 2:
        return _LearnedTable(members, (), ContextColumns(), TableModel(None), None)
    context = find_context(sample, modelled, names)
    table = _table(sample, modelled, names, entries, context)
    if mixing is not None:
        first, bits = len(context.columns), mixed_bits(sample, members, mixing)
        bits = {first + i: bits[n] for i, n in enumerate(modelled) if n in bits}
        table = replace(table, mixed_bits=bits, mixed_columns=most)
    model = find_model(table, effort, progress)
    if mixing is not None and not effort.level.networks:
        mixed = {modelled[index - len(context.columns)] for index in model.mixed}
        mixing = mixing.of(mixed) if mixed else None
    return _LearnedTable(members, modelled, context, model, mixing)


def _group_model(group: int, learned: _LearnedTable) -> GroupModel:
    """The model of a table as that of page `group`."""
    members, context, table = learned.modelled, learned.context, learned.model
    if table.model is None:
        raise ValueError("a table without a model")
    num_context = len(context.columns)
    numbers = {
        members[index - num_context]: n for n, index in enumerate(table.numbers) if index >= num_context
    }
    context_numbers = {
        context.columns[index].number: n
        for n, index in enumerate(table.numbers)
        if index < num_context and context.columns[index].kind == "entry"
    }
    name = hashlib.sha256(table.data).digest()
    return GroupModel(group, name, table.model, numbers, context=context_numbers, lists=context.lists)


def check_latents(trees: Iterable[tuple[Plan, TreeSample]], effort: TrainingEffort) -> None:
    """Raise ConfigError if more latents are requested than any table of these trees has values in a row."""
    options = effort.latents
    if options is None or options.latents is None:
        return
    widths: dict[str, int] = {}
    for plan, sample in trees:
        for members in _runs(sample, *_selection(sample, effort)):
            names = [plan.schema.branches[sample.columns[number].branch].name for number in members]
            table = common_name(names) if sample.tables[members[0]] else ENTRIES
            width = sum(sample.columns[number].values_per_row for number in members)
            widths[table] = max(width, widths.get(table, 0))
    if widths and options.latents > max(widths.values()):
        listing = ", ".join(f"{table} ({width})" for table, width in widths.items())
        raise ConfigError(
            f"{options.latents} latents are more than any table has columns to make them of: {listing}; ask for fewer"
        )


class _TimeShares:
    """Divides a time limit among the tables of a tree by their columns; time that one leaves goes to the
    others.
    """

    def __init__(self, seconds: float | None, columns: Sequence[int]) -> None:
        self.stop = None if seconds is None else time.monotonic() + seconds
        self.columns = list(columns)

    def share(self) -> float | None:
        """Seconds for the next table; None without a limit."""
        if self.stop is None:
            return None
        columns, remaining = self.columns.pop(0), sum(self.columns)
        return max(0.01, self.stop - time.monotonic()) * columns / (columns + remaining)


def _table(
    sample: TreeSample, members: Sequence[int], names: Sequence[str], entries: int, context: ContextColumns
) -> TableSample:
    """Columns of one table, behind their context columns."""
    quantised = [sample.quantised(number) for number in members]
    return TableSample(
        [column.name for column in context.columns] + [names[number] for number in members],
        [column.quantiser for column in context.columns]
        + [column.quantiser.to_bytes() for column in quantised],
        [column.symbols for column in context.columns] + [column.symbols for column in quantised],
        entries / sample.entries,
        tuple(column.kind for column in context.columns),
        context.is_first,
    )


def _selection(sample: TreeSample, effort: TrainingEffort) -> tuple[Callable[[int], bool], int]:
    """Whether a column of the sample is modelled, as a function, and the fewest columns of a model."""
    if effort.mixes:
        return lambda number: sample.is_candidate(number) or sample.is_mixable(number), 1
    if effort.latents is None:
        return sample.is_candidate, 2
    if latent_codec(effort.latents.codec).grids:
        return sample.is_grid, 1
    return lambda number: sample.is_candidate(number) or sample.is_exact(number), 2


def _find_autoencoder(
    sample: TreeSample,
    members: Sequence[int],
    names: Sequence[str],
    entries: int,
    pairs: Sequence[Pair],
    effort: TrainingEffort,
    progress: Progress | None,
) -> TableModel:
    """Autoencoder of columns of one table."""
    from baler_root.training.latent import LatentColumn, find_autoencoder

    columns = [LatentColumn.of(names[n], sample.quantised(n), sample.columns[n].shape) for n in members]
    classic_bytes = sum(classic_size(sample.quantised(n).symbols, sample.columns[n].shape) for n in members)
    return find_autoencoder(columns, classic_bytes, entries / sample.entries, effort, progress, pairs)


def _constants(sample: TreeSample, names: Sequence[str]) -> list[str]:
    """Note on columns that are not inputs because all their values are the same."""
    constant_names = [
        repr(names[number])
        for number, (column, values) in enumerate(zip(sample.columns, sample.values, strict=True))
        if column.has_values and column.role == "data" and len(values) and is_constant(values)
    ]
    if not constant_names:
        return []
    return [f"not inputs of latents, since their values never change: {listed(constant_names, MAX_NAMES)}"]


def _runs(sample: TreeSample, is_modelled: Callable[[int], bool], min_columns: int) -> list[list[int]]:
    """The columns to model in each run of columns of one table with `min_columns` of them or more."""
    runs: list[list[int]] = []
    current: list[int] = []
    total_length = 0
    for number in range(len(sample.columns)):
        if not is_modelled(number):
            continue
        length, is_grid = sample.axis_length(number), sample.is_grid(number)
        full = total_length + length > MAX_TABLE_PLACES
        if current and (is_grid or full or sample.tables[current[-1]] != sample.tables[number]):
            runs.append(current)
            current, total_length = [], 0
        total_length += length
        current.append(number)
    return [run for run in [*runs, current] if len(run) >= min_columns]
