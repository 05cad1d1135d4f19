"""How the values of a branch become the integer codes that a network gets: the side of the front end.

A value has a symbol, by the grid of its recipe (formats/pages.md#recipes), and a symbol has a code, by a table that
rises with it. Which code a value gets is never a matter of correctness: latents of slightly other codes are decoded
to slightly other values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise_as
from baler_root.errors import SourceError
from baler_root.format.bounds import ErrorBound
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.codecs.conditional.model import ModelColumn
from baler_root.format.codecs.latent.split_floats import join_bits, low_dtype, split_bits
from baler_root.format.container.references import KnownColumn
from baler_root.format.encodings.quantiser import Quantiser


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """One column of the table that a network sees."""

    column: KnownColumn
    quantiser: bytes
    dropped_bits: int | None
    """Low bits of exact floats that are left out."""
    each: int
    """Values in a row, and as many inputs."""
    starts: NDArray[np.int64]
    """The first symbol of each run of symbols with one code, increasing."""
    codes: NDArray[np.int64]
    """The code of each run."""

    @classmethod
    def of(cls, known: KnownColumn, column: ModelColumn) -> Self:
        """A column of a model."""
        codes = column.axis.codes.astype(np.int64)
        starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        return cls(
            known,
            column.quantiser,
            column.dropped_bits,
            column.values_per_row,
            starts + column.axis.low,
            codes[starts],
        )

    def rounded(self, rounding: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Self:
        """The same with other codes: what `rounding`, which keeps their order, makes of each."""
        codes = rounding(self.codes)
        first = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        return replace(self, starts=self.starts[first], codes=codes[first])

    def of_symbols(self, symbols: NDArray[np.integer]) -> NDArray[np.int64]:
        """The code of each symbol; those beyond the table have that of its end."""
        run = np.searchsorted(self.starts, symbols.astype(np.int64), side="right") - 1
        return np.asarray(self.codes[np.maximum(run, 0)])

    def place_of(self, codes: NDArray[np.integer], axis: QuantileAxis) -> NDArray[np.int64]:
        """The place on the column's axis that each code stands for: the middle one of those that have it."""
        run = np.clip(np.searchsorted(self.codes, codes, side="right") - 1, 0, len(self.codes) - 1)
        first = self.starts - axis.low
        last = np.append(first[1:], axis.length) - 1
        return np.asarray((first + last)[run] // 2)

    def of_values(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """The code of each value of the branch; raises SourceError for values of which the model knows little."""
        return self.of_symbols(self.symbols(values)[0])

    def symbols(self, values: NDArray[Any]) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """The symbol of each value, and where values have none of their own; raises SourceError as `of_values` does."""
        quantiser, _ = Quantiser.from_bytes(self.quantiser)
        quantised = quantise_as(values, ErrorBound.parse(self.column.held), quantiser)
        if quantised is None:
            raise SourceError(
                f"branch {self.column.name!r}: its values ({values.dtype}) are not like those that the model learned "
                f"from ({quantiser.dtype})"
            )
        symbols = quantised.symbols
        if self.dropped_bits is not None:
            symbols, _ = split_bits(symbols, self.dropped_bits)
        return symbols, quantised.positions

    def thresholds(self) -> NDArray[np.float64]:
        """The value at which each run begins, as a front end may compare with it; -inf for the first."""
        out = self._values(self.starts, low=0)
        out[0] = -np.inf
        return out

    def values_at(self, places: NDArray[np.int64], axis: QuantileAxis) -> NDArray[np.float64]:
        """The value at each place on the column's axis; of exact floats in the middle of what the place leaves open."""
        return self._values(
            places + axis.low, low=0 if self.dropped_bits is None else (1 << self.dropped_bits) >> 1
        )

    def _values(self, symbols: NDArray[np.int64], low: int) -> NDArray[np.float64]:
        """The value of each symbol, with these low bits where some are left out."""
        quantiser, _ = Quantiser.from_bytes(self.quantiser)
        if self.dropped_bits is not None:
            bits = np.full(len(symbols), low, low_dtype(self.dropped_bits))
            return join_bits(symbols, bits, quantiser.dtype, self.dropped_bits).astype(np.float64)
        if quantiser.kind == "exact":
            return symbols.astype(np.float64)
        inside = np.clip(symbols, 0, quantiser.span - 1).astype(np.uint64)
        return quantiser.values(inside).astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """As `spec.json` has it."""
        known = self.column
        return {
            "branch": known.branch,
            "field": known.field,
            "role": known.role,
            "dtype": known.dtype,
            "bound": known.bound,
            "held": known.held,
            "values": self.each,
            "recipe": self.quantiser.hex(),
            "drop": self.dropped_bits,
            "symbols": self.starts.tolist(),
            "codes": self.codes.tolist(),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """Raises what Python or FormatError raises for anything that `to_json` did not give."""
        names = ("branch", "field", "role", "dtype", "bound", "held")
        quantiser = bytes.fromhex(entry["recipe"])
        Quantiser.from_bytes(quantiser)
        return cls(
            KnownColumn(*(str(entry[name]) for name in names)),
            quantiser,
            entry["drop"],
            int(entry["values"]),
            np.array(entry["symbols"], np.int64),
            np.array(entry["codes"], np.int64),
        )
