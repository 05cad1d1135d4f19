"""Context of list items in models: columns of the entries, lengths of the lists, positions in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.models.sample import TreeSample
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.codecs.conditional.list_context import ListStructure
from baler_root.format.encodings.copy import CopyEncoding
from baler_root.format.encodings.quantised import QuantisedEncoding
from baler_root.format.encodings.quantiser import Quantiser
from baler_root.format.tables import lengths_of
from baler_root.training.axis_fit import fit_axis
from baler_root.training.histograms import BinnedColumn
from baler_root.training.mutual_information import RANK_ROWS, mutual_information

MAX_CONTEXT = 16
"""Most columns of the entries that the models of a list may use."""


MAX_CANDIDATES = 128
"""Most columns of the entries that are tried: the last before the list and the first behind it."""


@dataclass(frozen=True, slots=True, eq=False)
class ContextColumn:
    """A context column with a value for every item of the lists."""

    number: int
    """Number of the column in the tree."""
    kind: str
    """Its kind; see `codecs.conditional.model.KINDS`."""
    name: str
    quantiser: bytes
    symbols: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class ContextColumns:
    """Context columns of a list; none for a table that is not a list."""

    lists: int | None = None
    """Number of the column with the lengths of the lists."""
    columns: tuple[ContextColumn, ...] = ()
    is_first: NDArray[np.bool_] | None = None
    """Whether each item has no previous item; see `codecs.conditional.list_context`."""


def find_context(sample: TreeSample, members: Sequence[int], names: Sequence[str]) -> ContextColumns:
    """Context columns with information about the columns `members` of one table."""
    lists = lengths_of(sample.columns, sample.tables, sample.tables[members[0]])
    if lists is None or not isinstance(sample.encoded[lists].encoding, QuantisedEncoding | CopyEncoding):
        return ContextColumns()
    lengths = sample.values[lists].astype(np.int64)
    structure = ListStructure(lengths, int(lengths.sum()))
    item = np.repeat(np.arange(len(lengths)), lengths)
    thinned = np.arange(0, len(item), max(1, len(item) // RANK_ROWS))
    bins = [_bins(sample.quantised(n).symbols[thinned]) for n in members]
    exact = Quantiser("exact", np.dtype(np.int64)).to_bytes()
    columns: list[ContextColumn] = []
    for kind, name, symbols in (
        ("length", "length of the list", lengths[item]),
        ("position", "place in the list", structure.positions),
    ):
        if np.ptp(symbols) and _largest_information(_bins(symbols[thinned]), bins) > 0:
            columns.append(ContextColumn(lists, kind, name, exact, symbols))
    candidates = [
        n
        for n in range(len(sample.columns))
        if sample.tables[n] == 0 and sample.is_candidate(n) and not np.array_equal(sample.values[n], lengths)
    ]
    candidates = sorted(candidates, key=lambda n: abs(n - members[0]))[:MAX_CANDIDATES]
    information = {
        n: _largest_information(_bins(sample.quantised(n).symbols)[item[thinned]], bins) for n in candidates
    }
    selected = sorted((n for n in candidates if information[n] > 0), key=lambda n: -information[n])[
        :MAX_CONTEXT
    ]
    for number in sorted(selected):
        quantised = sample.quantised(number)
        quantiser = quantised.quantiser.to_bytes()
        columns.append(ContextColumn(number, "entry", names[number], quantiser, quantised.symbols[item]))
    return ContextColumns(lists, tuple(columns), structure.steps == 0)


def _bins(symbols: NDArray[Any]) -> NDArray[np.int64]:
    """Bin of each value, in few bins of about equal content."""
    axis: QuantileAxis = fit_axis(symbols)
    return BinnedColumn.of(axis, axis.places(symbols)).bins.astype(np.int64) >> 1


def _largest_information(column: NDArray[np.int64], targets: Sequence[NDArray[np.int64]]) -> float:
    """Largest mutual information [bits] of a column and one of the others."""
    return max(mutual_information(target, column) for target in targets)
