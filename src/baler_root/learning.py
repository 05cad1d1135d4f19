"""Decides which columns of a tree a model is worth for, has it trained, and keeps what pays for its own bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.batch import Column, Progress
from baler_root.cluster import GroupModel, Plan, flatten, make_cells, plan_groups
from baler_root.codecs.axis import CODE_BITS, CODE_LIMIT
from baler_root.codecs.base import SymbolSpec
from baler_root.codecs.classic import Classic
from baler_root.codecs.model import Conditional, Model, ModelColumn
from baler_root.entropy.tables import MAX_SYMBOLS
from baler_root.errors import ConfigError
from baler_root.pages import Cell
from baler_root.quantiser import Quantised
from baler_root.rootio.read import SourceTree
from baler_root.tables import tables_of
from baler_root.training.axes import fit_axis
from baler_root.training.training import Training

TRAINING = Training()

SAMPLE_SIZE = 1 << 26
"""Bytes of a tree, in memory, from which its models are learned."""

SAMPLE_RANGES = 4
"""Places of the tree from which they are taken."""

MIN_ROWS = 2000
"""Rows of a table below which no network pays for itself."""

MAX_PARENTS = 12
"""Columns on which one may depend."""

NEAR_COLUMNS = 64
"""Columns before one among which its parents are looked for."""

MIN_INFORMATION = 0.02
"""Bits that a parent must tell, or it is chance."""

BUCKETS = 16

MAX_EPOCHS = 100
"""How often a row of the sample is seen at most: small tables are learned sooner."""

WIDTHS = ((20_000, 12), (60_000, 16))
"""Rows of a table below which its networks are narrower: their bytes weigh more than what they would add."""

MARGIN = 1.25
"""A model must save this many times its own bytes: what it saves is an estimate."""

WEIGHT_COST = 0.9
"""Bytes of a weight in a model (measured: 0.75-0.9), axis and biases included."""


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


def learn(
    source: SourceTree, plan: Plan, lengths: Sequence[int], seed: int, progress: Progress | None = None
) -> tuple[Plan, list[bytes]]:
    """The plan with models where they pay, and the models' bytes."""
    entries = source.schema.num_entries
    if entries < MIN_ROWS:
        return plan, []
    check_torch()
    sample = take_sample([(source, plan)])
    return learn_from(sample, source, plan, max(lengths), entries, seed, progress)


def check_torch() -> None:
    """Raise ConfigError, with the line that installs it, where torch is missing."""
    if find_spec("torch") is None:
        raise ConfigError("training needs torch, which is not installed: pip install 'baler-root[train]'")


def learn_from(
    sample: Sample,
    source: SourceTree,
    plan: Plan,
    cluster: int,
    entries: int,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Plan, list[bytes]]:
    """The same from a sample of trees like `source`, which have so many `entries`, and `cluster` of them at a time."""
    runs = _runs(sample)
    groups: list[int] = []
    models: list[GroupModel] = []
    blobs: list[bytes] = []
    first = 0
    for start, stop, members in [*runs, (len(sample.columns), len(sample.columns), [])]:
        if first < start:
            groups += plan_groups(sample.values[first:start], sample.entries, cluster)
        if members:
            trained = _train(source, sample, members, entries / sample.entries, seed, progress)
            if trained is not None:
                model, numbers, data = trained
                models.append(GroupModel(len(groups), hashlib.sha256(data).digest(), model, numbers))
                blobs.append(data)
                groups.append(stop - start)
            else:
                groups += plan_groups(sample.values[start:stop], sample.entries, cluster)
        first = stop
    return replace(plan, groups=tuple(groups), models=tuple(models)), blobs


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


def _train(
    source: SourceTree,
    sample: Sample,
    members: Sequence[int],
    scale: float,
    seed: int,
    progress: Progress | None,
) -> tuple[Model, dict[int, int], bytes] | None:
    """A model of these columns, its number for each, and its bytes; without networks that cost more than they save.

    None if nothing is saved.
    """
    from baler_root.training.fit import fit

    symbols = [sample.quantised(number).symbols for number in members]
    rows = len(symbols[0])
    axes = [fit_axis(column, scale) for column in symbols]
    places = [axis.places(column) for axis, column in zip(axes, symbols, strict=True)]
    codes = [axis.codes[at] for axis, at in zip(axes, places, strict=True)]
    parents = _parents(codes)
    steps = min(TRAINING.steps, max(1, MAX_EPOCHS * rows // TRAINING.batch))
    width = next((width for limit, width in WIDTHS if rows * scale < limit), TRAINING.width)
    training = replace(TRAINING, width=width, steps=steps, seed=seed)
    order = np.random.default_rng(seed).permutation(rows)
    curve: list[int] = []
    nets, bits = fit(axes, [at[order] for at in places], parents, training, progress, curve)
    plain = [_classic_bits(column) for column in symbols]
    gains = [(one - float(other)) * rows * scale / 8 for one, other in zip(plain, bits, strict=True)]
    costs = [WEIGHT_COST * sum(layer.weight.size for layer in net.layers) for net in nets]
    keep = [gain > cost for gain, cost in zip(gains, costs, strict=True)]
    needed = {p for number, kept in enumerate(keep) if kept for p in (number, *parents[number])}
    if not any(keep):
        return None
    chosen = sorted(needed)
    renumbered = {old: new for new, old in enumerate(chosen)}
    columns = []
    for number in chosen:
        branch = sample.columns[members[number]].branch
        conditional = None
        if keep[number]:
            conditional = Conditional(tuple(renumbered[p] for p in parents[number]), nets[number])
        recipe = sample.quantised(members[number]).recipe.to_bytes()
        name = source.schema.path_of(branch)
        columns.append(ModelColumn(name, recipe, axes[number], conditional))
    about: dict[str, Any] = {
        "rows": rows,
        "steps": training.steps,
        "seed": seed,
        "bits": round(float(bits[keep].sum()), 3),
    }
    about["curve"] = curve
    model = Model(tuple(columns), about)
    data = model.to_bytes()
    if sum(gain for gain, kept in zip(gains, keep, strict=True) if kept) < MARGIN * len(data):
        return None
    return model, {members[old]: new for old, new in renumbered.items()}, data


def _parents(codes: Sequence[NDArray[np.int16]]) -> list[list[int]]:
    """For each column those before it that tell most about it, at most MAX_PARENTS, in order."""
    rows = min(len(codes[0]), 20_000)
    step = max(1, len(codes[0]) // rows)
    # The codes follow a logistic distribution: its quantiles cut every column into buckets of equal content.
    shares = np.arange(1, BUCKETS) / BUCKETS
    cuts = np.clip(np.log(shares / (1 - shares)) * (1 << CODE_BITS), -CODE_LIMIT, CODE_LIMIT - 1)
    buckets = [np.searchsorted(cuts, column[::step]).astype(np.int64) for column in codes]
    out = []
    for number, own in enumerate(buckets):
        first = max(0, number - NEAR_COLUMNS)
        told = [(_information(own, other), first + at) for at, other in enumerate(buckets[first:number])]
        best = sorted(((bits, at) for bits, at in told if bits > MIN_INFORMATION), reverse=True)[:MAX_PARENTS]
        out.append(sorted(at for _, at in best))
    return out


def _information(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Mutual information of two bucketed columns, in bits."""
    joint = np.bincount(one * BUCKETS + other, minlength=BUCKETS * BUCKETS).reshape(BUCKETS, BUCKETS)
    share = joint / joint.sum()
    apart = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    found = share > 0
    return float((share[found] * np.log2(share[found] / apart[found])).sum())


def _classic_bits(symbols: NDArray[Any]) -> float:
    """Bits per value that `classic` needs."""
    payload, _ = Classic().encode([symbols], [SymbolSpec(symbols.dtype, len(symbols))])
    return 8 * len(payload) / len(symbols)
