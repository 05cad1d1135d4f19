"""`FixedPointNet`: a network of integers with identical bits on every machine (formats/codecs.md#networks).

Codes are integers that stand for `code × 2**-bits`. A dense layer sums products, adds its bias, divides by a
power of two rounding half up, and saturates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import integer
from baler_root.format.networks.arithmetic import (
    INT_LIMIT,
    MAX_WIDTH,
    Floats,
    Ints,
    Operation,
    Step,
    Take,
    Value,
    floats_for,
)

ROWS = 1 << 13
"""Most rows that go through the layers at once."""


MAX_SHIFT = 40
"""Largest shift of a layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense(Operation):
    """`clip((weight @ x + bias + 2**(shift-1)) >> shift, low, high)` along the last axis; a ReLU is a `low`
    of 0.
    """

    kind: ClassVar[str] = "dense"

    weight: NDArray[np.int8]
    """(outputs, inputs)"""
    bias: NDArray[np.int32]
    """(outputs,), in units of the sums"""
    shift: int
    low: int
    high: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        outputs, inputs = self.weight.shape
        if inputs != operand.shape[-1] or self.bias.shape != (outputs,) or not 1 <= outputs <= MAX_WIDTH:
            raise CorruptFileError("does not fit the one before it")
        limits = -INT_LIMIT <= self.low < self.high < INT_LIMIT
        if not 1 <= self.shift <= MAX_SHIFT or not limits:
            raise CorruptFileError(f"shifts by {self.shift}, {self.low} to {self.high}")
        sums = np.abs(self.weight.astype(np.int16)).sum(axis=1, dtype=np.int64)
        largest = int(sums.max(initial=0)) * operand.largest
        largest += int(np.abs(self.bias.astype(np.int64)).max(initial=0)) + (1 << self.shift)
        dtype = floats_for(largest)
        # Scaling by powers of two is exact: shift before the sums, with the rounding in the bias.
        scale = dtype(2.0**-self.shift)
        kernel = np.ascontiguousarray(self.weight.T, dtype=dtype) * scale
        bias = (self.bias.astype(np.int64) + (1 << (self.shift - 1))).astype(dtype) * scale
        low, high = dtype(self.low), dtype(self.high)

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            # Without inputs, the number of rows does not follow from the size.
            flat = values.reshape(math.prod(values.shape[:-1]), inputs).astype(dtype, copy=False)
            sums = flat @ kernel
            sums += bias
            np.floor(sums, out=sums)
            np.clip(sums, low, high, out=sums)
            return np.reshape(sums, (*values.shape[:-1], outputs))

        result = Value((*operand.shape[:-1], outputs), self.low, self.high)
        return Step(run, result, products=result.size * inputs)

    def to_json(self) -> dict[str, Any]:
        """See `Operation`."""
        outputs = len(self.weight)
        return {"op": self.kind, "outputs": outputs, "shift": self.shift, "low": self.low, "high": self.high}

    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """See `Operation`."""
        return self.weight.reshape(-1), self.bias

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], operand: Value, weights: Take, biases: Take) -> Self:
        """See `Operation`."""
        return cls.read(entry, operand.shape[-1], weights, biases)

    @classmethod
    def read(cls, entry: Mapping[str, Any], inputs: int, weights: Take, biases: Take) -> Self:
        """The layer of this JSON with `inputs` inputs."""
        outputs = integer(entry["outputs"], 1, MAX_WIDTH)
        shift = integer(entry["shift"], 1, MAX_SHIFT)
        low, high = (integer(entry[key], -INT_LIMIT, INT_LIMIT - 1) for key in ("low", "high"))
        weight = weights(outputs * inputs).reshape(outputs, inputs)
        return cls(weight, biases(outputs), shift, low, high)

    def summary(self, result: Value) -> str:
        """See `Operation`."""
        return str(result)


class FixedPointNet:
    """Sequence of dense layers; called with (rows, inputs) codes, it returns (rows, outputs) codes."""

    def __init__(self, layers: Sequence[Dense], low: int, high: int) -> None:
        """`low` and `high` are limits of input codes; raises CorruptFileError for layers that cannot be
        computed exactly.
        """
        self.layers, self.low, self.high = tuple(layers), low, high
        self._steps: list[Step] = []
        value = Value((self.layers[0].weight.shape[1],), low, high)
        for number, layer in enumerate(self.layers):
            try:
                self._steps.append(layer.step([value]))
            except CorruptFileError as error:
                raise CorruptFileError(f"layer {number} {error}") from None
            value = self._steps[-1].result

    @property
    def products(self) -> int:
        """Multiplications for each row."""
        return sum(step.products for step in self._steps)

    def __reduce__(self) -> tuple[type[FixedPointNet], tuple[Sequence[Dense], int, int]]:
        """Pickle the layers only, for other processes."""
        return FixedPointNet, (self.layers, self.low, self.high)

    def __call__(self, codes: Ints) -> NDArray[np.int32]:
        """Codes of the last layer, (rows, outputs); input codes beyond the limits saturate."""
        outputs = np.empty((len(codes), self.layers[-1].weight.shape[0]), np.int32)
        for start in range(0, len(codes), ROWS):  # blocks that stay in the cache
            values: Floats = np.clip(codes[start : start + ROWS], self.low, self.high)
            for step in self._steps:
                values = step.run(values, {})
            outputs[start : start + ROWS] = values
        return outputs
