"""Columns coded by mixing in the second reader, from `formats/codecs.md#mixing` alone: pure Python, slow."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need
from tests.independent_reader.distributions import sigma


@cache
def logistic() -> list[int]:
    table: list[int] = sigma().tolist()
    return table


@cache
def logarithm(share: int) -> int:
    """Logarithm of odds of the highest 12 bits of a share."""
    j = int(np.searchsorted(sigma(), (2 * share + 1) << 15, side="right")) - 1
    return clip(j - 2560, -1535, 1535)


def clip(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


class Record:
    """What a page says of one column."""

    def __init__(self, data: Bytes, at: int, entries: list[int]) -> None:
        self.at, self.low, self.span = at, data.zigzag(), data.varint() + 1
        levels, counts = data.unpack("BB")
        self.levels, stored = levels & ~16, levels & 16
        need(self.levels < 9 and 2 <= self.span <= 1 << 32, "span or levels of a column")
        need(counts >> 4 < 9 and counts & 15 < 8, "sources or kinds of a column")
        self.sources = [data.varint() for _ in range(counts >> 4)]
        for code in self.sources:
            need(
                code < 3 or (code - 3) // 2 < (at if code % 2 else len(entries)), "a source that is not there"
            )
        self.entries = entries
        self.kinds = [data.unpack("BB") for _ in range(counts & 15)]
        for mask, bins in self.kinds:
            need(0 < mask < 1 << len(self.sources) and bins > 1, "a kind of context")
        cells = 1 << self.levels
        self.bounds = [i * self.span >> self.levels for i in range(cells + 1)]
        if stored:
            for i in range(1, cells):
                self.bounds[i] = self.bounds[i - 1] + data.varint()
            need(self.bounds[cells - 1] <= self.span, "cells beyond a column")

    def symbols(self, stream: bytes, wanted: tuple[Any, int, Any], values: Any) -> Any:
        """The symbols; `values` gives those of a source by its code."""
        dtype, length, _ = wanted
        low, high = (0, 1) if dtype.kind == "b" else (0, -1)
        if dtype.kind in "ui":
            low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        need(length <= 1 << 22, "too many values for mixing")
        need(low <= self.low and self.low + self.span - 1 <= high, "symbols of another type")
        coder = Coder(stream, self, length, values)
        found = [coder.value(row) + self.low for row in range(length)]
        need(coder.at >= len(stream) and stream[-1:] != b"\0", "bytes left over")
        return np.array(found, object if dtype.kind == "u" else None).astype(dtype)


def bins(values: Any, limit: int) -> tuple[list[int], int]:
    """The bin of each value, and their number."""
    _, order, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(counts) > limit:
        below = np.cumsum(counts) - counts
        order = ((2 * below + counts) * limit // (2 * len(values)))[order]
    return order.tolist(), min(limit, len(counts))


class Coder:
    """Counters, weights and the range decoder of one stream."""

    def __init__(self, stream: bytes, record: Record, rows: int, values: Any) -> None:
        self.stream, self.record, self.at = stream, record, 0
        self.code, self.width, self.cell = 0, (1 << 32) - 1, 0
        for _ in range(4):
            self.next()
        self.counters: dict[Any, tuple[int, int]] = {}
        self.weights: dict[Any, int] = {}
        self.learns = 9 * record.span <= 4096 + 16 * rows
        known = [None if code == 0 else values(code) for code in record.sources]
        self.kinds: list[tuple[list[tuple[list[int], int]], int]] = [([], 0)]
        total = 1
        for mask, limit in record.kinds:
            members = [source for i, source in enumerate(known) if mask >> i & 1]
            parts = [bins(source, limit) for source in members if source is not None]
            self.kinds.append((parts, limit if len(parts) < len(members) else 0))
            size = max(1, self.kinds[-1][1])
            for _, count in parts:
                size *= count
            total += size
        need(total << record.levels <= 8192 + 64 * rows, "too many counters")
        self.coarse = [0] * rows if not known or known[0] is None else bins(known[0], 8)[0]
        self.first = values(0) if 0 in record.sources else [True] * rows

    def next(self) -> None:
        byte = self.stream[self.at] if self.at < len(self.stream) else 0
        self.code, self.at = self.code << 8 | byte, self.at + 1

    def value(self, row: int) -> int:
        record, contexts = self.record, []
        for kind, (parts, previous) in enumerate(self.kinds):
            context = 0
            for numbers, count in parts:
                context = context * count + numbers[row]
            if previous:
                before = 0 if self.first[row] else 1 + (self.cell * (previous - 1) >> record.levels)
                context = context * previous + before
            contexts.append((kind, context))
        first, stop, node, level = 0, record.span, 1, 0
        while level < record.levels or stop - first > 1:
            if level < record.levels:
                size = 1 << record.levels
                middle = record.bounds[((2 * node + 1) << (record.levels - level - 1)) - size]
                inputs: list[Any] = [(context, node) for context in contexts]
            else:
                middle = (first + stop) >> 1
                inputs = [("m", middle), (self.coarse[row], "m", middle)] if self.learns else []
            if middle <= first or middle >= stop:
                bit = int(middle <= first)
            else:
                uniform = ((stop - middle) << 16) // (stop - first)
                bit = self.decision(inputs, min(level, record.levels + 15), uniform)
                first, stop = (middle, stop) if bit else (first, middle)
            node, level = 2 * node + bit, level + 1
            if level == record.levels:
                self.cell = node - (1 << level)
        if record.levels == 0:
            self.cell = 0
        return first

    def decision(self, inputs: list[Any], level: int, uniform: int) -> int:
        if not inputs:
            return self.bit(clip(uniform, 16, 65520))
        count = len(inputs)
        shares = [self.counters.get(key, (1 << 21, 0)) for key in inputs]
        logs = [logarithm(p >> 10) for p, _ in shares]
        classes = [min(7, n.bit_length()) for _, n in shares]
        keys = [(level, i, c) for i, c in enumerate(classes)]
        weights = [self.weights.get(key, 49152 * (key[2] + 1) // (4 * count + 4)) for key in keys]
        bias = self.weights.get(level, 0)
        total = sum(w * log for w, log in zip(weights, logs, strict=True)) + 128 * bias
        log = clip(total >> 16, -1535, 1535)
        probability = clip(logistic()[log + 2560] >> 12, 16, 65520)
        bit = self.bit(probability)
        error, full = 14 * ((65535 if bit else 0) - probability), 4194303 * bit
        for key, weight, log_p in zip(keys, weights, logs, strict=True):
            self.weights[key] = weight + ((log_p * error + (1 << 16)) >> 17)
        self.weights[level] = bias + ((128 * error + (1 << 18)) >> 19)
        for key, (p, n) in zip(inputs, shares, strict=True):
            begin = p if n else 64 * probability
            step = (full - begin) * (655360 // (10 * n + 16)) >> 16
            self.counters[key] = (begin + step, min(1023, n + 1))
        return bit

    def bit(self, probability: int) -> int:
        bound = (self.width >> 16) * probability
        bit = int(self.code < bound)
        if bit:
            self.width = bound
        else:
            self.code, self.width = self.code - bound, self.width - bound
        while self.width < 1 << 24:
            self.width <<= 8
            self.next()
        return bit
