"""Context of a page of list items: columns of the entries, lengths of the lists, positions in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import CODE_LIMIT
from baler_root.format.codecs.conditional.model import ModelColumn

Symbols = NDArray[Any]


PIECE = 64
"""Most items of a list that are decoded one after another; longer lists are cut into pieces."""


@dataclass(frozen=True, slots=True)
class ListContext:
    """Context columns of a page whose rows are items of lists."""

    symbols: Mapping[int, Symbols]
    """Symbols of columns of the entries, and lengths of the lists, by number in the tree."""
    columns: Mapping[int, int] = field(default_factory=dict)
    """To encode: number in the tree of each column of kind `entry` of the model."""
    lists: int | None = None
    """To encode: number in the tree of the column of lengths."""


class ListStructure:
    """Lengths of the lists whose items are the rows of a page, and positions of the items."""

    def __init__(self, lengths: Symbols, rows: int) -> None:
        """Raises CorruptFileError if the lengths do not add up to `rows`."""
        if lengths.dtype.kind not in "uib" or len(lengths) == 0:
            raise CorruptFileError(f"lengths of lists as {lengths.dtype}")
        self.lengths = lengths.astype(np.int64)
        if self.lengths.min() < 0 or self.lengths.max() > rows or self.lengths.sum() != rows:
            raise CorruptFileError(f"lists that do not have {rows} items together")
        self.rows = rows
        starts = np.cumsum(self.lengths) - self.lengths
        self.positions = np.arange(rows) - np.repeat(starts, self.lengths)
        """Position of each item in its list, from 0."""

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """Step in which each item is decoded if it needs the previous one: its position in its piece of the
        list.
        """
        return self.positions % PIECE

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Items sorted by step."""
        return np.argsort(self.steps, kind="stable")

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Positions in `order` at which each step begins, and the end."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.steps, minlength=1))])

    def previous_codes(self, codes: NDArray[np.int16]) -> NDArray[np.int16]:
        """Code of the previous item of each item; the smallest code if there is none."""
        previous = np.full(len(codes), -CODE_LIMIT, np.int16)
        previous[1:] = codes[:-1]
        previous[self.steps == 0] = -CODE_LIMIT
        return previous

    def codes(self, column: ModelColumn, symbols: Symbols | None) -> NDArray[np.int16]:
        """Code of a context column for each item; `symbols` are those of the entries if it is one of their
        columns.
        """
        axis = column.axis
        if column.kind == "position":
            return axis.codes[axis.places(self.positions)]
        if column.kind == "length":
            symbols = self.lengths
        if symbols is None or len(symbols) != len(self.lengths) or symbols.dtype.kind not in "uib":
            raise CorruptFileError("a column of the entries that does not fit the lists")
        return np.repeat(axis.codes[axis.places(symbols)], self.lengths)
