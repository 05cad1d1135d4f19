"""Rivals that are not ROOT files: each column is prepared in one of three ways and compressed by one library.

All keep the same bound as `.baler`, checked value by value in float64 after the cast to the stored type.
Values beyond the bound are stored exactly, with their positions; a column with many of them is stored
without loss: by the same library if it can, else by the smaller of pcodec-12 and zstd-19, which lossy
libraries also use for a column where it is smaller. Integers, text and structure are stored by the smaller
of these two for all rivals. Sizes include streams and side information, but no metadata.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.evaluation.report.rounded_floats import rounded_values
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.quantised import dequantise
from benchmarks.data.columns import Column
from benchmarks.rivals.compressors import PCODEC, SZ3, XZ, ZFP, ZSTD, Compressor, Stream, lossless, stream

Values = NDArray[Any]

MAX_MISSED = 0.05
"""Share of values stored exactly above which the whole column is stored without loss."""

SLACK = 1.01
"""Safety factor on the rounding error that the arithmetic of a library is expected to add."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A column as it is given to a library."""

    main: Values
    tolerance: float
    """Largest absolute error that the library may make in `main`; 0 means exact."""
    side: tuple[Values, ...]
    """Arrays that are stored without loss beside `main`."""
    restore: Callable[[Values, Sequence[Values]], Values]
    """Function from decoded `main` and `side` to the column."""


Preparation = Callable[[Values, ErrorBound], Prepared | None]
"""Prepares a column for a bound; None if the bound cannot be kept this way."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A compressed column."""

    main: Stream
    side: tuple[Stream, ...]
    restore: Callable[[Values, Sequence[Values]], Values]
    missed: tuple[Stream, Stream] | None = None
    """Positions and values that are stored exactly."""

    @property
    def size(self) -> int:
        """Size of all streams [bytes]."""
        return sum(len(part.data) for part in (self.main, *self.side, *(self.missed or ())))

    def decode(self) -> Values:
        """Values of the column."""
        values = self.restore(self.main.values(), [part.values() for part in self.side])
        if self.missed is not None:
            positions, exact = (part.values() for part in self.missed)
            values = values.copy()
            values[positions] = exact
        return values


class Rival(NamedTuple):
    """A way to prepare columns, and a library that compresses them."""

    name: str
    prepare: Preparation
    compressor: Compressor

    def encode(self, prepared: Prepared) -> Encoded:
        """The compressed column, before it is checked against the bound."""
        main = stream(self.compressor, prepared.main, prepared.tolerance)
        # zstd-19 would save up to 0.2 %, and take ten times longer than SZ3 or zfp.
        return Encoded(main, tuple(stream(PCODEC, values) for values in prepared.side), prepared.restore)


def rounded(values: Values, bound: ErrorBound) -> Prepared:
    """Floats rounded to mantissa bits that meet the bound."""
    return Prepared(rounded_values(values, bound), 0.0, (), lambda main, _: main)


def symbols(values: Values, bound: ErrorBound) -> Prepared:
    """Integers of this project's quantiser, on a logarithmic or linear grid, with outliers beside them."""
    quantised = quantise(values, bound)

    def restore(main: Values, side: Sequence[Values]) -> Values:
        return dequantise(main, quantised.quantiser, side[0].astype(np.int64), side[1])

    return Prepared(
        quantised.symbols, 0.0, (quantised.positions.astype(np.uint32), quantised.outliers), restore
    )


ORDINARY, NEGATIVE, ZERO, SPECIAL = range(4)


def continuous(values: Values, bound: ErrorBound) -> Prepared | None:
    """Finite numbers with an absolute tolerance, for lossy libraries; logarithms for a relative bound.

    These libraries support neither pointwise relative bounds nor exact zeros and NaN. The class of each value
    (with the sign, for logarithms) and special values are stored without loss.
    """
    if bound.kind not in ("rel", "abs") or values.dtype not in (np.float32, np.float64):
        return None
    dtype, info = values.dtype, np.finfo(values.dtype)
    classes = np.zeros(values.size, np.uint8)
    magnitude = np.abs(values)
    # Below the smallest normal number floats are too coarse for a relative bound.
    special = ~np.isfinite(values) | ((magnitude < info.tiny) & (values != 0))
    special |= (values == 0) & np.signbit(values)
    classes[values == 0] = ZERO
    classes[special] = SPECIAL
    relative = bound.kind == "rel"
    if relative:
        classes[(classes == ORDINARY) & (values < 0)] = NEGATIVE
    ordinary = classes <= NEGATIVE
    chosen = values[ordinary]
    if not chosen.size:
        return None
    # The result is rounded once to the stored type, and so are the logarithms.
    spacing = float(info.eps) / 2 * SLACK
    main = np.log(np.abs(chosen.astype(np.float64))).astype(dtype) if relative else chosen
    allowed = math.log1p(max(0.0, bound.value - spacing)) if relative else bound.value
    tolerance = allowed - float(np.max(np.abs(main))) * spacing * (2 if relative else 1)
    if tolerance <= 0:
        return None

    def restore(main: Values, side: Sequence[Values]) -> Values:
        kinds, exact = side if len(side[0]) else (np.zeros(len(main), np.uint8), side[1])
        values_out = np.zeros(len(kinds), dtype)
        numbers = np.exp(main.astype(np.float64)).astype(dtype) if relative else main
        values_out[kinds <= NEGATIVE] = numbers
        values_out[kinds == NEGATIVE] *= -1
        values_out[kinds == SPECIAL] = exact
        return values_out

    # If all values are of the first class, no classes are stored.
    return Prepared(main, tolerance, (classes if classes.any() else classes[:0], values[special]), restore)


RIVALS = (
    Rival("round+zstd19", rounded, ZSTD),
    Rival("round+xz", rounded, XZ),
    Rival("round+pcodec12", rounded, PCODEC),
    Rival("symbols+zstd19", symbols, ZSTD),
    Rival("symbols+xz", symbols, XZ),
    Rival("symbols+pcodec12", symbols, PCODEC),
    Rival("sz3", continuous, SZ3),
    Rival("zfp", continuous, ZFP),
)
NAMES = tuple(rival.name for rival in RIVALS)


def with_missed_values(encoded: Encoded, values: Values, bound: ErrorBound) -> Encoded | None:
    """The column with values that miss the bound stored exactly; None if there are too many of them."""
    missed = violations(values, encoded.decode(), bound)
    if not missed.size:
        return encoded
    if missed.size > MAX_MISSED * values.size:
        return None
    exact = (lossless(missed.astype(np.uint32)), lossless(values[missed]))
    return Encoded(encoded.main, encoded.side, encoded.restore, exact)


def exact(rival: Rival, values: Values) -> Stream:
    """The column stored without loss, as this rival does."""
    return lossless(values) if rival.compressor.lossy else stream(rival.compressor, values)


def sizes(columns: Iterable[Column]) -> dict[str, int | None]:
    """Size [bytes] of all columns for each rival; None for one that kept the bound of no column by itself."""
    totals = dict.fromkeys(NAMES, 0)
    able: set[str] = set()
    for _, values, bound in columns:
        if values.dtype.kind != "f" or not values.size:
            size = len(lossless(values).data)
            totals = {name: total + size for name, total in totals.items()}
            continue
        prepared: dict[Preparation, Prepared | None] = {}
        best = math.inf
        for rival in RIVALS:
            if rival.prepare not in prepared:
                prepared[rival.prepare] = rival.prepare(values, bound)
            ready = prepared[rival.prepare]
            encoded = None if ready is None else with_missed_values(rival.encode(ready), values, bound)
            if encoded is not None:
                able.add(rival.name)
            if rival.compressor.lossy and best == math.inf:
                best = len(exact(rival, values).data)
            if encoded is None:
                totals[rival.name] += int(best) if rival.compressor.lossy else len(exact(rival, values).data)
            else:
                totals[rival.name] += int(min(encoded.size, best)) if rival.compressor.lossy else encoded.size
    return {name: total if name in able else None for name, total in totals.items()}
