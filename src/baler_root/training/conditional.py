"""Finds the model of one table: for each column histograms, a network, or neither, whatever makes the file smallest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Progress
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional, Model, ModelColumn
from baler_root.format.codecs.model_loader import AnyModel
from baler_root.training.axis_fit import fit_axis, previous_item_axis
from baler_root.training.dependencies import RANK_ROWS, Ancestors, mutual_information, rank
from baler_root.training.effort import TrainingEffort, get_level
from baler_root.training.histograms import HELD, BinnedColumn, fit_histograms
from baler_root.training.settings import TrainedNetworks

MARGIN = 1.25
"""A model must save this many times its own bytes: what it saves is an estimate."""


WEIGHT_COST = 0.9
"""Bytes of a weight in a model (measured: 0.75-0.9), axis and biases included."""


DIVERGED = 1.05
"""Networks that need so many times the bytes of `classic` are no good."""


MIN_BEFORE = 0.1
"""Bits that the item before must tell: decoding one after another takes longer."""


INDIFFERENT = 0.01
"""Share of a column for which histograms are rather taken than a network: they are decoded several times faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A way to code one column, and what it saves in the file compared with `classic`, in bytes."""

    conditional: Conditional | Histograms
    saved: float
    size: float
    """Of its part of the model."""

    @property
    def worth(self) -> float:
        """What is left."""
        return self.saved - self.size


@dataclass(frozen=True, slots=True, eq=False)
class TableSample:
    """Columns of one table, of which models are made."""

    names: list[str]
    quantisers: list[bytes]
    symbols: list[NDArray[Any]]
    weight: float
    """Rows of the file for which a row of the sample stands."""
    given: tuple[str, ...] = ()
    """Kinds of the first columns, which lie around the table (`surroundings`) and only tell of the others."""

    first: NDArray[np.bool_] | None = None
    """In lists: the items that have none before them, of which a column may depend on its own value."""

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return len(self.symbols[0])


@dataclass(frozen=True, slots=True, eq=False)
class FoundModel:
    """What came of it; without a model where nothing is saved."""

    model: AnyModel | None
    used: tuple[int, ...] = ()
    """The sample's number of each of the model's columns."""
    data: bytes = b""
    notes: tuple[str, ...] = ()
    """What people should know."""


def find_model(sample: TableSample, effort: TrainingEffort, progress: Progress | None = None) -> FoundModel:
    """The model that makes these columns smallest, its own bytes counted."""
    columns = []
    for symbols in sample.symbols:
        axis = fit_axis(symbols, sample.weight)
        columns.append(BinnedColumn.of(axis, axis.places(symbols)))
    given = len(sample.given)
    before = {} if sample.first is None else _before(columns, given, sample.first)
    plain = [0.0] * given + [8 * classic_size(symbols) / sample.rows for symbols in sample.symbols[given:]]
    ranked = rank([column.buckets for column in columns], given)
    about: dict[str, Any] = {"level": effort.level.name, "rows": sample.rows, "seed": effort.seed}
    histograms = _histograms(sample, columns, plain, ranked, effort.seed)
    networks: list[Candidate | None] = [None] * len(columns)
    notes: tuple[str, ...] = ()
    each = [effort.level, *([get_level(effort.level.below)] if effort.level.below else [])]
    for level in each if effort.level.training is not None else ():
        mine = replace(effort, level=level, seconds=effort.seconds and effort.seconds / len(each))
        found, trained = _networks(sample, columns, plain, ranked, before, histograms, mine, progress)
        networks = [max(pair, key=_worth) for pair in zip(networks, found, strict=True)]
        if level == effort.level:
            about |= {
                "steps": trained.steps,
                "history": trained.history[:: max(1, len(trained.history) // 5)],
            }
        notes += _notes(trained, plain)
    chosen = _choose(histograms, networks, [bits * sample.rows * sample.weight / 8 for bits in plain])
    needed = sorted({n for number, one in chosen.items() for n in (number, *one.conditional.parents)})
    if not needed:
        return FoundModel(None, notes=notes)
    number_of = {old: new for new, old in enumerate(needed)}
    parts = []
    for number in needed:
        conditional = chosen[number].conditional if number in chosen else None
        if conditional is not None:
            conditional = replace(
                conditional, parents=tuple(number_of[parent] for parent in conditional.parents)
            )
        kind = sample.given[number] if number < given else "value"
        axis, quantiser = columns[number].axis, sample.quantisers[number]
        parts.append(ModelColumn(sample.names[number], quantiser, axis, conditional, kind))
    data = Model(tuple(parts), about).to_bytes()
    if sum(one.saved for one in chosen.values()) < MARGIN * len(data):
        return FoundModel(None, notes=notes)
    # What a reader gets, so that pages are checked against that.
    return FoundModel(Model.from_bytes(data), tuple(needed), data, notes)


def _worth(choice: Candidate | None) -> float:
    return 0.0 if choice is None else choice.worth


def _before(columns: Sequence[BinnedColumn], given: int, first: NDArray[np.bool_]) -> dict[int, BinnedColumn]:
    """Columns of the item before, for those columns of which it tells something."""
    thin = slice(None, None, max(1, len(first) // RANK_ROWS))
    out = {}
    for number, column in list(enumerate(columns))[given:]:
        places = np.concatenate([[0], column.places[:-1] + 1])
        places[first] = 0
        shifted = BinnedColumn.of(previous_item_axis(column.axis), places)
        buckets = [one.buckets[thin].astype(np.int64) >> 1 for one in (column, shifted)]
        if mutual_information(*buckets) > MIN_BEFORE:
            out[number] = shifted
    return out


def _histograms(
    sample: TableSample,
    columns: Sequence[BinnedColumn],
    plain: Sequence[float],
    ranked: Sequence[Sequence[int]],
    seed: int,
) -> list[Candidate | None]:
    """Histograms of each column, where they pay."""
    held = np.random.default_rng(seed).permutation(sample.rows) < sample.rows // HELD
    ancestors = Ancestors()
    out: list[Candidate | None] = []
    for number, column in enumerate(columns):
        if number < len(sample.given):
            out.append(None)
            continue
        found = fit_histograms(columns, number, ranked[number], ancestors, held, sample.weight)
        choice = None
        if found is not None:
            saved = (plain[number] - _axis_bits(column) + found.saved) * sample.rows * sample.weight / 8
            choice = Candidate(found.histograms, saved, found.size)
        if choice is None or choice.worth <= 0:
            out.append(None)
        else:
            ancestors.set(number, choice.conditional.parents)
            out.append(choice)
    return out


def _networks(
    sample: TableSample,
    columns: Sequence[BinnedColumn],
    plain: Sequence[float],
    ranked: Sequence[Sequence[int]],
    before: dict[int, BinnedColumn],
    histograms: Sequence[Candidate | None],
    effort: TrainingEffort,
    progress: Progress | None,
) -> tuple[list[Candidate | None], TrainedNetworks]:
    """A network of each column, where it pays, and how they were trained."""
    level = effort.level
    if level.training is None:
        raise ValueError(f"level {level.name} trains no networks")
    rows, values = sample.rows, sample.rows * sample.weight
    steps = min(level.training.steps, max(1, level.epochs * rows // level.training.batch))
    width = next((width for limit, width in level.widths if values < limit), level.training.width)
    training = replace(
        level.training,
        width=width,
        steps=steps,
        parents=level.parents,
        seed=effort.seed,
        seconds=effort.seconds,
    )
    ancestors = Ancestors()
    parents = {}
    for number, some in enumerate(ranked):
        chosen = ancestors.choose(number, some, level.candidates)
        # A network without inputs knows what the axis knows; one larger than all that is left saves nothing.
        light = histograms[number]
        left = plain[number] * values / 8 - (light.saved if light else 0.0)
        if number in before:
            chosen = [*chosen, len(columns) + list(before).index(number)]
        if chosen and left > WEIGHT_COST * training.weights(min(len(chosen), level.parents)):
            parents[number] = chosen
    if not parents:
        return [None] * len(columns), TrainedNetworks({}, {}, 0)
    from baler_root.training.torch.fit_conditional import fit_networks

    order = np.random.default_rng(effort.seed).permutation(rows)
    everything = [*columns, *before.values()]
    axes, places = [column.axis for column in everything], [column.places[order] for column in everything]
    trained = fit_networks(axes, places, parents, training, progress)
    out: list[Candidate | None] = [None] * len(columns)
    for number, net in trained.nets.items():
        saved = (plain[number] - trained.bits[number]) * values / 8
        size = WEIGHT_COST * sum(layer.weight.size for layer in net.layers)
        if saved > size:
            # Behind all columns stand those of the item before: in a model the column itself.
            conditional = tuple(min(parent, number) for parent in trained.parents[number])
            out[number] = Candidate(Conditional(conditional, net), saved, size)
    return out, trained


def _notes(trained: TrainedNetworks, plain: Sequence[float]) -> tuple[str, ...]:
    """What went wrong in training."""
    before = sum(plain[number] for number in trained.bits)
    after = sum(trained.bits.values())
    if trained.diverged or after > DIVERGED * before:
        count = len(trained.diverged) or len(trained.bits)
        return (f"the training of {count} columns diverged; they are coded without networks",)
    return ()


def _choose(
    histograms: Sequence[Candidate | None], networks: Sequence[Candidate | None], plain: Sequence[float]
) -> dict[int, Candidate]:
    """The better of both for each column that has any, by its number; `plain`: bytes of the columns in `classic`."""
    ancestors = Ancestors()
    out = {}
    for number, (light, heavy) in enumerate(zip(histograms, networks, strict=True)):
        options = [one for one in (light, heavy) if one is not None]
        options.sort(key=lambda one: -one.worth)
        if light is not None and heavy is not None:
            left = INDIFFERENT * (plain[number] - heavy.worth)
            if light.worth >= heavy.worth - left:
                options = [light, heavy]
        for one in options:
            if ancestors.allow(one.conditional.parents):
                ancestors.set(number, one.conditional.parents)
                out[number] = one
                break
    return out


def _axis_bits(column: BinnedColumn) -> float:
    """Bits per value with the axis alone."""
    counts = np.bincount(column.places, minlength=column.axis.length)
    shares = np.maximum(np.diff(column.axis.cumulative), 1) / column.axis.cumulative[-1]
    return float(-(counts * np.log2(shares)).sum() / counts.sum())


def classic_size(symbols: NDArray[Any], shape: tuple[int, ...] = ()) -> int:
    """Bytes that `classic` needs."""
    return len(Classic().encode([symbols], [SymbolSpec(symbols.dtype, len(symbols), shape)])[0])
