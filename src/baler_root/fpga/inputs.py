"""`InputColumn`: how the values of a branch become the integer codes of a network, as a front end does it.

The grid of the column's quantiser (formats/pages.md#quantisers) gives a value its symbol; a table that rises
with the symbol gives it a code. Codes are never a matter of correctness: latents of slightly different codes
are decoded to slightly different values.
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
from baler_root.format.container.model_references import KnownColumn
from baler_root.format.encodings.quantiser import Quantiser


@dataclass(frozen=True, slots=True, eq=False)
class InputColumn:
    """One column of the table that goes into the network."""

    column: KnownColumn
    quantiser: bytes
    dropped_bits: int | None
    """Low bits of exact floats that the symbols leave out."""
    values_per_row: int
    """Values in a row, which is also the column's number of inputs."""
    starts: NDArray[np.int64]
    """First symbol of each run of symbols that share a code, increasing."""
    codes: NDArray[np.int64]
    """Code of each run."""

    @classmethod
    def of(cls, known_column: KnownColumn, column: ModelColumn) -> Self:
        """The input for a column of a model."""
        codes = column.axis.codes.astype(np.int64)
        starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        return cls(
            known_column,
            column.quantiser,
            column.dropped_bits,
            column.values_per_row,
            starts + column.axis.low,
            codes[starts],
        )

    def rounded(self, rounding: Callable[[NDArray[np.int64]], NDArray[np.int64]]) -> Self:
        """A copy whose codes are rounded; `rounding` must keep their order."""
        codes = rounding(self.codes)
        first = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
        return replace(self, starts=self.starts[first], codes=codes[first])

    def codes_of_symbols(self, symbols: NDArray[np.integer]) -> NDArray[np.int64]:
        """Code of each symbol; symbols outside the table get the code at its end."""
        run = np.searchsorted(self.starts, symbols.astype(np.int64), side="right") - 1
        return np.asarray(self.codes[np.maximum(run, 0)])

    def place_of_code(self, codes: NDArray[np.integer], axis: QuantileAxis) -> NDArray[np.int64]:
        """Place on the column's axis that represents each code: the middle one of those with that code."""
        run = np.clip(np.searchsorted(self.codes, codes, side="right") - 1, 0, len(self.codes) - 1)
        first = self.starts - axis.low
        last = np.append(first[1:], axis.length) - 1
        return np.asarray((first + last)[run] // 2)

    def codes_of_values(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Code of each value of the branch.

        Raises SourceError for values of another type than the model's.
        """
        return self.codes_of_symbols(self.symbols(values)[0])

    def symbols(self, values: NDArray[Any]) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
        """Symbol of each value, and the positions of values that have none of their own.

        Raises SourceError for values of another type than the model's.
        """
        quantiser, _ = Quantiser.from_bytes(self.quantiser)
        quantised = quantise_as(values, ErrorBound.parse(self.column.quantiser_bound), quantiser)
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
        """Value at which each run begins, for a front end that compares; -inf for the first run."""
        values = self._values(self.starts, low_bits=0)
        values[0] = -np.inf
        return values

    def values_at(self, places: NDArray[np.int64], axis: QuantileAxis) -> NDArray[np.float64]:
        """Value at each place on the column's axis; for exact floats, the middle of the place's interval."""
        middle = 0 if self.dropped_bits is None else (1 << self.dropped_bits) >> 1
        return self._values(places + axis.low, middle)

    def _values(self, symbols: NDArray[np.int64], low_bits: int) -> NDArray[np.float64]:
        """Value of each symbol, with `low_bits` in place of the bits that symbols leave out."""
        quantiser, _ = Quantiser.from_bytes(self.quantiser)
        if self.dropped_bits is not None:
            bits = np.full(len(symbols), low_bits, low_dtype(self.dropped_bits))
            return join_bits(symbols, bits, quantiser.dtype, self.dropped_bits).astype(np.float64)
        if quantiser.kind == "exact":
            return symbols.astype(np.float64)
        in_range = np.clip(symbols, 0, quantiser.span - 1).astype(np.uint64)
        return quantiser.values(in_range).astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """The column's entry in `spec.json`."""
        column = self.column
        return {
            "branch": column.branch,
            "field": column.field,
            "role": column.role,
            "dtype": column.dtype,
            "bound": column.bound,
            "held": column.quantiser_bound,
            "values": self.values_per_row,
            "recipe": self.quantiser.hex(),
            "drop": self.dropped_bits,
            "symbols": self.starts.tolist(),
            "codes": self.codes.tolist(),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """The column that `to_json` returned; raises Python's own errors or FormatError for anything else."""
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
