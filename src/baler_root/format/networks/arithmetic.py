"""Integer arithmetic in floats: limits of values, and operations that stay within them.

As long as all numbers are integers that a float represents exactly, sums and products are exact, whatever
their order, library or number of threads: the speed of BLAS with identical bits
(formats/networks.md#arithmetic).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError

Ints = NDArray[np.integer]


Floats = NDArray[Any]
"""float32 or float64 with whole numbers; the first axis is the rows."""


Take = Callable[[int], NDArray[Any]]
"""Function that reads the next integers of an array, given their count; raises CorruptFileError if there are
fewer.
"""


EXACT_SINGLE, EXACT_DOUBLE = 1 << 24, 1 << 53
"""Integers up to here are exact in float32 and float64."""


INT_LIMIT = 1 << 31
"""Codes, biases and limits have 32 bits: from minus this to below this."""


MAX_WIDTH = 4096
"""Most inputs or outputs of a layer."""


def floats_for(limit: int) -> type[Any]:
    """float32 or float64 for integers up to `limit`; raises CorruptFileError if neither is exact.

    For |a| + b up to `limit`, floor(a / b) of correctly rounded floats equals that of the integers.
    """
    if limit >= EXACT_DOUBLE:
        raise CorruptFileError(f"has sums of up to {limit}")
    return np.float32 if limit < EXACT_SINGLE else np.float64


@dataclass(frozen=True, slots=True)
class Value:
    """Shape and limits of a value of a row, known before it is computed; the last axis has the features."""

    shape: tuple[int, ...]
    low: int
    high: int

    @property
    def size(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)

    @property
    def largest(self) -> int:
        """Largest absolute value of its elements."""
        return max(abs(self.low), abs(self.high))

    def __str__(self) -> str:
        return "×".join(map(str, self.shape))


@dataclass(frozen=True, slots=True)
class Step:
    """Operation prepared for values of one shape."""

    run: Callable[[Floats, Mapping[int, Floats]], Floats]
    """Function from the last value, (rows, *shape), and earlier ones by number, to the next one; changes
    neither.
    """
    result: Value
    """Shape and limits of the next value."""
    products: int = 0
    """Multiplications for each row."""
    scratch: int = 0
    """Numbers of intermediate results for each row."""


class Operation:
    """Operation of a program: a dataclass whose integers are its JSON; its arrays are stored separately."""

    __slots__ = ()
    kind: ClassVar[str]
    """Name in JSON."""

    def step(self, values: Sequence[Value]) -> Step:
        """Prepare the operation on the last of these values; raises CorruptFileError if it does not fit."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """JSON of the operation without its arrays."""
        return {"op": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}  # type: ignore[arg-type]

    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """Weights and biases, as flat arrays."""
        return np.zeros(0, np.int8), np.zeros(0, np.int32)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], operand: Value, weights: Take, biases: Take) -> Self:  # noqa: ARG003
        """The operation of this JSON, on a value like `operand`, with the next weights and biases."""
        return cls(**{field.name: entry[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def summary(self, result: Value) -> str:  # noqa: ARG002
        """Short description for users, given the next value; may be empty."""
        return ""
