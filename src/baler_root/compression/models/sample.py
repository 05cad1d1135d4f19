"""Sample of a tree from which models are learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.column_encoder import encode_columns
from baler_root.compression.fingerprint import is_constant
from baler_root.compression.plan import Plan, PlannedColumn
from baler_root.format.codecs.axis import EXACT_PLACES
from baler_root.format.columns.to_columns import flatten
from baler_root.format.encodings.quantised import Quantised
from baler_root.format.entropy.probability_tables import MAX_SYMBOLS
from baler_root.format.page import EncodedColumn
from baler_root.format.tables import tables_of
from baler_root.rootio.source_tree import SourceTree
from baler_root.training.effort import MIN_TRAINING_ROWS

MAX_SAMPLE_BYTES = 1 << 26
"""Bytes of a tree in memory that the sample may take."""


SAMPLE_RANGES = 4
"""Ranges of entries from which the sample is taken."""


MIN_MIXING_ROWS = 16
"""Rows of a table below which no column is coded by adaptive mixing."""


@dataclass(frozen=True, slots=True)
class TreeSample:
    """Columns of a tree, from a few ranges of entries."""

    columns: Sequence[PlannedColumn]
    values: list[NDArray[Any]]
    encoded: list[EncodedColumn]
    entries: int
    tables: list[int]
    """Table of each column: columns of one table have the same length and list structure; -1 if unknown."""

    def quantised(self, number: int) -> Quantised:
        """Symbols and quantiser of a quantised column; ValueError for any other."""
        quantised = self.encoded[number].quantised
        if quantised is None:
            raise ValueError(f"column {number} is not quantised")
        return quantised

    def is_candidate(self, number: int) -> bool:
        """Whether a column has symbols that fit on an axis."""
        quantised, column = self.encoded[number].quantised, self.columns[number]
        if quantised is None:
            return False
        if column.role != "data" or column.shape:
            return False
        symbols = quantised.symbols
        if self.tables[number] < 0 or symbols.dtype.kind not in "uib" or len(symbols) < MIN_TRAINING_ROWS:
            return False
        low, high = int(symbols.min()), int(symbols.max())
        return 0 < high - low < MAX_SYMBOLS and high < 1 << 62 and low > -(1 << 62)

    def is_mixable(self, number: int) -> bool:
        """Whether adaptive mixing may code a column."""
        quantised, column = self.encoded[number].quantised, self.columns[number]
        if quantised is None or column.role != "data" or column.shape or self.tables[number] < 0:
            return False
        symbols = quantised.symbols
        if symbols.dtype.kind not in "uib" or len(symbols) < MIN_MIXING_ROWS:
            return False
        return 0 < int(symbols.max()) - int(symbols.min()) < MAX_SYMBOLS

    def axis_length(self, number: int) -> int:
        """Upper limit of the length of the axis of a column."""
        symbols = self.quantised(number).symbols
        return EXACT_PLACES if symbols.dtype.kind == "f" else int(symbols.max()) - int(symbols.min()) + 1

    def is_exact(self, number: int) -> bool:
        """Whether a column has exact floats that are not all equal."""
        quantised, column = self.encoded[number].quantised, self.columns[number]
        if quantised is None:
            return False
        symbols = quantised.symbols
        usual = column.role == "data" and not column.shape and self.tables[number] >= 0
        floats = symbols.dtype.kind == "f" and symbols.dtype.itemsize > 2
        return usual and floats and len(symbols) >= MIN_TRAINING_ROWS and not is_constant(symbols)

    def is_grid(self, number: int) -> bool:
        """Whether a column has arrays of two dimensions, with symbols that fit on an axis."""
        quantised, column = self.encoded[number].quantised, self.columns[number]
        if quantised is None:
            return False
        symbols = quantised.symbols
        if (
            column.role != "data"
            or len(column.shape) != 2
            or symbols.dtype.kind not in "uib"
            or not len(symbols)
        ):
            return False
        return 0 < int(symbols.max()) - int(symbols.min()) < MAX_SYMBOLS


def take_sample(sources: Sequence[tuple[SourceTree, Plan]]) -> TreeSample:
    """Symbols of all columns in some ranges of entries, as if the ranges were one cluster.

    Several trees must have the same columns in the same order; each contributes in proportion to its entries.
    """
    plan = sources[0][1]
    total = sum(source.schema.num_entries for source, _ in sources)
    size = max(source.entry_size for source, _ in sources)
    share = min(1.0, max(1, int(MAX_SAMPLE_BYTES / max(size, 1e-9))) / total)
    pieces, sampled = [], 0
    for source, tree_plan in sources:
        entries = source.schema.num_entries
        num_entries = min(entries, max(1, int(share * entries))) if entries else 0
        count = 1 if num_entries == entries or len(sources) > SAMPLE_RANGES else SAMPLE_RANGES
        starts = [round(i * (entries - num_entries // count) / max(1, count - 1)) for i in range(count)]
        for start in starts if num_entries else ():
            stop = min(entries, start + max(1, num_entries // count))
            pieces.append(
                flatten(
                    tree_plan.schema, tree_plan.columns, source.read(tree_plan.schema.stored(), start, stop)
                )
            )
        sampled += num_entries
    originals = [np.concatenate(column_pieces) for column_pieces in zip(*pieces, strict=True)]
    columns = plan.columns
    encoded, _ = encode_columns(plan, originals, compare=False)
    return TreeSample(columns, originals, encoded, sampled, tables_of(columns, originals))
