"""rANS with a mixture of logistic distributions for every symbol (formats/codecs.md#symbols).

Asymmetric numeral systems: Duda, arXiv:1311.2540. The symbols of a column cut its axis at `edges`. The
probability of symbol `s` is that of the mixture between `edges[s]` and `edges[s + 1]`, in integers, plus one
part in 2**30, so that every symbol can be coded. The state has 63 bits and moves words of 32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.entropy import probability_tables
from baler_root.format.entropy._numba import compiled
from baler_root.format.entropy.probability_tables import TOTAL_BITS

_TOTAL = 1 << TOTAL_BITS


_STATE = 1 << 31


_MEAN_SHIFT = probability_tables.AXIS_BITS - probability_tables.OUTPUT_BITS


_LOG_SHIFT = probability_tables.OUTPUT_BITS - 4


_FIRST_SCALE = probability_tables.MIN_LOG_SCALE * probability_tables.LOG_STEPS


_LIMIT = probability_tables.AXIS_LIMIT


_STEP_BITS = probability_tables.SIGMA_STEP_BITS


_FLOOR = probability_tables.FLOOR_WEIGHT


_LOOKUP_BITS = 13
"""Axis units between entries of the lookup of symbols, as a power of two."""


_REACH = 3 << probability_tables.AXIS_BITS
"""Scales from the mean of the heaviest component within which a symbol is searched first."""


_ALL_WEIGHT = 1 << probability_tables.WEIGHT_BITS


class Axis(NamedTuple):
    """Symbols of a column on its axis, as one argument of compiled functions."""

    edges: Ints
    """Positions at which each symbol begins, and the end."""
    lookup: Ints
    """The symbol at each 2**13th unit of the axis."""


@compiled(inline="always")
def set_mixture(outputs: Any, mixture: Any, constants: Any) -> Any:
    """Write weights, means and inverse scales into the rows of `mixture`; returns the heaviest component.

    `outputs` are those of the network for one symbol, `constants` the `MixtureTables`.
    """
    count = outputs.shape[0] // 3
    heaviest = 0
    for k in range(1, count):
        if outputs[k] > outputs[heaviest]:
            heaviest = k
    largest = outputs[heaviest] if count else 0
    total = 0
    for k in range(count):
        weight = constants.powers[min(255, (largest - outputs[k]) >> _LOG_SHIFT)]
        mixture[0, k] = weight
        total += weight
        mixture[1, k] = np.int64(outputs[count + k]) << _MEAN_SHIFT
        step = (outputs[2 * count + k] >> _LOG_SHIFT) - _FIRST_SCALE
        mixture[2, k] = constants.inverses[max(0, min(len(constants.inverses) - 1, step))]
    remaining = _ALL_WEIGHT
    for k in range(count):
        mixture[0, k] = mixture[0, k] * (_ALL_WEIGHT - _FLOOR) // total
        remaining -= mixture[0, k]
    mixture[0, count] = remaining
    mixture[1, count] = 0
    mixture[2, count] = 1 << probability_tables.INVERSE_BITS
    return heaviest


@compiled(inline="always")
def cumulative(symbol: Any, edges: Any, mixture: Any, sigma: Any) -> Any:
    """Parts of 2**30 below a symbol."""
    num_symbols = len(edges) - 1
    if symbol <= 0:
        return 0
    if symbol >= num_symbols:
        return _TOTAL
    total = 0
    edge = edges[symbol]
    for k in range(mixture.shape[1]):
        position = ((edge - mixture[1, k]) * mixture[2, k] >> probability_tables.INVERSE_BITS) + _LIMIT
        position = max(0, min(2 * _LIMIT - 1, position))
        i = position >> _STEP_BITS
        low = sigma[i]
        low += (sigma[i + 1] - low) * (position & ((1 << _STEP_BITS) - 1)) >> _STEP_BITS
        total += mixture[0, k] * low
    share = total >> probability_tables.WEIGHT_BITS
    return symbol + (share * (_TOTAL - num_symbols) >> probability_tables.SIGMA_BITS)


@compiled()
def _encode(symbols: Any, edges: Any, outputs: Any, constants: Any) -> Any:
    sigma = constants.sigma
    words = np.empty(len(symbols) + 2, dtype=np.uint32)
    position = len(words)
    mixture = np.empty((3, outputs.shape[1] // 3 + 1), dtype=np.int64)
    state = np.uint64(_STATE)
    for row in range(len(symbols) - 1, -1, -1):
        set_mixture(outputs[row], mixture, constants)
        low = cumulative(symbols[row], edges, mixture, sigma)
        share = np.uint64(cumulative(symbols[row] + 1, edges, mixture, sigma) - low)
        if state >= share << np.uint64(33):
            position -= 1
            words[position] = np.uint32(state & np.uint64(0xFFFFFFFF))
            state >>= np.uint64(32)
        quotient = state // share
        state = (quotient << np.uint64(TOTAL_BITS)) + (state - quotient * share) + np.uint64(low)
    position -= 2
    words[position] = np.uint32(state & np.uint64(0xFFFFFFFF))
    words[position + 1] = np.uint32(state >> np.uint64(32))
    return words[position:]


@compiled(inline="always")
def nearest_symbol(value: Any, lookup: Any) -> Any:
    """The symbol whose edge is about at a value of the axis."""
    value = max(0, min(2 * _LIMIT - 1, value + _LIMIT))
    entry = value >> _LOOKUP_BITS
    fraction = value & ((1 << _LOOKUP_BITS) - 1)
    return lookup[entry] + ((lookup[entry + 1] - lookup[entry]) * fraction >> _LOOKUP_BITS)


@compiled()
def _decode(
    words: Any, position: Any, state: Any, symbols: Any, axis: Any, outputs: Any, constants: Any
) -> Any:
    """Decode into `symbols`; returns position and state behind them, position -1 for a stream that ends
    early.
    """
    edges, lookup = axis
    sigma = constants.sigma
    mixture = np.empty((3, outputs.shape[1] // 3 + 1), dtype=np.int64)
    for row in range(len(symbols)):
        heaviest = set_mixture(outputs[row], mixture, constants)
        slot = np.int64(state & np.uint64(_TOTAL - 1))
        low, high = 0, len(edges) - 1
        below, above = 0, _TOTAL
        # Most symbols lie where the heaviest component does: first the ends of that, then halves and secants.
        mean, width = (
            mixture[1, heaviest],
            (_REACH << probability_tables.INVERSE_BITS) // mixture[2, heaviest],
        )
        guess = nearest_symbol(mean - width, lookup)
        tries = 0
        while high - low > 1:
            guess = max(low + 1, min(high - 1, guess))
            value = cumulative(guess, edges, mixture, sigma)
            if value <= slot:
                low, below = guess, value
            else:
                high, above = guess, value
            tries += 1
            if tries == 1:
                guess = nearest_symbol(mean + width, lookup)
            elif tries & 1:
                guess = low + (slot - below) * (high - low) // (above - below)
            else:
                guess = (low + high) >> 1
        symbols[row] = low
        state = np.uint64(above - below) * (state >> np.uint64(TOTAL_BITS)) + np.uint64(slot - below)
        if state < np.uint64(_STATE):
            if position >= len(words):
                return -1, state
            state = state << np.uint64(32) | np.uint64(words[position])
            position += 1
    return position, state


def encode(symbols: Ints, edges: Ints, outputs: NDArray[np.int32]) -> bytes:
    """The symbols as bytes, each coded with the mixture of its row of `outputs`, (rows, 3 × components).

    `edges` has one position more than there are symbols on the axis.
    """
    words = _encode(symbols, edges, outputs, probability_tables.mixture_tables())
    return bytes(words.astype("<u4").tobytes())


class Decoder:
    """Decodes a stream of `encode`, in one piece or several."""

    def __init__(self, data: bytes | memoryview, edges: Ints) -> None:
        """Raises CorruptFileError if the data cannot be a stream."""
        if len(data) % 4 or len(data) < 8:
            raise CorruptFileError(f"a stream of {len(data)} bytes is not a whole number of words")
        self._words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
        self._position = 2
        self._state = np.uint64(int(self._words[0]) | int(self._words[1]) << 32)
        values = np.arange(-_LIMIT, _LIMIT + 1, 1 << _LOOKUP_BITS)
        self._axis = Axis(edges, np.searchsorted(edges[1:-1], values))

    def take(self, outputs: NDArray[np.int32]) -> Ints:
        """The next symbols, one for each row of `outputs`, which must be those that they were encoded
        with.
        """
        symbols = np.empty(len(outputs), dtype=np.int64)
        self._position, self._state = _decode(
            self._words,
            self._position,
            np.uint64(self._state),
            symbols,
            self._axis,
            outputs,
            probability_tables.mixture_tables(),
        )
        if self._position < 0:
            raise CorruptFileError("a stream of symbols ends too early")
        return symbols

    def finish(self) -> None:
        """Raise CorruptFileError unless the whole stream is decoded."""
        if self._position != len(self._words) or self._state != _STATE:
            raise CorruptFileError("a stream of symbols ends too early, or too late")


def decode(data: bytes | memoryview, edges: Ints, outputs: NDArray[np.int32]) -> Ints:
    """All symbols of a stream at once; see `Decoder`."""
    decoder = Decoder(data, edges)
    symbols = decoder.take(outputs)
    decoder.finish()
    return symbols
