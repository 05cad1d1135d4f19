"""Relations: columns that are functions of others, recomputed from what those decode to, so that events stay consistent.

formats/pages.md#sums and formats/pages.md#formulas are the specification; see `lookups` for tables of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import negatives
from baler_root.format.encodings.functions import FUNCTIONS, Doubles, Table, constants_of
from baler_root.format.encodings.grid import Grid, fold, unfold
from baler_root.format.encodings.lookup import Lookup

Values = NDArray[Any]


MAX_TERMS = 16


@dataclass(frozen=True, slots=True)
class Sum:
    """`terms`: sign (1 or -1) and column of each."""

    terms: tuple[tuple[int, int], ...]

    @property
    def sources(self) -> tuple[int, ...]:
        """The columns that are added."""
        return tuple(column for _, column in self.terms)

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The sum as a column of `dtype`: integers modulo its range, floats in double precision from left to right.

        Raises CorruptFileError for columns that cannot be added.
        """
        exact = dtype.kind in "iu"
        if not all(values.dtype.kind in ("bui" if exact else "f") for values in sources) or dtype.kind == "b":
            raise CorruptFileError(f"a column of {dtype} as a sum of {[str(v.dtype) for v in sources]}")
        total: Values = np.zeros(len(sources[0]), np.int64 if exact else np.float64)
        with np.errstate(all="ignore"):
            for (sign, _), values in zip(self.terms, sources, strict=True):
                term = values.astype(total.dtype)
                total = total + term if sign > 0 else total - term
            return (total if exact else _one_nan(total)).astype(dtype)

    def text(self, names: Sequence[str]) -> str:
        """As people write it, with these names of its sources."""
        terms = zip(self.terms, names, strict=True)
        text = "".join(f" {'+' if sign > 0 else '-'} {name}" for (sign, _), name in terms)
        return text.removeprefix(" + ").strip()


@dataclass(frozen=True, slots=True)
class Formula:
    """`scale × function(arguments) + offset`: energies and momenta, directions, other units, affine copies."""

    function: str
    sources: tuple[int, ...]
    scale: float = 1.0
    offset: float = 0.0
    constant: float = 0.0
    """A mass that is no column; only for functions that have one."""
    table: Table = ()
    """Masses by the values of the last source; only for functions that have them."""

    def arguments(self, sources: Sequence[Values]) -> list[Doubles | float]:
        """What the function takes: the sources in double precision, and a constant or one for each row."""
        function = FUNCTIONS[self.function]
        wide: list[Doubles | float] = [values.astype(np.float64) for values in sources]
        if function.constant:
            return [*wide, self.constant]
        if function.table:
            return [*wide[:-1], constants_of(self.table, sources[-1].astype(np.float64))]
        return wide

    def values(self, sources: Sequence[Values], dtype: np.dtype[Any]) -> Values:
        """The formula in double precision, as a column of `dtype`: integers rounded to the nearest (ties to even)
        within its range, NaN as 0."""
        with np.errstate(all="ignore"):
            value = FUNCTIONS[self.function].of(*self.arguments(sources))
            value = _one_nan(value * self.scale + self.offset)
            if dtype.kind == "f":
                return value.astype(dtype)
            limits = np.iinfo(np.uint8 if dtype.kind == "b" else dtype)
            # 2**62 is a double; the largest integers of 64 bits are none.
            low, high = max(limits.min, -(1 << 62)), min(limits.max, 1 << 62)
            value = np.clip(np.rint(np.where(np.isnan(value), 0.0, value)), low, high)
        return value != 0 if dtype.kind == "b" else value.astype(dtype)

    def text(self, names: Sequence[str]) -> str:
        """As people write it, with these names of its sources."""
        function = FUNCTIONS[self.function]
        terms = [*names, f"{self.constant:.12g}"] if function.constant else [*names]
        if function.table:
            table = ", ".join(f"{key:.17g}: {constant:.12g}" for key, constant in self.table)
            terms[-1] = f"{{{table}}}[{terms[-1]}]"
        if function.any_number:
            text = f"sqrt({' + '.join(map(function.text.format, terms))})"
        else:
            text = function.text.format(*terms)
        scale = "" if self.scale == 1.0 else f"{self.scale:.12g} * "
        offset = "" if self.offset == 0.0 else f" {'+' if self.offset > 0 else '-'} {abs(self.offset):.12g}"
        return f"{scale}{text}{offset}"


def _one_nan(values: Values) -> Values:
    """The same with all NaN alike: which bits one gets depends on the processor."""
    return np.where(np.isnan(values), np.nan, values)


Relation = Sum | Formula | Lookup


ANYWHERE = (Formula, Lookup)
"""Relations whose sources may be of any type and stand before or behind the column; what they need they check."""


def residual(values: Values, predicted: Values, dropped_bits: int) -> NDArray[np.int64]:
    """How far apart floats are, counted in patterns without their last `drop` bits; `corrected` undoes it."""
    return _keys(values, dropped_bits) - _keys(predicted, dropped_bits, cut=True)


def apply_residual(predicted: Values, steps: NDArray[np.int64], dropped_bits: int) -> Values:
    """The floats that are so many `steps` from those predicted."""
    keys = _keys(predicted, dropped_bits, cut=True) + steps
    index, negative = unfold(keys, 0)
    top = (1 << (8 * predicted.dtype.itemsize - 1 - dropped_bits)) - 1
    return Grid("shift", predicted.dtype, dropped_bits).values(index & top, negative)


def _keys(values: Values, dropped_bits: int, *, cut: bool = False) -> NDArray[np.int64]:
    """Integers that grow with the value: patterns rounded (or cut) to fewer bits."""
    grid = Grid("shift", values.dtype, dropped_bits)
    if cut:
        bits = values.view(f"i{values.dtype.itemsize}") & np.iinfo(f"i{values.dtype.itemsize}").max
        return fold(bits.astype(np.int64) >> dropped_bits, negatives(values), 0)
    return fold(grid.index(values)[0], negatives(values), 0)
