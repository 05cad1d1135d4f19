"""Networks of the second reader, from `formats/networks.md` alone: 64-bit integers, one place at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]


def run(network: dict[str, Any], codes: Any = None) -> Int64s:
    """Results of a network (`operations`, `inputs`, `low`, `high`, arrays) for codes (rows, inputs)."""
    weights, biases = list(network["weights"]), list(network["biases"])
    given = np.asarray(network["codes"] if codes is None else codes, np.int64)
    values = [np.clip(given, network["low"], network["high"])]
    for operation in network["operations"]:
        values.append(_operation(dict(operation), values, weights, biases))
    assert not weights
    assert not biases
    return values[-1].reshape(len(given), -1)


def _take(array: list[int], *shape: int) -> Int64s:
    count = math.prod(shape)
    taken = np.array(array[:count], np.int64).reshape(shape)
    del array[:count]
    return taken


def _operation(op: dict[str, Any], values: Sequence[Int64s], weights: list[int], biases: list[int]) -> Int64s:
    x, kind = values[-1], op.pop("op")
    if kind == "dense":
        return _dense(x, weights, biases, **op)
    if kind == "shape":
        return x.reshape(len(x), *op["shape"])
    if kind == "offset":
        return x + _take(biases, *x.shape[1:])
    if kind == "add":
        return x + values[op["source"]]
    if kind == "norm":
        return _norm(x, op["bits"])
    if kind == "attention":
        return _attention(x, op["heads"], op["bits"])
    if kind == "conv":
        return _conv(x, weights, biases, op.pop("kernel"), op.pop("stride"), **op)
    assert kind == "upsample"
    (_, h, w, _), height, width = x.shape, op["height"], op["width"]
    return np.stack(
        [
            np.stack([x[:, i * h // height, j * w // width] for j in range(width)], axis=1)
            for i in range(height)
        ],
        axis=1,
    )


def _dense(
    x: Int64s, weights: list[int], biases: list[int], outputs: int, shift: int, low: int, high: int
) -> Int64s:
    weight, bias = _take(weights, outputs, x.shape[-1]), _take(biases, outputs)
    sums = (x[..., None, :] * weight).sum(-1) + bias
    return np.clip((sums + (1 << (shift - 1))) >> shift, low, high)


def _norm(x: Int64s, bits: int) -> Int64s:
    n = x.shape[-1]
    d = x - (2 * x.sum(-1, keepdims=True) + n) // (2 * n)
    square = n * (d * d).sum(-1, keepdims=True)
    r = np.array([max(1, math.isqrt(int(s))) for s in square.reshape(-1)]).reshape(square.shape)
    return ((d * n << (bits + 1)) + r) // (2 * r)


def _attention(x: Int64s, heads: int, bits: int) -> Int64s:
    rows, tokens, width = x.shape
    q, k, v = x.reshape(rows, tokens, 3, heads, -1).transpose(2, 0, 3, 1, 4)
    out = np.zeros_like(q)
    for i in range(tokens):
        score = (q[:, :, i, None] * k).sum(-1)
        t = score.max(-1, keepdims=True) - score
        a = np.minimum(t >> bits, 9)
        share = np.where(a < 9, (((2 << bits) - t % (1 << bits)) << 7) >> (bits + a), 0)
        total = share.sum(-1, keepdims=True)
        out[:, :, i] = (2 * (share[..., None] * v).sum(2) + total) // (2 * total)
    return out.transpose(0, 2, 1, 3).reshape(rows, tokens, width // 3)


def _conv(
    x: Int64s, weights: list[int], biases: list[int], kernel: int, stride: int, outputs: int, **scale: int
) -> Int64s:
    rows, height, width, channels = x.shape
    edge = kernel // 2
    grown = np.zeros((rows, height + 2 * edge, width + 2 * edge, channels), np.int64)
    grown[:, edge : edge + height, edge : edge + width] = x
    out = np.zeros((rows, -(-height // stride), -(-width // stride), outputs), np.int64)
    for i, j in np.ndindex(out.shape[1:3]):
        square = grown[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
        out[:, i, j] = _dense(square.reshape(rows, -1), list(weights), list(biases), outputs, **scale)
    _take(weights, outputs, kernel, kernel, channels)
    _take(biases, outputs)
    return out
