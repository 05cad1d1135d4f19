"""Integer distributions and the rANS decoder of the second reader, from `formats/codecs.md` alone."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from tests.independent_reader.binary import Bytes, need


def rounded(value: decimal.Decimal) -> int:
    return int(value.to_integral_value(decimal.ROUND_HALF_UP))


@cache
def sigma() -> Any:
    """2**28 times the logistic distribution, from -20 to 20 in steps of 1/128."""
    with decimal.localcontext(decimal.Context(prec=40)):
        up = [rounded((1 << 28) / (1 + (decimal.Decimal(-j) / 128).exp())) for j in range(2561)]
    return np.array([(1 << 28) - value for value in up[:0:-1]] + up, np.int64)


def power(exponent: decimal.Decimal) -> int:
    """A power of two, rounded."""
    with decimal.localcontext(decimal.Context(prec=40)):
        return rounded(decimal.Decimal(2) ** exponent)


def quantile(shares: Any) -> Any:
    """Quantiles of the logistic distribution, for probabilities in parts of 2**28."""
    table = sigma()
    j = np.minimum(np.searchsorted(table, shares, side="right") - 1, 5119)
    j = np.maximum(j, 0)
    inside = (shares - table[j]) * 8192 // np.maximum(1, table[j + 1] - table[j])
    return 8192 * j + np.clip(inside, 0, 8192) - (20 << 20)


def network(layers: Any, values: Any) -> Any:
    for weight, bias, shift, low, high in layers:
        sums = values @ weight.T.astype(np.int64) + bias.astype(np.int64) + (1 << (shift - 1))
        values = np.clip(sums >> shift, low, high)
    return values


def mixtures(outputs: Any) -> tuple[Any, Any, Any]:
    """Weights, means and inverse scales, (rows, components) each."""
    w, m, r = np.split(outputs, 3, axis=1)
    powers = np.array([power(15 - decimal.Decimal(d) / 16) for d in range(256)])
    inverses = np.array([power(8 - decimal.Decimal(t) / 16) for t in range(-192, 49)])
    raw = powers[np.minimum(255, (w.max(axis=1, keepdims=True) - w) >> 6)]
    weight = raw * ((1 << 15) - 128) // raw.sum(axis=1, keepdims=True)
    one = np.ones((len(outputs), 1), np.int64)
    weight = np.hstack([weight, (1 << 15) - weight.sum(axis=1, keepdims=True)])
    return (
        weight,
        np.hstack([1024 * m, 0 * one]),
        np.hstack([inverses[np.clip(r >> 6, -192, 48) + 192], 256 * one]),
    )


def mixture_shares(mixture: tuple[Any, Any, Any], edges: Any) -> Iterator[Callable[[int], int]]:
    """For each row what lies below a place."""
    table, places, edge = sigma().tolist(), len(edges) - 1, edges.tolist()
    for row in zip(*(part.tolist() for part in mixture), strict=True):
        parts = list(zip(*row, strict=True))

        def share(i: int, parts: Sequence[Any] = parts) -> int:
            if i in (0, places):
                return (1 << 30) * (i > 0)
            total = 0
            for weight, mean, inverse in parts:
                x = min(max(((edge[i] - mean) * inverse >> 8) + (20 << 20), 0), (40 << 20) - 1)
                j = x >> 13
                total += weight * (table[j] + ((table[j + 1] - table[j]) * (x & 8191) >> 13))
            return i + ((total >> 15) * ((1 << 30) - places) >> 28)

        yield share


class Unrans:
    """The places of a block, coded with states that take turns."""

    def __init__(self, data: Bytes, lanes: int) -> None:
        self.words = data.array("u4", len(data.data) // 4).tolist()
        need(data.at == len(data.data) and len(self.words) >= 2 * lanes, "words of a stream")
        self.states = [self.words[2 * i] + (self.words[2 * i + 1] << 32) for i in range(lanes)]
        self.at, self.row = 2 * lanes, 0

    def take(self, shares: Iterator[Callable[[int], int]], places: int) -> Any:
        out = []
        for share in shares:
            lane = self.row % len(self.states)
            x = self.states[lane]
            slot = x & ((1 << 30) - 1)
            low, high, below, above = 0, places, 0, 1 << 30
            while high - low > 1:
                middle = (low + high) // 2
                value = share(middle)
                if value <= slot:
                    low, below = middle, value
                else:
                    high, above = middle, value
            out.append(low)
            x = (above - below) * (x >> 30) + slot - below
            if x < 1 << 31:
                need(self.at < len(self.words), "a stream ends too early")
                x, self.at = (x << 32) + self.words[self.at], self.at + 1
            self.states[lane] = x
            self.row += 1
        return np.array(out, np.int64)

    def finish(self) -> None:
        need(
            all(state == 1 << 31 for state in self.states) and self.at == len(self.words),
            "the end of a stream",
        )
