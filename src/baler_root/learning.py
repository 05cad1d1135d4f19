"""Decides which columns of a tree a model is worth for, has it trained, and keeps what pays for its own bytes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.batch import Column, Progress
from baler_root.cluster import GroupModel, Plan, flatten, make_cells, plan_groups
from baler_root.entropy.tables import MAX_SYMBOLS
from baler_root.levels import MIN_ROWS, Effort
from baler_root.modelling import TableSample, find_model
from baler_root.pages import Cell
from baler_root.quantiser import Quantised
from baler_root.rootio.read import SourceTree
from baler_root.tables import tables_of

SAMPLE_SIZE = 1 << 26
"""Bytes of a tree, in memory, from which its models are learned."""

SAMPLE_RANGES = 4
"""Places of the tree from which they are taken."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Columns of a tree, from a few places of it."""

    columns: list[Column]
    values: list[NDArray[Any]]
    cells: list[Cell]
    entries: int
    tables: list[int]
    """Which columns share a length and a list structure, by content; -1 where that is not known."""

    def quantised(self, number: int) -> Quantised:
        """A column that has symbols of its own."""
        quantised = self.cells[number].quantised
        if quantised is None:
            raise ValueError(f"column {number} repeats another")
        return quantised


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned from a tree."""

    plan: Plan
    """With models where they pay."""
    models: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What people should know."""


def learn(
    source: SourceTree,
    plan: Plan,
    lengths: Sequence[int],
    effort: Effort,
    progress: Progress | None = None,
) -> Learned:
    """The plan with models where they pay, and the models' bytes.

    Raises ConfigError where torch is needed and not installed.
    """
    entries = source.schema.num_entries
    if entries < MIN_ROWS:
        return Learned(plan)
    effort.check()
    sample = take_sample([(source, plan)])
    return learn_from(sample, plan, max(lengths), entries, effort, progress)


def learn_from(
    sample: Sample,
    plan: Plan,
    cluster: int,
    entries: int,
    effort: Effort,
    progress: Progress | None = None,
) -> Learned:
    """The same from a sample of trees that have so many `entries` together, and `cluster` of them at a time."""
    runs = _runs(sample)
    groups: list[int] = []
    models: list[GroupModel] = []
    out = Learned(plan)
    clock = _Clock(effort.seconds, [len(members) for _, _, members in runs])
    first = 0
    for start, stop, members in [*runs, (len(sample.columns), len(sample.columns), [])]:
        if first < start:
            groups += plan_groups(sample.values[first:start], sample.entries, cluster)
        if members:
            mine = replace(effort, seconds=clock.share())
            found = find_model(_table(plan, sample, members, entries), mine, progress)
            out.notes.extend(f"{plan.schema.path}: {note}" for note in found.notes)
            if found.model is not None:
                numbers = {members[at]: number for number, at in enumerate(found.used)}
                name = hashlib.sha256(found.data).digest()
                models.append(GroupModel(len(groups), name, found.model, numbers))
                out.models.append(found.data)
                groups.append(stop - start)
            else:
                groups += plan_groups(sample.values[start:stop], sample.entries, cluster)
        first = stop
    if not models:
        return out
    return replace(out, plan=replace(plan, groups=tuple(groups), models=tuple(models)))


class _Clock:
    """Divides a time among the tables of a tree by their columns; what one leaves goes to the others."""

    def __init__(self, seconds: float | None, columns: Sequence[int]) -> None:
        self.stop = None if seconds is None else time.monotonic() + seconds
        self.columns = list(columns)

    def share(self) -> float | None:
        """Seconds of the next table."""
        if self.stop is None:
            return None
        mine, left = self.columns.pop(0), sum(self.columns)
        return max(0.01, self.stop - time.monotonic()) * mine / (mine + left)


def take_sample(sources: Sequence[tuple[SourceTree, Plan]]) -> Sample:
    """Symbols of all columns of some ranges of entries, as if they were one cluster.

    Several trees have the same columns in the same order, and give in proportion to their entries.
    """
    plan = sources[0][1]
    total = sum(source.schema.num_entries for source, _ in sources)
    size = max(source.entry_size for source, _ in sources)
    share = min(1.0, max(1, int(SAMPLE_SIZE / max(size, 1e-9))) / total)
    parts, sampled = [], 0
    for source, own in sources:
        entries = source.schema.num_entries
        wanted = min(entries, max(1, int(share * entries))) if entries else 0
        count = 1 if wanted == entries or len(sources) > SAMPLE_RANGES else SAMPLE_RANGES
        starts = [round(i * (entries - wanted // count) / max(1, count - 1)) for i in range(count)]
        for start in starts if wanted else ():
            stop = min(entries, start + max(1, wanted // count))
            parts.append(flatten(own, own.columns, source.read(own.schema.stored(), start, stop)))
        sampled += wanted
    originals = [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]
    columns = plan.columns
    cells, _ = make_cells(plan, columns, originals)
    return Sample(columns, originals, cells, sampled, tables_of(columns, originals))


def _table(plan: Plan, sample: Sample, members: Sequence[int], entries: int) -> TableSample:
    """Columns of one table."""
    quantised = [sample.quantised(number) for number in members]
    return TableSample(
        [plan.schema.path_of(sample.columns[number].branch) for number in members],
        [one.recipe.to_bytes() for one in quantised],
        [one.symbols for one in quantised],
        entries / sample.entries,
    )


def _runs(sample: Sample) -> list[tuple[int, int, list[int]]]:
    """(first column, end, columns to model) of each stretch of columns of one table."""
    runs: list[tuple[int, int, list[int]]] = []
    current: list[int] = []

    def close() -> None:
        if len(current) > 1:
            runs.append((current[0], current[-1] + 1, list(current)))
        current.clear()

    for number in range(len(sample.columns)):
        if not _is_candidate(sample, number):
            continue
        if current and sample.tables[current[-1]] != sample.tables[number]:
            close()
        current.append(number)
    close()
    return runs


def _is_candidate(sample: Sample, number: int) -> bool:
    """Whether a column has symbols that can lie on an axis."""
    cell, column = sample.cells[number], sample.columns[number]
    if cell.quantised is None or cell.lattice is not None or column.role != "data" or column.shape:
        return False
    symbols = cell.quantised.symbols
    if sample.tables[number] < 0 or symbols.dtype.kind not in "uib" or len(symbols) < MIN_ROWS:
        return False
    low, high = int(symbols.min()), int(symbols.max())
    return 0 < high - low < MAX_SYMBOLS and high < 1 << 62 and low > -(1 << 62)
