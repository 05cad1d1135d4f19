"""Operations of a program, except dense layers and attention (formats/networks.md#operations)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import integer
from baler_root.format.networks.arithmetic import Floats, Operation, Step, Take, Value, floats_for
from baler_root.format.networks.dense import Dense

MAX_AXES = 3


MAX_SIZE = 1 << 20
"""Most elements of a value of a row."""


MAX_KERNEL, MAX_STRIDE, MAX_UPSAMPLING = 15, 15, 4


@dataclass(frozen=True, slots=True)
class Reshape(Operation):
    """Changes the shape to (width,), (tokens, width) or (height, width, channels)."""

    kind: ClassVar[str] = "shape"

    shape: tuple[int, ...]

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        if not 1 <= len(self.shape) <= MAX_AXES or math.prod(self.shape) != operand.size:
            raise CorruptFileError(f"makes {operand} numbers to {list(self.shape)}")

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            return values.reshape(-1, *self.shape)

        return Step(run, Value(self.shape, operand.low, operand.high))

    def to_json(self) -> dict[str, Any]:
        """See `Operation`."""
        return {"op": self.kind, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], operand: Value, weights: Take, biases: Take) -> Self:  # noqa: ARG003
        """See `Operation`."""
        return cls(tuple(integer(length, 1, MAX_SIZE) for length in entry["shape"]))

    def summary(self, result: Value) -> str:
        """See `Operation`."""
        return str(result)


@dataclass(frozen=True, slots=True, eq=False)
class Offset(Operation):
    """Adds a table of the shape of the value, which distinguishes tokens or positions."""

    kind: ClassVar[str] = "offset"

    table: NDArray[np.int32]

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        if self.table.shape != operand.shape:
            raise CorruptFileError(f"adds a table of {list(self.table.shape)} to {operand} numbers")
        low, high = int(self.table.min()), int(self.table.max())
        result = Value(operand.shape, operand.low + low, operand.high + high)
        dtype = floats_for(max(operand.largest, result.largest, -low, high))
        table = self.table.astype(dtype)

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            return np.asarray(np.add(values, table, dtype=dtype))

        return Step(run, result)

    def to_json(self) -> dict[str, Any]:
        """See `Operation`."""
        return {"op": self.kind}

    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """See `Operation`."""
        return np.zeros(0, np.int8), self.table.reshape(-1)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], operand: Value, weights: Take, biases: Take) -> Self:  # noqa: ARG003
        """See `Operation`."""
        return cls(biases(operand.size).reshape(operand.shape))


@dataclass(frozen=True, slots=True)
class Add(Operation):
    """Adds the value `source`: 0 is the input of the program, `n` the result of its `n`th operation."""

    kind: ClassVar[str] = "add"

    source: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        source = integer(self.source, 0, len(values) - 2)
        operand, addend = values[-1], values[source]
        if operand.shape != addend.shape:
            raise CorruptFileError(f"adds {addend} numbers to {operand}")
        result = Value(operand.shape, operand.low + addend.low, operand.high + addend.high)
        dtype = floats_for(max(operand.largest, addend.largest, result.largest))

        def run(values: Floats, earlier: Mapping[int, Floats]) -> Floats:
            return np.asarray(np.add(values, earlier[source], dtype=dtype))

        return Step(run, result)


@dataclass(frozen=True, slots=True)
class Norm(Operation):
    """Subtracts the mean of the features and divides by their root mean square; the result is in units of
    `2**-bits`.

    With `n` features and `d` their differences to the mean, rounded, `y = (2**(bits+1) * n * d + r) // (2 *
    r)` where `r = max(1, isqrt(n * sum(d * d)))`.
    """

    kind: ClassVar[str] = "norm"

    bits: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        n, scale = operand.shape[-1], 1 << (integer(self.bits, 0, 15) + 1)
        spread = operand.high - operand.low
        # The second limit: a root is exact if its square is below half of the exact range of the floats.
        limits = (2 * n * operand.largest + 3 * n, 2 * (n * spread) ** 2, scale * n * spread + 3 * n * spread)
        dtype = floats_for(max(limits))
        ones, factor = np.ones((n, 1), dtype), dtype(scale * n)
        # isqrt(n * d * d) is at least isqrt(n) * |d|.
        bound = -(-n // math.isqrt(n)) << self.bits

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            flat: Floats = values.reshape(-1, n).astype(dtype)
            flat -= np.floor((2 * (flat @ ones) + n) / (2 * n))
            root = np.floor(np.sqrt((flat * flat) @ ones * n))
            np.maximum(root, 1, out=root)
            flat *= factor
            flat += root
            flat /= 2 * root
            np.floor(flat, out=flat)
            return flat.reshape(values.shape)

        return Step(run, Value(operand.shape, -bound, bound))


@dataclass(frozen=True, slots=True, eq=False)
class Conv(Operation):
    """A dense layer on the square around every `stride`th position of a grid, with zeros beyond its edges.

    The layer's inputs are (kernel, kernel, channels), `kernel` odd; the result has ceil(height / stride)
    rows.
    """

    kind: ClassVar[str] = "conv"

    layer: Dense
    kernel: int
    stride: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        if len(operand.shape) != MAX_AXES:
            raise CorruptFileError(f"needs a grid, not {operand} numbers")
        height, width, channels = operand.shape
        kernel, stride = _odd_kernel(self.kernel), integer(self.stride, 1, MAX_STRIDE)
        edge = kernel // 2
        inputs = kernel * kernel * channels
        grid = (-(-height // stride), -(-width // stride))
        dense = self.layer.step([Value((*grid, inputs), min(operand.low, 0), max(operand.high, 0))])

        def run(values: Floats, earlier: Mapping[int, Floats]) -> Floats:
            padded = np.pad(values, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
            squares = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
            squares = squares[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)
            return dense.run(squares.reshape(-1, *grid, inputs), earlier)

        return Step(run, dense.result, dense.products, scratch=math.prod(grid) * inputs)

    def to_json(self) -> dict[str, Any]:
        """See `Operation`."""
        return {**self.layer.to_json(), "op": self.kind, "kernel": self.kernel, "stride": self.stride}

    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """See `Operation`."""
        return self.layer.arrays()

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], operand: Value, weights: Take, biases: Take) -> Self:
        """See `Operation`."""
        kernel = _odd_kernel(entry["kernel"])
        layer = Dense.read(entry, kernel * kernel * operand.shape[-1], weights, biases)
        return cls(layer, kernel, entry["stride"])

    def summary(self, result: Value) -> str:
        """See `Operation`."""
        return str(result)


def _odd_kernel(kernel: Any) -> int:
    if integer(kernel, 1, MAX_KERNEL) % 2 == 0:
        raise CorruptFileError(f"an odd kernel expected, not {kernel}")
    return int(kernel)


@dataclass(frozen=True, slots=True)
class Upsample(Operation):
    """Enlarges a grid by repeating positions: `y[i, j] = x[i * h // height, j * w // width]`."""

    kind: ClassVar[str] = "upsample"

    height: int
    width: int

    def step(self, values: Sequence[Value]) -> Step:
        """See `Operation`."""
        operand = values[-1]
        if len(operand.shape) != MAX_AXES:
            raise CorruptFileError(f"needs a grid, not {operand} numbers")
        height, width, channels = operand.shape
        for old, new in ((height, self.height), (width, self.width)):
            integer(new, old, MAX_UPSAMPLING * old)
        rows = np.arange(self.height) * height // self.height
        columns = np.arange(self.width) * width // self.width

        def run(values: Floats, _: Mapping[int, Floats]) -> Floats:
            return np.asarray(values[:, rows][:, :, columns])

        result = Value((self.height, self.width, channels), operand.low, operand.high)
        return Step(run, result)

    def summary(self, result: Value) -> str:
        """See `Operation`."""
        return str(result)
