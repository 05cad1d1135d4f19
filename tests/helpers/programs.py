"""Networks of random integers, of every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.networks.arithmetic import Operation
from baler_root.format.networks.attention import Attention
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.operations import Add, Conv, Norm, Offset, Reshape, Upsample
from baler_root.format.networks.program import Program

Rng = np.random.Generator


def dense(rng: Rng, inputs: int, outputs: int, shift: int = 7, low: int = -512, high: int = 511) -> Dense:
    weight = rng.integers(-128, 128, (outputs, inputs)).astype(np.int8)
    return Dense(weight, rng.integers(-(1 << 12), 1 << 12, outputs).astype(np.int32), shift, low, high)


def block(rng: Rng, width: int, heads: int, at: int) -> list[Operation]:
    """A layer of a transformer after `at` operations."""
    attending = [
        Norm(7),
        dense(rng, width, 3 * width),
        Attention(heads, 15),
        dense(rng, width, width),
        Add(at),
    ]
    return [
        *attending,
        Norm(7),
        dense(rng, width, 4 * width, low=0),
        dense(rng, 4 * width, width),
        Add(at + len(attending)),
    ]


def transformer(rng: Rng, tokens: int = 6, width: int = 8, layers: int = 2) -> Program:
    table = rng.integers(-512, 512, (tokens, width)).astype(np.int32)
    operations: list[Operation] = [Reshape((tokens, 1)), dense(rng, 1, width, 4), Offset(table)]
    for _ in range(layers):
        operations += block(rng, width, 2, len(operations))
    operations += [Norm(7), Reshape((tokens * width,)), dense(rng, tokens * width, 5, 9)]
    return Program(operations, tokens, -2048, 2047)


def convolutional(rng: Rng) -> Program:
    operations = [
        Reshape((7, 6, 1)),
        Conv(dense(rng, 9, 4, low=0, high=1023), 3, 2),
        Reshape((48,)),
        dense(rng, 48, 3),
        dense(rng, 3, 48, low=0),
        Reshape((4, 3, 4)),
        Upsample(7, 6),
        Conv(dense(rng, 36, 3), 3, 1),
        Conv(dense(rng, 3, 1), 1, 1),
    ]
    return Program(operations, 42, -2048, 2047)


def stacked(rng: Rng) -> Program:
    return Program([dense(rng, 9, 33, 9, 0, 1023), dense(rng, 33, 7, 9)], 9, -2048, 2047)


MAKERS = [stacked, transformer, convolutional]


def described(made: Program) -> dict[str, Any]:
    """A program as JSON, its arrays included."""
    weights, biases = made.arrays()
    return {
        "operations": made.to_json(),
        "inputs": made.inputs,
        "low": made.low,
        "high": made.high,
        "weights": [int(weight) for array in weights for weight in array],
        "biases": [int(bias) for array in biases for bias in array],
    }


def taker(values: list[int], dtype: Any) -> tuple[Callable[[int], NDArray[Any]], list[int]]:
    left = list(values)

    def take(count: int) -> NDArray[Any]:
        if count > len(left):
            raise CorruptFileError("too short")
        taken = np.array(left[:count], dtype)
        del left[:count]
        return taken

    return take, left


def read(network: dict[str, Any]) -> Program:
    """The program of what `described` or an example says; nothing is left of its arrays."""
    weights, more = taker(network["weights"], np.int8)
    biases, most = taker(network["biases"], np.int32)
    limits = network["inputs"], network["low"], network["high"]
    made = Program.from_json(network["operations"], *limits, weights, biases)
    assert not more
    assert not most
    return made
