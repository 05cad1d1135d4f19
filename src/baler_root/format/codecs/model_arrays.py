"""Arrays and checked integers in the bytes of models, of all kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError
from baler_root.format.binary.bounded_json import integer
from baler_root.format.codecs.axis import SHARE_BITS, QuantileAxis

MAX_MODEL_LENGTH = 1 << 26
"""Most bytes of each part of a model."""


MAX_COLUMNS = 1 << 16
"""Most columns of a model."""


MAX_PLACES = 1 << 25
"""Most places on all axes of a model: a few knots may claim 2**20 places, each of which takes memory."""


class ArrayReader:
    """Reads an array piece by piece."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.position = array, 0

    def take(self, count: int) -> NDArray[Any]:
        """The next `count` values; raises CorruptFileError if there are fewer."""
        if count > len(self.array) - self.position:
            raise CorruptFileError("its arrays are too short")
        self.position += count
        return self.array[self.position - count : self.position]

    def finish(self) -> None:
        """Raise CorruptFileError unless the whole array is read."""
        if self.position != len(self.array):
            raise CorruptFileError("its arrays are too long")


def joined(arrays: Iterable[NDArray[Any]], dtype: Any) -> NDArray[Any]:
    """Concatenates arrays to one flat array of this dtype."""
    return np.concatenate([np.zeros(0, dtype), *(array.reshape(-1).astype(dtype) for array in arrays)])


def axis_arrays(axis: QuantileAxis) -> list[NDArray[np.uint32]]:
    """The knots of an axis as a model stores them: steps of positions, steps of shares."""
    return [np.diff(axis.positions).astype(np.uint32), np.diff(axis.shares).astype(np.uint32)]


def axis_from_arrays(low: Any, positions: NDArray[Any], shares: NDArray[Any]) -> QuantileAxis:
    """The axis with these `axis_arrays`; raises CorruptFileError if they are not valid."""
    return QuantileAxis(integer(low), _summed(positions), _summed(shares))


def check_places(axes: Iterable[QuantileAxis]) -> None:
    """Raise CorruptFileError if the axes have more than MAX_PLACES places in total."""
    if (num_places := sum(axis.length for axis in axes)) > MAX_PLACES:
        raise CorruptFileError(f"axes of {num_places} places together")


def _summed(steps: NDArray[Any]) -> NDArray[np.int64]:
    if len(steps) > 1 << SHARE_BITS:
        raise CorruptFileError("an axis of too many knots")
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(steps, dtype=np.int64)])


def count(value: Any, limit: int) -> int:
    """The value, which must be an integer from 0 to `limit`; raises CorruptFileError."""
    if not 0 <= integer(value) <= limit:
        raise CorruptFileError(f"a count up to {limit} expected, not {value}")
    return int(value)
