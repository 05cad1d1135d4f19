"""`FixedPointNet`: a network of integers that gives the same bits everywhere (formats/codecs.md#networks).

Codes are integers that stand for `code × 2**-bits`. A dense layer sums products, adds its bias, divides by a
power of two rounding half up, and saturates. As long as no sum leaves what a float can count, matrix products
of floats are exact, whatever their order, library or thread count: BLAS speed, and the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

Ints = NDArray[np.integer]

EXACT_SINGLE, EXACT_DOUBLE = 1 << 24, 1 << 53
"""Integers up to here are exact in float32 and float64."""

ROWS = 1 << 13
"""Rows that go through the layers at once."""

MAX_WIDTH = 4096
"""Inputs or outputs of a layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """`clip((weight @ x + bias + 2**(shift-1)) >> shift, low, high)`; a ReLU is a `low` of 0."""

    weight: NDArray[np.int8]
    """(outputs, inputs)"""
    bias: NDArray[np.int32]
    """(outputs,), in units of the sums"""
    shift: int
    low: int
    high: int


class FixedPointNet:
    """Dense layers one after another; calling it with (rows, inputs) codes gives (rows, outputs) codes."""

    def __init__(self, layers: Sequence[Dense], low: int, high: int) -> None:
        """`low` and `high` bound the input codes. Raises CorruptFileError for layers that cannot be computed exactly."""
        self.layers, self.low, self.high = tuple(layers), low, high
        self._kernels = []
        for number, layer in enumerate(self.layers):
            outputs, inputs = layer.weight.shape
            before = self.layers[number - 1].weight.shape[0] if number else inputs
            if inputs != before or layer.bias.shape != (outputs,) or not 1 <= outputs <= MAX_WIDTH:
                raise CorruptFileError(f"layer {number} does not fit the one before it")
            limits = -(1 << 31) <= layer.low < layer.high < 1 << 31
            if not 1 <= layer.shift <= 40 or not limits or low >= high:
                raise CorruptFileError(f"layer {number} shifts by {layer.shift}, {layer.low} to {layer.high}")
            largest = int(np.abs(layer.weight.astype(np.int64)).sum(axis=1).max(initial=0)) * max(-low, high)
            largest += int(np.abs(layer.bias.astype(np.int64)).max(initial=0)) + (1 << layer.shift)
            if largest >= EXACT_DOUBLE:
                raise CorruptFileError(f"layer {number} has sums of up to {largest}")
            dtype = np.float32 if largest < EXACT_SINGLE else np.float64
            rounded = layer.bias.astype(np.int64) + (1 << (layer.shift - 1))
            self._kernels.append(
                (np.ascontiguousarray(layer.weight.T, dtype=dtype), rounded.astype(dtype), 2.0**-layer.shift)
            )
            low, high = layer.low, layer.high

    def __call__(self, codes: Ints) -> NDArray[np.int32]:
        """The codes of the last layer, (rows, outputs); codes beyond the input's bounds saturate."""
        out = np.empty((len(codes), self.layers[-1].weight.shape[0]), np.int32)
        for start in range(0, len(codes), ROWS):
            out[start : start + ROWS] = self._few(codes[start : start + ROWS])
        return out

    def _few(self, codes: Ints) -> NDArray[Any]:
        """The same for few rows, which stay in the processor's cache; as floats."""
        values: NDArray[Any] = np.clip(codes, self.low, self.high)
        for (kernel, bias, scale), layer in zip(self._kernels, self.layers, strict=True):
            values = np.matmul(values.astype(kernel.dtype, copy=False), kernel)
            values += bias
            values *= kernel.dtype.type(scale)
            np.floor(values, out=values)
            np.clip(values, layer.low, layer.high, out=values)
        return values
