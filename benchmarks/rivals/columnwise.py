"""Rivals that are no ROOT files: each column by itself, one of three ways, through one library.

All hold the same bound as `.baler`, checked value by value in float64 after the cast to the stored type. Values
that a rival misses it keeps exactly, with their positions; a column with more than a few of them it stores
without loss, with its own library where that can, with the shorter of pcodec-12 and zstd-19 where not, and then
also where that is smaller. Integers, text and structure are the same for all: the shorter of those two. Rivals
pay for streams and side information, and get metadata for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.quantised import dequantise
from benchmarks.data.columns import Column
from benchmarks.rivals import rounding
from benchmarks.rivals.packers import PCODEC, SZ3, XZ, ZFP, ZSTD, Packer, Stream, lossless, stream

Values = NDArray[Any]

MAX_MISSED = 0.05
"""Share of values kept exactly above which a column is stored without loss."""

SLACK = 1.01
"""Over the rounding error that a library's own arithmetic is expected to add."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A column as a way hands it to a library."""

    main: Values
    tolerance: float
    """What the library may change `main` by; 0 is nothing."""
    side: tuple[Values, ...]
    """Stored without loss beside it."""
    restore: Callable[[Values, Sequence[Values]], Values]
    """The column, from `main` and `side`."""


Way = Callable[[Values, ErrorBound], Prepared | None]
"""None where it has no means to keep the bound."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as bytes."""

    main: Stream
    side: tuple[Stream, ...]
    restore: Callable[[Values, Sequence[Values]], Values]
    missed: tuple[Stream, Stream] | None = None
    """Positions and values that are kept exactly."""

    @property
    def size(self) -> int:
        """Bytes of all streams."""
        return sum(len(part.data) for part in (self.main, *self.side, *(self.missed or ())))

    def decode(self) -> Values:
        """The column."""
        values = self.restore(self.main.values(), [part.values() for part in self.side])
        if self.missed is not None:
            positions, exact = (part.values() for part in self.missed)
            values = values.copy()
            values[positions] = exact
        return values


class Peer(NamedTuple):
    """One rival."""

    name: str
    way: Way
    packer: Packer

    def encode(self, prepared: Prepared) -> Encoded:
        """Bytes, not checked yet."""
        main = stream(self.packer, prepared.main, prepared.tolerance)
        # zstd-19 would save 0.2 % here and there, and take ten times longer than SZ3 or zfp themselves.
        return Encoded(main, tuple(stream(PCODEC, values) for values in prepared.side), prepared.restore)


def rounded(values: Values, bound: ErrorBound) -> Prepared:
    """Floats rounded to the mantissa bits that meet the bound."""
    return Prepared(rounding.rounded_to(values, bound), 0.0, (), lambda main, _: main)


def symbols(values: Values, bound: ErrorBound) -> Prepared:
    """Integers of this project's own quantiser, uniform on a log or linear scale; outliers beside them."""
    found = quantise(values, bound)

    def restore(main: Values, side: Sequence[Values]) -> Values:
        return dequantise(main, found.quantiser, side[0].astype(np.int64), side[1])

    return Prepared(found.symbols, 0.0, (found.positions.astype(np.uint32), found.outliers), restore)


ORDINARY, NEGATIVE, ZERO, SPECIAL = range(4)


def continuous(values: Values, bound: ErrorBound) -> Prepared | None:
    """What lossy libraries want: ordinary numbers with an absolute tolerance, logarithms for a relative bound.

    They know neither a pointwise relative bound nor exact zeros and NaN: the class of each value (and with it
    the sign, under logarithms) and the special values are stored without loss.
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
    # The result is rounded to the stored type once, and the logarithms too.
    spacing = float(info.eps) / 2 * SLACK
    main = np.log(np.abs(chosen.astype(np.float64))).astype(dtype) if relative else chosen
    allowed = math.log1p(max(0.0, bound.value - spacing)) if relative else bound.value
    tolerance = allowed - float(np.max(np.abs(main))) * spacing * (2 if relative else 1)
    if tolerance <= 0:
        return None

    def restore(main: Values, side: Sequence[Values]) -> Values:
        kinds, exact = side if len(side[0]) else (np.zeros(len(main), np.uint8), side[1])
        out = np.zeros(len(kinds), dtype)
        numbers = np.exp(main.astype(np.float64)).astype(dtype) if relative else main
        out[kinds <= NEGATIVE] = numbers
        out[kinds == NEGATIVE] *= -1
        out[kinds == SPECIAL] = exact
        return out

    # All of one ordinary class need no classes.
    return Prepared(main, tolerance, (classes if classes.any() else classes[:0], values[special]), restore)


PEERS = (
    Peer("round+zstd19", rounded, ZSTD),
    Peer("round+xz", rounded, XZ),
    Peer("round+pcodec12", rounded, PCODEC),
    Peer("symbols+zstd19", symbols, ZSTD),
    Peer("symbols+xz", symbols, XZ),
    Peer("symbols+pcodec12", symbols, PCODEC),
    Peer("sz3", continuous, SZ3),
    Peer("zfp", continuous, ZFP),
)
NAMES = tuple(peer.name for peer in PEERS)


def held(encoded: Encoded, values: Values, bound: ErrorBound) -> Encoded | None:
    """The same with the values that miss the bound kept exactly; None if they are many."""
    missed = violations(values, encoded.decode(), bound)
    if not missed.size:
        return encoded
    if missed.size > MAX_MISSED * values.size:
        return None
    exact = (lossless(missed.astype(np.uint32)), lossless(values[missed]))
    return Encoded(encoded.main, encoded.side, encoded.restore, exact)


def exact(peer: Peer, values: Values) -> Stream:
    """The column without loss, as this peer would."""
    return lossless(values) if peer.packer.lossy else stream(peer.packer, values)


def sizes(columns: Iterable[Column]) -> dict[str, int | None]:
    """Bytes of all columns for each rival; None for one that could hold no column its own way."""
    totals = dict.fromkeys(NAMES, 0)
    able: set[str] = set()
    for _, values, bound in columns:
        if values.dtype.kind != "f" or not values.size:
            size = len(lossless(values).data)
            totals = {name: total + size for name, total in totals.items()}
            continue
        prepared: dict[Way, Prepared | None] = {}
        best = math.inf
        for peer in PEERS:
            if peer.way not in prepared:
                prepared[peer.way] = peer.way(values, bound)
            ready = prepared[peer.way]
            encoded = None if ready is None else held(peer.encode(ready), values, bound)
            if encoded is not None:
                able.add(peer.name)
            if peer.packer.lossy and best == math.inf:
                best = len(exact(peer, values).data)
            if encoded is None:
                totals[peer.name] += int(best) if peer.packer.lossy else len(exact(peer, values).data)
            else:
                totals[peer.name] += int(min(encoded.size, best)) if peer.packer.lossy else encoded.size
    return {name: total if name in able else None for name, total in totals.items()}
