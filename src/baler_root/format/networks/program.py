"""`Program`: a network of integer operations with identical bits on every machine (formats/networks.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import integer
from baler_root.format.networks.arithmetic import (
    INT_LIMIT,
    Floats,
    Ints,
    Operation,
    Step,
    Take,
    Value,
    floats_for,
)
from baler_root.format.networks.attention import Attention
from baler_root.format.networks.dense import Dense
from baler_root.format.networks.operations import MAX_SIZE, Add, Conv, Norm, Offset, Reshape, Upsample

MAX_OPERATIONS = 256
"""Most operations of a program."""


MAX_PRODUCTS = 1 << 28
"""Most multiplications for each row."""


MAX_NUMBERS = 1 << 23
"""Most numbers for each row, in all values and intermediate results."""


BLOCK = 1 << 19
"""Numbers of the rows that go through the operations together: they should stay in the cache."""


KINDS: Mapping[str, type[Operation]] = {
    kind.kind: kind for kind in (Dense, Reshape, Offset, Add, Norm, Attention, Conv, Upsample)
}


class Program:
    """Sequence of operations; called with (rows, inputs) codes, it returns (rows, outputs) codes."""

    outputs: int
    """Outputs for each row."""
    products: int
    """Multiplications for each row."""
    numbers: int
    """Numbers for each row, in all values and intermediate results."""

    def __init__(self, operations: Sequence[Operation], inputs: int, low: int, high: int) -> None:
        """`low` and `high` are limits of the input codes.

        Raises CorruptFileError for operations that do not fit, cannot be computed exactly or exceed the
        limits above.
        """
        self.operations, self.inputs, self.low, self.high = tuple(operations), inputs, low, high
        values = [_input(inputs, low, high)]
        self._steps: list[Step] = []
        for operation in self.operations:
            self._steps.append(_step(operation, values))
            values.append(self._steps[-1].result)
        self._last = {op.source: number for number, op in enumerate(self.operations) if isinstance(op, Add)}
        """For each value used by an Add: the last operation that adds it."""
        self.products = sum(step.products for step in self._steps)
        self.numbers = inputs + sum(step.result.size + step.scratch for step in self._steps)
        if self.products > MAX_PRODUCTS or self.numbers > MAX_NUMBERS:
            raise CorruptFileError(
                f"a program of {self.products} products and {self.numbers} numbers for each row"
            )
        if not -INT_LIMIT <= values[-1].low <= values[-1].high < INT_LIMIT:
            raise CorruptFileError("the outputs of a program do not fit 32 bits")
        self.outputs = values[-1].size
        num_earlier = sum(values[source].size for source in self._last)
        max_numbers = max((step.result.size + step.scratch for step in self._steps), default=inputs)
        self._rows, self._dtype = max(1, BLOCK // (num_earlier + max_numbers)), floats_for(values[0].largest)

    def __reduce__(self) -> tuple[type[Program], tuple[Sequence[Operation], int, int, int]]:
        """Pickle the operations only, for other processes."""
        return Program, (self.operations, self.inputs, self.low, self.high)

    @classmethod
    def from_json(
        cls,
        operations: Sequence[Any],
        inputs: int,
        low: int,
        high: int,
        take_weights: Take,
        take_biases: Take,
    ) -> Program:
        """The program with this JSON (`to_json`) and these arrays (`arrays`); raises CorruptFileError if it
        is not valid.

        `take_weights(count)` and `take_biases(count)` read the next `count` of each, or raise
        CorruptFileError.
        """
        if not isinstance(operations, list):
            raise CorruptFileError("the operations of a program are not a list")
        values, parsed = [_input(inputs, low, high)], list[Operation]()
        for entry in operations:
            try:
                operation = KINDS[entry["op"]].from_json(entry, values[-1], take_weights, take_biases)
            except (KeyError, TypeError) as error:
                raise CorruptFileError(f"no operation: {entry!r:.200} ({error})") from None
            values.append(_step(operation, values).result)
            if operation.to_json() != entry:
                raise CorruptFileError(f"operation {len(parsed)} says more than is known: {entry!r:.200}")
            parsed.append(operation)
        return cls(parsed, inputs, low, high)

    @property
    def weights(self) -> int:
        """Number of trained integers: weights, biases and tables."""
        return sum(len(array) for arrays in self.arrays() for array in arrays)

    def __call__(self, codes: Ints) -> NDArray[np.int32]:
        """Codes of the last operation, (rows, outputs); input codes beyond the limits saturate."""
        outputs = np.empty((len(codes), self.outputs), np.int32)
        for start in range(0, len(codes), self._rows):
            block = self._run_block(codes[start : start + self._rows])
            outputs[start : start + self._rows] = block.reshape(len(block), -1)
        return outputs

    def _run_block(self, codes: Ints) -> Floats:
        """Last value of a block of rows, as floats of its shape."""
        values: Floats = np.clip(codes.astype(self._dtype), self.low, self.high)
        earlier: dict[int, Floats] = {}
        for number, step in enumerate(self._steps):
            if number in self._last:
                earlier[number] = values
            values = step.run(values, earlier)
            earlier = {source: value for source, value in earlier.items() if self._last[source] > number}
        return values

    def describe(self) -> str:
        """Short description of the architecture, such as `24→64→64→8`."""
        summaries = (op.summary(step.result) for op, step in zip(self.operations, self._steps, strict=True))
        return "→".join((str(self.inputs), *filter(None, summaries)))

    def to_json(self) -> list[dict[str, Any]]:
        """JSON of the operations without their arrays."""
        return [operation.to_json() for operation in self.operations]

    def arrays(self) -> tuple[list[NDArray[np.int8]], list[NDArray[np.int32]]]:
        """Weights, and biases and tables, of the operations that have any, as flat arrays."""
        pairs = [operation.arrays() for operation in self.operations]
        weights, biases = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return [array for array in weights if len(array)], [array for array in biases if len(array)]


def _input(inputs: int, low: int, high: int) -> Value:
    """Shape and limits of the input of a program."""
    integer(low, -INT_LIMIT, integer(high, 1 - INT_LIMIT, INT_LIMIT - 1) - 1)
    return Value((integer(inputs, 1, MAX_SIZE),), low, high)


def _step(operation: Operation, values: Sequence[Value]) -> Step:
    """Prepare the operation on the last of these values; raises CorruptFileError if it does not fit."""
    number = len(values) - 1
    try:
        integer(number, 0, MAX_OPERATIONS - 1)
        step = operation.step(values)
        integer(step.result.size, 1, MAX_SIZE)
    except CorruptFileError as error:
        raise CorruptFileError(f"operation {number} ({operation.kind}): {error}") from None
    return step
