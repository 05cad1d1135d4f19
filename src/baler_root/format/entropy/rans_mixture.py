"""rANS with a mixture of logistic distributions of its own for every symbol (formats/codecs.md#symbols).

A column's symbols cut its axis at `edges`. The probability of symbol `s` is what the mixture has between
`edges[s]` and `edges[s + 1]`, in integers, plus one part in 2**30, so that every symbol can be coded. The state
has 63 bits and moves words of 32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.entropy import tables
from baler_root.format.entropy.tables import TOTAL_BITS

Words = NDArray[np.uint32]


Ints = NDArray[np.int64]


_TOTAL = 1 << TOTAL_BITS


_STATE = 1 << 31


_MEAN_SHIFT = tables.AXIS_BITS - tables.OUTPUT_BITS


_LOG_SHIFT = tables.OUTPUT_BITS - 4


_FIRST_SCALE = tables.MIN_LOG_SCALE * tables.LOG_STEPS


_LIMIT = tables.AXIS_LIMIT


_STEP_BITS = tables.SIGMA_STEP_BITS


_FLOOR = tables.FLOOR_WEIGHT


_CELL_BITS = 13


_REACH = 3 << tables.AXIS_BITS


_ALL_WEIGHT = 1 << tables.WEIGHT_BITS


def _compiled(**options: Any) -> Callable[[Any], Any]:
    """numba's decorator, which has no types."""
    decorator: Callable[[Any], Any] = njit(cache=True, nogil=True, **options)
    return decorator


def _set_mixture(outputs: Any, mixture: Any, powers: Any, inverses: Any) -> Any:
    """Weights, means and inverse scales, as rows of `mixture`, from what a network said; which one weighs most."""
    count = outputs.shape[0] // 3
    heaviest = 0
    for k in range(1, count):
        if outputs[k] > outputs[heaviest]:
            heaviest = k
    best = outputs[heaviest] if count else 0
    total = 0
    for k in range(count):
        weight = powers[min(255, (best - outputs[k]) >> _LOG_SHIFT)]
        mixture[0, k] = weight
        total += weight
        mixture[1, k] = np.int64(outputs[count + k]) << _MEAN_SHIFT
        step = (outputs[2 * count + k] >> _LOG_SHIFT) - _FIRST_SCALE
        mixture[2, k] = inverses[max(0, min(len(inverses) - 1, step))]
    left = _ALL_WEIGHT
    for k in range(count):
        mixture[0, k] = mixture[0, k] * (_ALL_WEIGHT - _FLOOR) // total
        left -= mixture[0, k]
    mixture[0, count] = left
    mixture[1, count] = 0
    mixture[2, count] = 1 << tables.INVERSE_BITS
    return heaviest


set_mixture = _compiled(inline="always")(_set_mixture)


def _cumulative(symbol: Any, edges: Any, mixture: Any, sigma: Any) -> Any:
    """Parts of 2**30 below a symbol."""
    last = len(edges) - 1
    if symbol <= 0:
        return 0
    if symbol >= last:
        return _TOTAL
    total = 0
    edge = edges[symbol]
    for k in range(mixture.shape[1]):
        at = ((edge - mixture[1, k]) * mixture[2, k] >> tables.INVERSE_BITS) + _LIMIT
        at = max(0, min(2 * _LIMIT - 1, at))
        i = at >> _STEP_BITS
        low = sigma[i]
        low += (sigma[i + 1] - low) * (at & ((1 << _STEP_BITS) - 1)) >> _STEP_BITS
        total += mixture[0, k] * low
    share = total >> tables.WEIGHT_BITS
    return symbol + (share * (_TOTAL - last) >> tables.SIGMA_BITS)


cumulative = _compiled(inline="always")(_cumulative)


@_compiled()
def _encode(symbols: Any, edges: Any, outputs: Any, sigma: Any, powers: Any, inverses: Any) -> Any:
    words = np.empty(len(symbols) + 2, dtype=np.uint32)
    at = len(words)
    mixture = np.empty((3, outputs.shape[1] // 3 + 1), dtype=np.int64)
    state = np.uint64(_STATE)
    for row in range(len(symbols) - 1, -1, -1):
        set_mixture(outputs[row], mixture, powers, inverses)
        low = cumulative(symbols[row], edges, mixture, sigma)
        share = np.uint64(cumulative(symbols[row] + 1, edges, mixture, sigma) - low)
        if state >= share << np.uint64(33):
            at -= 1
            words[at] = np.uint32(state & np.uint64(0xFFFFFFFF))
            state >>= np.uint64(32)
        quotient = state // share
        state = (quotient << np.uint64(TOTAL_BITS)) + (state - quotient * share) + np.uint64(low)
    at -= 2
    words[at] = np.uint32(state & np.uint64(0xFFFFFFFF))
    words[at + 1] = np.uint32(state >> np.uint64(32))
    return words[at:]


def _near(place: Any, starts: Any) -> Any:
    """The symbol whose edge is about at a place of the axis."""
    place = max(0, min(2 * _LIMIT - 1, place + _LIMIT))
    cell = place >> _CELL_BITS
    inside = place & ((1 << _CELL_BITS) - 1)
    return starts[cell] + ((starts[cell + 1] - starts[cell]) * inside >> _CELL_BITS)


near = _compiled(inline="always")(_near)


@_compiled()
def _decode(
    words: Any,
    at: Any,
    state: Any,
    out: Any,
    edges: Any,
    starts: Any,
    outputs: Any,
    sigma: Any,
    powers: Any,
    inverses: Any,
) -> Any:
    mixture = np.empty((3, outputs.shape[1] // 3 + 1), dtype=np.int64)
    for row in range(len(out)):
        heaviest = set_mixture(outputs[row], mixture, powers, inverses)
        slot = np.int64(state & np.uint64(_TOTAL - 1))
        low, high = 0, len(edges) - 1
        below, above = 0, _TOTAL
        # Most symbols lie where the heaviest component does: first the ends of that, then halves and secants.
        mean, width = mixture[1, heaviest], (_REACH << tables.INVERSE_BITS) // mixture[2, heaviest]
        guess = near(mean - width, starts)
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
                guess = near(mean + width, starts)
            elif tries & 1:
                guess = low + (slot - below) * (high - low) // (above - below)
            else:
                guess = (low + high) >> 1
        out[row] = low
        state = np.uint64(above - below) * (state >> np.uint64(TOTAL_BITS)) + np.uint64(slot - below)
        if state < np.uint64(_STATE):
            if at >= len(words):
                return -1, state
            state = state << np.uint64(32) | np.uint64(words[at])
            at += 1
    return at, state


def encode(symbols: Ints, edges: Ints, outputs: NDArray[np.int32]) -> bytes:
    """The symbols, each with the mixture that `outputs` (rows, 3 × components) says, as bytes.

    `edges` has one position more than there are symbols on the axis.
    """
    found = _encode(symbols, edges, outputs, tables.sigma(), tables.powers(), tables.inverse_scales())
    return bytes(found.astype("<u4").tobytes())


class Decoder:
    """Gives back what `encode` encoded, in one piece or several."""

    def __init__(self, data: bytes | memoryview, edges: Ints) -> None:
        """Raises CorruptFileError for what is no stream."""
        if len(data) % 4 or len(data) < 8:
            raise CorruptFileError(f"a stream of {len(data)} bytes is no whole number of words")
        self._words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
        self._at, self._edges = 2, edges
        self._state = np.uint64(int(self._words[0]) | int(self._words[1]) << 32)
        self._starts = np.searchsorted(edges[1:-1], np.arange(-_LIMIT, _LIMIT + 1, 1 << _CELL_BITS))

    def take(self, outputs: NDArray[np.int32]) -> Ints:
        """The next symbols, one for each row of `outputs`, which are those they were encoded with."""
        out = np.empty(len(outputs), dtype=np.int64)
        self._at, self._state = _decode(
            self._words, self._at, np.uint64(self._state), out, self._edges, self._starts, outputs,
            tables.sigma(), tables.powers(), tables.inverse_scales(),
        )  # fmt: skip
        if self._at < 0:
            raise CorruptFileError("a stream of symbols ends too early")
        return out

    def finish(self) -> None:
        """Raise CorruptFileError unless all is taken."""
        if self._at != len(self._words) or self._state != _STATE:
            raise CorruptFileError("a stream of symbols ends too early, or too late")


def decode(data: bytes | memoryview, edges: Ints, outputs: NDArray[np.int32]) -> Ints:
    """All symbols of a stream at once; see `Decoder`."""
    decoder = Decoder(data, edges)
    out = decoder.take(outputs)
    decoder.finish()
    return out
