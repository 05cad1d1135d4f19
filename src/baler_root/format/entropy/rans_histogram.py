"""rANS with a histogram for every symbol, chosen by its context (formats/codecs.md#histograms).

Asymmetric numeral systems: Duda, arXiv:1311.2540. Two states take turns, so that a processor works on two
symbols at once. A lookup finds the cell of a symbol, and an interpolation its place in the cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.entropy._numba import compiled
from baler_root.format.entropy.histogram_table import LOOKUP_BITS, PLACE_LOOKUP_BITS, HistogramTable
from baler_root.format.entropy.probability_tables import SIGMA_BITS, TOTAL_BITS

LANES = 2
"""Number of states of a stream."""


_TOTAL = 1 << TOTAL_BITS


_STATE = 1 << 31


def encode(places: Ints, contexts: NDArray[np.int32], table: HistogramTable) -> bytes:
    """The places as bytes, each coded with the histogram of its context."""
    cells = np.searchsorted(table.cells[1:-1], places, side="right")
    words = _encode(places, cells, contexts, table.arrays)
    return bytes(words.astype("<u4").tobytes())


def decode(data: bytes | memoryview, contexts: NDArray[np.int32], table: HistogramTable) -> Ints:
    """The places that `encode` encoded with the same contexts; raises CorruptFileError."""
    if len(data) % 4 or len(data) < 8 * LANES:
        raise CorruptFileError(
            f"a stream of {len(data)} bytes is not a whole number of words, or is too short"
        )
    words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
    places = np.empty(len(contexts), dtype=np.int64)
    if _decode(words, places, contexts, table.arrays) != len(words):
        raise CorruptFileError("a stream of symbols ends too early, or too late")
    return places


@compiled(inline="always")
def _share(place: Any, axis_share: Any, start: Any, slope: Any, scale: Any) -> Any:
    """Parts of 2**30 below a place; `axis_share` are the parts of the axis between it and the start of its
    cell.
    """
    return place + ((start + (axis_share * slope >> SIGMA_BITS)) * scale >> SIGMA_BITS)


@compiled()
def _encode(places: Any, cell_numbers: Any, contexts: Any, table: Any) -> Any:
    below, cells, starts, slopes, edges, _, _ = table
    words = np.empty(len(places) + 2 * LANES, dtype=np.uint32)
    position = len(words)
    states = np.full(LANES, _STATE, dtype=np.uint64)
    scale = _TOTAL - len(below) + 1
    for row in range(len(places) - 1, -1, -1):
        place, cell, context = places[row], cell_numbers[row], contexts[row]
        low, high, axis_start = edges[context, cell], edges[context, cell + 1], below[cells[cell]]
        start, slope = starts[context, cell], slopes[context, cell]
        if place > cells[cell]:
            low = _share(place, below[place] - axis_start, start, slope, scale)
        if place + 1 < cells[cell + 1]:
            high = _share(place + 1, below[place + 1] - axis_start, start, slope, scale)
        share = np.uint64(high - low)
        state = states[row % LANES]
        if state >= share << np.uint64(33):
            position -= 1
            words[position] = np.uint32(state & np.uint64(0xFFFFFFFF))
            state >>= np.uint64(32)
        quotient = state // share
        states[row % LANES] = (
            (quotient << np.uint64(TOTAL_BITS)) + (state - quotient * share) + np.uint64(low)
        )
    for lane in range(LANES - 1, -1, -1):
        position -= 2
        words[position] = np.uint32(states[lane] & np.uint64(0xFFFFFFFF))
        words[position + 1] = np.uint32(states[lane] >> np.uint64(32))
    return words[position:]


@compiled()
def _decode(words: Any, places: Any, contexts: Any, table: Any) -> Any:
    """Decode into `places`; returns the number of words used, -1 for a damaged stream."""
    below, cells, starts, slopes, edges, lookup, place_lookup = table
    states = np.empty(LANES, dtype=np.uint64)
    for lane in range(LANES):
        states[lane] = np.uint64(words[2 * lane]) | np.uint64(words[2 * lane + 1]) << np.uint64(32)
    position, scale = 2 * LANES, _TOTAL - len(below) + 1
    for row in range(len(places)):
        state, context = states[row % LANES], contexts[row]
        slot = np.int64(state & np.uint64(_TOTAL - 1))
        cell = np.int64(lookup[context, slot >> (TOTAL_BITS - LOOKUP_BITS)])
        while edges[context, cell + 1] <= slot:
            cell += 1
        low, high = cells[cell], cells[cell + 1]
        under, above = edges[context, cell], edges[context, cell + 1]
        if high - low > 1:
            axis_start, axis_stop = below[low], below[high]
            start, slope = starts[context, cell], slopes[context, cell]
            share = axis_start + np.int64((slot - under) * ((axis_stop - axis_start) / (above - under)))
            step = share >> (SIGMA_BITS - PLACE_LOOKUP_BITS)
            fraction = share & ((1 << (SIGMA_BITS - PLACE_LOOKUP_BITS)) - 1)
            guess = place_lookup[step]
            if step < 1 << PLACE_LOOKUP_BITS:
                guess += (place_lookup[step + 1] - place_lookup[step]) * fraction >> (
                    SIGMA_BITS - PLACE_LOOKUP_BITS
                )
            tries = 0
            while high - low > 1:
                guess = max(low + 1, min(high - 1, guess))
                value = _share(guess, below[guess] - axis_start, start, slope, scale)
                tries += 1
                if value <= slot:
                    low, under = guess, value
                    guess += 1
                else:
                    high, above = guess, value
                    guess -= 1
                if tries > 3:
                    guess = (low + high) >> 1
        places[row] = low
        state = np.uint64(above - under) * (state >> np.uint64(TOTAL_BITS)) + np.uint64(slot - under)
        if state < np.uint64(_STATE):
            if position >= len(words):
                return -1
            state = state << np.uint64(32) | np.uint64(words[position])
            position += 1
        states[row % LANES] = state
    for lane in range(LANES):
        if states[lane] != np.uint64(_STATE):
            return -1
    return position
