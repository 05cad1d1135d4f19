"""Finds the model of one table: for each column histograms, a network or neither, whichever gives the
smallest file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Progress
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.codecs.conditional.model import Conditional, Model, ModelColumn
from baler_root.format.codecs.model_loader import AnyModel
from baler_root.format.limits import MAX_ALL_CONTEXTS, MAX_ALL_ROOTS
from baler_root.training.axis_fit import fit_axis, previous_item_axis
from baler_root.training.effort import TrainingEffort, get_level
from baler_root.training.histograms import VALIDATION_SHARE, BinnedColumn, fit_histograms
from baler_root.training.model_cost import pays_for_itself
from baler_root.training.mutual_information import RANK_ROWS, Ancestors, mutual_information, rank
from baler_root.training.settings import TrainedNetworks

WEIGHT_COST = 0.9
"""Bytes per weight of a model (measured: 0.75-0.9), axis and biases included."""


DIVERGED = 1.05
"""Networks that need more than this times the bytes of `classic` are reported as diverged."""


MIN_PREVIOUS = 0.1
"""Least mutual information [bits] of a column and its value in the previous item: decoding item by item is
slower.
"""


PREFER_HISTOGRAMS = 0.01
"""Prefer histograms to a network within this share of a column's size: they decode several times faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A way to code one column, and its saving in the file compared with `classic`."""

    conditional: Conditional | Histograms
    saved: float
    """Bytes saved in the file, without the model."""
    size: float
    """Bytes of its part of the model."""

    @property
    def net_saving(self) -> float:
        """Bytes saved, the model counted."""
        return self.saved - self.size


@dataclass(frozen=True, slots=True, eq=False)
class TableSample:
    """Columns of one table, from which a model is learned."""

    names: list[str]
    quantisers: list[bytes]
    symbols: list[NDArray[Any]]
    weight: float
    """Rows of the file that one row of the sample stands for."""
    context_kinds: tuple[str, ...] = ()
    """Kinds of the first columns, which are context: others may depend on them, and they are not modelled."""
    is_first: NDArray[np.bool_] | None = None
    """For items of lists: whether an item has no previous item; a column may depend on its value in that."""

    mixed_bits: Mapping[int, float] = field(default_factory=dict)
    """Bits per value of the columns that adaptive mixing may code, by position."""
    mixed_columns: int = 0
    """Most columns that it may code: those for which it saves most."""

    @property
    def rows(self) -> int:
        """Number of rows of the sample."""
        return len(self.symbols[0])


@dataclass(frozen=True, slots=True, eq=False)
class TableModel:
    """The model of a table; None if it would save nothing."""

    model: AnyModel | None
    numbers: tuple[int, ...] = ()
    """Number in the sample of each column of the model."""
    data: bytes = b""
    """The model as bytes."""
    notes: tuple[str, ...] = ()
    """Messages for the user."""
    mixed: frozenset[int] = frozenset()
    """Positions in the sample of the columns that adaptive mixing codes."""


def find_model(sample: TableSample, effort: TrainingEffort, progress: Progress | None = None) -> TableModel:
    """The model with which these columns are smallest, its own bytes counted."""
    columns = []
    for symbols in sample.symbols:
        axis = fit_axis(symbols, sample.weight)
        columns.append(BinnedColumn.of(axis, axis.places(symbols)))
    num_context = len(sample.context_kinds)
    previous = {} if sample.is_first is None else _previous(columns, num_context, sample.is_first)
    classic = [8 * classic_size(symbols) / sample.rows for symbols in sample.symbols[num_context:]]
    classic_bits = [0.0] * num_context + classic
    ranked = rank([column.bins for column in columns], num_context)
    training_record: dict[str, Any] = {"level": effort.level.name, "rows": sample.rows, "seed": effort.seed}
    histograms = _histograms(sample, columns, classic_bits, ranked, effort.seed)
    mixed = _select_mixed(sample, histograms, classic_bits)
    for number in mixed:
        gain = classic_bits[number] - sample.mixed_bits[number]
        classic_bits[number] -= gain
        histograms[number] = _with_less(histograms[number], gain * sample.rows * sample.weight / 8)
    networks: list[Candidate | None] = [None] * len(columns)
    notes: tuple[str, ...] = ()
    levels = [effort.level, *([get_level(effort.level.below)] if effort.level.below else [])]
    table = _Table(sample, columns, classic_bits, ranked, previous, histograms)
    for level in levels if effort.level.networks else ():
        level_effort = replace(effort, level=level, seconds=effort.seconds and effort.seconds / len(levels))
        candidates, trained = _networks(table, level_effort, progress)
        networks = [max(pair, key=_net_saving) for pair in zip(networks, candidates, strict=True)]
        if level == effort.level:
            training_record |= {
                "steps": trained.steps,
                "history": trained.history[:: max(1, len(trained.history) // 5)],
            }
        notes += _notes(trained, classic_bits)
    selected = _choose(
        histograms, networks, [bits * sample.rows * sample.weight / 8 for bits in classic_bits]
    )
    needed = sorted({n for number, choice in selected.items() for n in (number, *choice.conditional.parents)})
    if not needed:
        return TableModel(None, notes=notes, mixed=mixed)
    new_numbers = {old: new for new, old in enumerate(needed)}
    model_columns = []
    for number in needed:
        conditional = selected[number].conditional if number in selected else None
        if conditional is not None:
            conditional = replace(
                conditional, parents=tuple(new_numbers[parent] for parent in conditional.parents)
            )
        kind = sample.context_kinds[number] if number < num_context else "value"
        axis, quantiser = columns[number].axis, sample.quantisers[number]
        model_columns.append(ModelColumn(sample.names[number], quantiser, axis, conditional, kind))
    data = Model(tuple(model_columns), training_record).to_bytes()
    if not pays_for_itself(sum(choice.saved for choice in selected.values()), len(data)):
        return TableModel(None, notes=notes, mixed=mixed)
    # The model as a reader gets it, so that pages are checked against that one.
    return TableModel(Model.from_bytes(data), tuple(needed), data, notes, mixed)


def _select_mixed(
    sample: TableSample, histograms: Sequence[Candidate | None], classic_bits: Sequence[float]
) -> frozenset[int]:
    """The columns for which adaptive mixing saves most bits per value, as many as it may code."""
    gains = []
    for number, bits in sample.mixed_bits.items():
        candidate = histograms[number]
        saved = 0.0 if candidate is None else 8 * candidate.net_saving / (sample.rows * sample.weight)
        gains.append((classic_bits[number] - max(0.0, saved) - bits, -number))
    best = sorted(gains, reverse=True)[: sample.mixed_columns]
    return frozenset(-number for gain, number in best if gain > 0)


def _with_less(candidate: Candidate | None, bytes_saved: float) -> Candidate | None:
    """The candidate compared with a coding that saves these bytes; None if it does not pay then."""
    if candidate is None or candidate.net_saving <= bytes_saved:
        return None
    return replace(candidate, saved=candidate.saved - bytes_saved)


def _net_saving(choice: Candidate | None) -> float:
    return 0.0 if choice is None else choice.net_saving


def _previous(
    columns: Sequence[BinnedColumn], num_context: int, is_first: NDArray[np.bool_]
) -> dict[int, BinnedColumn]:
    """Columns as they are in the previous item, where that has information about the present one."""
    thinned = slice(None, None, max(1, len(is_first) // RANK_ROWS))
    previous = {}
    for number, column in list(enumerate(columns))[num_context:]:
        places = np.concatenate([[0], column.places[:-1] + 1])
        places[is_first] = 0
        shifted = BinnedColumn.of(previous_item_axis(column.axis), places)
        bins = [version.bins[thinned].astype(np.int64) >> 1 for version in (column, shifted)]
        if mutual_information(*bins) > MIN_PREVIOUS:
            previous[number] = shifted
    return previous


def _histograms(
    sample: TableSample,
    columns: Sequence[BinnedColumn],
    classic_bits: Sequence[float],
    ranked: Sequence[Sequence[int]],
    seed: int,
) -> list[Candidate | None]:
    """Histograms of each column; None for a column for which they do not pay."""
    validation = np.random.default_rng(seed).permutation(sample.rows) < int(sample.rows * VALIDATION_SHARE)
    ancestors = Ancestors()
    candidates: list[Candidate | None] = []
    for number, column in enumerate(columns):
        candidate = None
        if number >= len(sample.context_kinds):
            fitted = fit_histograms(columns, number, ranked[number], ancestors, validation, sample.weight)
            if fitted is not None:
                saved = (
                    (classic_bits[number] - _axis_bits(column) + fitted.saved)
                    * sample.rows
                    * sample.weight
                    / 8
                )
                candidate = Candidate(fitted.histograms, saved, fitted.size)
        if candidate is None or candidate.net_saving <= 0:
            candidates.append(None)
        else:
            ancestors.set(number, candidate.conditional.parents)
            candidates.append(candidate)
    return candidates


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A table for which networks are trained."""

    sample: TableSample
    columns: Sequence[BinnedColumn]
    classic_bits: Sequence[float]
    """Bits per value of each column in `classic`."""
    ranked: Sequence[Sequence[int]]
    """Possible parents of each column, the best first."""
    previous: dict[int, BinnedColumn]
    """Columns as they are in the previous item."""
    histograms: Sequence[Candidate | None]


def _networks(
    table: _Table, effort: TrainingEffort, progress: Progress | None
) -> tuple[list[Candidate | None], TrainedNetworks]:
    """A network for each column, or None if it does not pay, and the result of the training."""
    level = effort.level
    sample, columns, classic_bits, previous = table.sample, table.columns, table.classic_bits, table.previous
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
    for number, ranking in enumerate(table.ranked):
        chosen = ancestors.choose(number, ranking, level.candidates)
        # A network without inputs adds nothing to the axis; one larger than all that is left saves nothing.
        histogram = table.histograms[number]
        remaining_bytes = classic_bits[number] * values / 8 - (histogram.saved if histogram else 0.0)
        if number in previous:
            chosen = [*chosen, len(columns) + list(previous).index(number)]
        if chosen and remaining_bytes > WEIGHT_COST * training.weights(min(len(chosen), level.parents)):
            parents[number] = chosen
    if not parents:
        return [None] * len(columns), TrainedNetworks({}, {}, 0)
    from baler_root.training.torch.fit_conditional import fit_networks

    order = np.random.default_rng(effort.seed).permutation(rows)
    everything = [*columns, *previous.values()]
    axes, places = [column.axis for column in everything], [column.places[order] for column in everything]
    trained = fit_networks(axes, places, parents, training, progress)
    candidates: list[Candidate | None] = [None] * len(columns)
    for number, net in trained.nets.items():
        saved = (classic_bits[number] - trained.bits[number]) * values / 8
        size = WEIGHT_COST * sum(layer.weight.size for layer in net.layers)
        if saved > size:
            # Columns of the previous item come after all others; in a model they are the column itself.
            inputs = tuple(min(parent, number) for parent in trained.parents[number])
            candidates[number] = Candidate(Conditional(inputs, net), saved, size)
    return candidates, trained


def _notes(trained: TrainedNetworks, classic_bits: Sequence[float]) -> tuple[str, ...]:
    """Notes on columns whose training diverged."""
    expected = sum(classic_bits[number] for number in trained.bits)
    actual = sum(trained.bits.values())
    if trained.diverged or actual > DIVERGED * expected:
        count = len(trained.diverged) or len(trained.bits)
        return (f"the training of {count} columns diverged; they are coded without networks",)
    return ()


def _choose(
    histograms: Sequence[Candidate | None],
    networks: Sequence[Candidate | None],
    classic_bytes: Sequence[float],
) -> dict[int, Candidate]:
    """The better candidate of each column that has one, by number; `classic_bytes` has the columns' sizes in
    `classic`.
    """
    ancestors = Ancestors()
    chosen = {}
    roots = contexts = 0
    for number, (histogram, network) in enumerate(zip(histograms, networks, strict=True)):
        options = [option for option in (histogram, network) if option is not None]
        options.sort(key=lambda option: -option.net_saving)
        if histogram is not None and network is not None:
            tolerance = PREFER_HISTOGRAMS * (classic_bytes[number] - network.net_saving)
            if histogram.net_saving >= network.net_saving - tolerance:
                options = [histogram, network]
        for option in options:
            shape = option.conditional.roots.shape if isinstance(option.conditional, Histograms) else (0, 0)
            if roots + shape[0] * shape[1] > MAX_ALL_ROOTS or contexts + shape[0] > MAX_ALL_CONTEXTS:
                continue
            if ancestors.allow(option.conditional.parents):
                roots, contexts = roots + shape[0] * shape[1], contexts + shape[0]
                ancestors.set(number, option.conditional.parents)
                chosen[number] = option
                break
    return chosen


def _axis_bits(column: BinnedColumn) -> float:
    """Bits per value, coded with the axis only."""
    counts = np.bincount(column.places, minlength=column.axis.length)
    shares = np.maximum(np.diff(column.axis.cumulative), 1) / column.axis.cumulative[-1]
    return float(-(counts * np.log2(shares)).sum() / counts.sum())


def classic_size(symbols: NDArray[Any], shape: tuple[int, ...] = ()) -> int:
    """Bytes of these symbols in `classic`."""
    return len(Classic().encode([symbols], [SymbolSpec(symbols.dtype, len(symbols), shape)])[0])
