"""Adaptive binary coding: counters in several contexts predict each decision, and a mixer weighs them
(formats/codecs.md#mixing).

Nothing is fitted or stored: encoder and decoder learn the same probabilities from the values before. Counters
in contexts and their logistic mixing are those of PAQ (Mahoney, Florida Tech. CS-2005-16); the bytes are
those of a range coder (Martin, 1979).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from baler_root._types import Ints
from baler_root.errors import CorruptFileError
from baler_root.format.entropy._numba import compiled
from baler_root.format.entropy.mixing_tables import (
    CLASSES,
    COARSE_BINS,
    COUNT_LIMIT,
    DEEP_SETS,
    LOG_LIMIT,
    MixingInput,
    mixing_tables,
)

_LEARNING = 14
"""Step of the weights: a share of 2**-17 of it, times the error, in parts of 2**16, and the logarithm."""


_FIRST_WEIGHT = 3 << 14
"""Sum with which the weights begin, for counters that have seen much."""


def encode(values: Ints, given: MixingInput, limit: int) -> bytes | None:
    """The values (from 0 to the last bound) as bytes; None if these are more than `limit`."""
    data = np.zeros(limit, np.uint8)
    size = _code(False, values, data, *_arguments(given))
    return None if size < 0 else data[:size].tobytes()


def decode(data: bytes | memoryview, length: int, given: MixingInput) -> Ints:
    """The values that `encode` encoded with the same input; raises CorruptFileError."""
    values = np.empty(length, np.int64)
    coded = np.frombuffer(data, dtype=np.uint8).copy()
    if (len(coded) and not coded[-1]) or _code(True, values, coded, *_arguments(given)) < len(coded):
        raise CorruptFileError("a stream of mixed predictions has bytes left over")
    return values


def _arguments(given: MixingInput) -> tuple[Any, ...]:
    """Arrays for the compiled code; read-only ones would compile it again."""
    contexts = (given.contexts, given.sizes, given.previous_bins)
    return given.bounds, contexts, (given.is_first, given.coarse), mixing_tables()


@compiled()
def _carry(data: Any, position: Any) -> None:
    """Add one to the number in the bytes before `position`."""
    position -= 1
    while data[position] == 255:
        data[position] = 0
        position -= 1
    data[position] += 1


@compiled()
def _finish(data: Any, position: Any, low: Any, width: Any) -> Any:
    """Write the shortest bytes that lie in the last interval; returns the size, -1 if they do not fit."""
    kept, last = 0, np.int64(0)
    for size in range(5):
        kept, mask = size, (np.int64(1) << (32 - 8 * size)) - 1
        last = (low + mask) & ~mask
        if last < low + width:
            break
    if last >> 32:
        last &= 0xFFFFFFFF
        _carry(data, position)
    if position + kept > len(data):
        return -1
    for _ in range(kept):
        data[position] = last >> 24
        last = (last & 0xFFFFFF) << 8
        position += 1
    while position and data[position - 1] == 0:
        position -= 1
    return position


@compiled()
def _code(decoding: Any, values: Any, data: Any, bounds: Any, contexts: Any, rows: Any, tables: Any) -> Any:
    """Encode `values` as `data`, or decode them; returns the bytes written or read, -1 for too many."""
    context_of, sizes, previous_bins = contexts
    is_first, coarse = rows
    logarithms, probabilities, rates, classes = tables
    num_contexts, cells, span, end = len(sizes), len(bounds) - 1, bounds[-1], len(data)
    levels = 0
    while 1 << levels < cells:
        levels += 1
    starts = np.zeros(num_contexts + 1, np.int64)
    for k in range(num_contexts):
        starts[k + 1] = starts[k] + sizes[k] * cells
    deep_start = starts[num_contexts]
    deep_inputs = 2 if len(coarse) else 0
    counters = np.full(
        deep_start + (span * (COARSE_BINS + 1) if deep_inputs else 0), np.uint32(1 << 31), np.uint32
    )
    num_sets = levels + DEEP_SETS
    stride = (max(num_contexts, 2) + 1) * CLASSES
    weights = np.zeros(num_sets * stride, np.int64)
    for level in range(num_sets):
        inputs = num_contexts if level < levels else deep_inputs
        for k in range(inputs * CLASSES):
            weights[level * stride + k] = _FIRST_WEIGHT * (k % CLASSES + 1) // (4 * inputs + 4)
    slots = np.zeros(num_contexts, np.int64)
    places = np.zeros(num_contexts + 2, np.int64)
    used = np.zeros(num_contexts + 2, np.int64)
    logs = np.zeros(num_contexts + 2, np.int64)
    low, width, code, position = np.int64(0), np.int64(0xFFFFFFFF), np.int64(0), 0
    if decoding:
        for _ in range(4):
            code = code << 8 | (np.int64(data[position]) if position < end else 0)
            position += 1
    cell = 0
    for row in range(len(values)):
        value = values[row]
        for k in range(num_contexts):
            context = np.int64(context_of[k, row])
            if previous_bins[k]:
                previous = 0 if is_first[row] else 1 + (cell * (previous_bins[k] - 1) >> levels)
                context = context * previous_bins[k] + previous
            slots[k] = starts[k] + context * cells
        first, stop = np.int64(0), span
        node, level = 1, 0
        while level < levels or stop - first > 1:
            if level < levels:
                shift = levels - level
                middle = bounds[(node << shift) - cells + (1 << (shift - 1))]
                if middle <= first or middle >= stop:
                    node = 2 * node + (1 if middle <= first else 0)
                    level += 1
                    if level == levels:
                        cell = node - cells
                    continue
                inputs, set_number = num_contexts, level
                for k in range(num_contexts):
                    places[k] = slots[k] + node
            else:
                middle = (first + stop) >> 1
                inputs, set_number = deep_inputs, min(num_sets - 1, level)
                if inputs:
                    places[0] = deep_start + middle
                    places[1] = deep_start + (1 + np.int64(coarse[row])) * span + middle
            bias, total = 0, 0
            if inputs:
                for k in range(inputs):
                    counter = counters[places[k]]
                    count_class = classes[counter & np.uint32(COUNT_LIMIT)]
                    logs[k] = logarithms[counter >> np.uint32(20)]
                    used[k] = set_number * stride + k * CLASSES + count_class
                    total += weights[used[k]] * logs[k]
                bias = set_number * stride + inputs * CLASSES
                total += weights[bias] * 128
                log = min(LOG_LIMIT, max(-LOG_LIMIT, total >> 16))
                probability = int(probabilities[log + LOG_LIMIT])
            else:
                probability = ((stop - middle) << 16) // (stop - first)
            probability = min(65520, max(16, probability))
            bound = (width >> 16) * probability
            bit = code < bound if decoding else value >= middle
            if bit:
                width = bound
                first = middle
            else:
                width -= bound
                stop = middle
                if decoding:
                    code -= bound
                else:
                    low += bound
                    if low >> 32:
                        low &= 0xFFFFFFFF
                        _carry(data, position)
            while width < 1 << 24:
                width <<= 8
                if decoding:
                    code = code << 8 | (np.int64(data[position]) if position < end else 0)
                elif position < end:
                    data[position] = low >> 24
                    low = (low & 0xFFFFFF) << 8
                else:
                    return -1
                position += 1
            if inputs:
                error = _LEARNING * ((65535 if bit else 0) - probability)
                target = np.int64(4194303 if bit else 0)
                for k in range(inputs):
                    weights[used[k]] += (logs[k] * error + (1 << 16)) >> 17
                    counter = counters[places[k]]
                    count = np.int64(counter & np.uint32(COUNT_LIMIT))
                    share = np.int64(counter >> np.uint32(10))
                    if count == 0:
                        share = np.int64(probability << 6)
                    share += ((target - share) * rates[count]) >> 16
                    counters[places[k]] = np.uint32(share << 10 | min(COUNT_LIMIT, count + 1))
                weights[bias] += (128 * error + (1 << 18)) >> 19
            node = 2 * node + (1 if bit else 0)
            level += 1
            if level == levels:
                cell = node - cells
        if decoding:
            values[row] = first
    return position if decoding else _finish(data, position, low, width)
