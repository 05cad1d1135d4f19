"""What lies around a page whose rows are items of lists, and what networks see of it."""

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
"""Items of a list that are decoded one after another at most."""


@dataclass(frozen=True, slots=True)
class ListContext:
    """What lies around a page whose rows are items of lists."""

    symbols: Mapping[int, Symbols]
    """Of columns of the entries, and the lengths of the lists, by number in the tree."""
    columns: Mapping[int, int] = field(default_factory=dict)
    """To encode: which of them each of the model's columns of kind `entry` is."""
    lists: int | None = None
    """To encode: which of them are the lengths."""


class ListStructure:
    """The lists whose items are the rows of a page."""

    def __init__(self, lengths: Symbols, rows: int) -> None:
        """Raises CorruptFileError for lengths that do not add up to `rows`."""
        if lengths.dtype.kind not in "uib" or len(lengths) == 0:
            raise CorruptFileError(f"lengths of lists as {lengths.dtype}")
        self.lengths = lengths.astype(np.int64)
        if self.lengths.min() < 0 or self.lengths.max() > rows or self.lengths.sum() != rows:
            raise CorruptFileError(f"lists that do not have {rows} items together")
        self.rows = rows
        starts = np.cumsum(self.lengths) - self.lengths
        self.positions = np.arange(rows) - np.repeat(starts, self.lengths)
        """Place of each item in its list."""

    @cached_property
    def steps(self) -> NDArray[np.int64]:
        """In which step each item is decoded, where that needs the one before: longer lists are cut into pieces."""
        return self.positions % PIECE

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The items by steps."""
        return np.argsort(self.steps, kind="stable")

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Where in `order` each step begins, and the end."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.steps, minlength=1))])

    def before(self, codes: NDArray[np.int16]) -> NDArray[np.int16]:
        """The codes of the item before each one; the smallest code where there is none."""
        out = np.full(len(codes), -CODE_LIMIT, np.int16)
        out[1:] = codes[:-1]
        out[self.steps == 0] = -CODE_LIMIT
        return out

    def codes(self, column: ModelColumn, symbols: Symbols | None) -> NDArray[np.int16]:
        """What networks see, for each row, of a column that lies outside; `symbols` if that is one of the entries."""
        axis = column.axis
        if column.kind == "position":
            return axis.codes[axis.places(self.positions)]
        if column.kind == "length":
            symbols = self.lengths
        if symbols is None or len(symbols) != len(self.lengths) or symbols.dtype.kind not in "uib":
            raise CorruptFileError("a column of the entries that does not fit the lists")
        return np.repeat(axis.codes[axis.places(symbols)], self.lengths)
