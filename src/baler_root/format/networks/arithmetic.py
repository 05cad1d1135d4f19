"""Integers that floats count exactly: what is known of a value before it is computed, and what computes it.

As long as no number leaves what a float can count, its sums and products are those of integers, whatever their
order, library or thread count: BLAS speed, and the same bits (formats/networks.md#arithmetic).
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
"""float32 or float64, all of whole numbers; the first axis is the rows."""


Take = Callable[[int], NDArray[Any]]
"""Gives the next so many integers of an array, or raises CorruptFileError."""


EXACT_SINGLE, EXACT_DOUBLE = 1 << 24, 1 << 53
"""Integers up to here are exact in float32 and float64."""


INT_LIMIT = 1 << 31
"""Codes, biases and limits are from minus this to below this."""


MAX_WIDTH = 4096
"""Inputs or outputs of a layer."""


def floats_for(limit: int) -> type[Any]:
    """float32 or float64, for integers up to `limit`; CorruptFileError if neither is exact.

    With |a| + b up to `limit`, floor(a / b) of correctly rounded floats is that of the integers as well.
    """
    if limit >= EXACT_DOUBLE:
        raise CorruptFileError(f"has sums of up to {limit}")
    return np.float32 if limit < EXACT_SINGLE else np.float64


def integer(value: Any, low: int, high: int) -> int:
    """The value, if it is an integer in these limits; raises CorruptFileError."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise CorruptFileError(f"an integer from {low} to {high} expected, not {value!r}")
    return value


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value of a row: its shape, the features last, and limits of its numbers."""

    shape: tuple[int, ...]
    low: int
    high: int

    @property
    def size(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)

    @property
    def largest(self) -> int:
        """No number is larger than this, whatever its sign."""
        return max(abs(self.low), abs(self.high))

    def __str__(self) -> str:
        return "×".join(map(str, self.shape))


@dataclass(frozen=True, slots=True)
class Step:
    """An operation ready to run on values of one kind."""

    run: Callable[[Floats, Mapping[int, Floats]], Floats]
    """Gives the next value of (rows, *shape) from the last one and from earlier ones by number; changes neither."""
    after: Value
    products: int = 0
    """Multiplications of its sums, for each row."""
    scratch: int = 0
    """Numbers of a row in a table that it makes in between."""


class Operation:
    """One operation of a program: a dataclass whose integers are its JSON, and whose arrays travel apart from it."""

    __slots__ = ()
    kind: ClassVar[str]

    def step(self, values: Sequence[Value]) -> Step:
        """The operation on the last of these values, all that are known before it; CorruptFileError if it does not fit."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """What `from_json` needs beside the arrays."""
        return {"op": self.kind, **{field.name: getattr(self, field.name) for field in fields(self)}}  # type: ignore[arg-type]

    def arrays(self) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
        """Weights and biases, flat."""
        return np.zeros(0, np.int8), np.zeros(0, np.int32)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any], before: Value, weights: Take, biases: Take) -> Self:  # noqa: ARG003
        """The operation that this describes, on a value like `before`, with the next weights and biases."""
        return cls(**{field.name: entry[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def word(self, after: Value) -> str:  # noqa: ARG002
        """What people should read of it, given what it makes; may be nothing."""
        return ""
