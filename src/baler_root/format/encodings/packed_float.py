"""`Double32_t` and `Float16_t` with a range: values that ROOT stored as integers on a lattice.

The values were made as integer x step + low, and can be kept as those integers exactly
(formats/pages.md#lattice). Whether a column really lies on its lattice is checked value by value.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_STORAGE = re.compile(r"As(?:Double32|Float16)\(([^,]+), ([^,]+), (\d+)")


@dataclass(frozen=True, slots=True)
class Lattice:
    """Values `float64(integer) * step + low`, then cast to the column's type."""

    step: float
    low: float

    @classmethod
    def of(cls, interpretation: str) -> Self | None:
        """The lattice of a branch, from uproot's interpretation of it; None when it has none."""
        match = _STORAGE.search(interpretation)
        if match is None:
            return None
        low, high, bits = float(match[1]), float(match[2]), int(match[3])
        step = (high - low) / (1 << bits) if bits <= 32 else 0.0
        lattice = cls(step, low)
        return lattice if high > low and lattice.is_sound else None

    @property
    def is_sound(self) -> bool:
        """Whether the values of all integers are finite."""
        return self.step > 0 and math.isfinite(self.low + self.step * (1 << 32))

    def integers(self, values: NDArray[Any]) -> NDArray[np.uint32] | None:
        """The integers behind the values; None unless every value comes back bit for bit."""
        if values.dtype.kind != "f":
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            near = np.rint((values.astype(np.float64) - self.low) / self.step)
            if not len(near) or not (near.min() >= 0 and near.max() < 1 << 32):
                return None
            integers = near.astype(np.uint32)
        unsigned = f"u{values.dtype.itemsize}"
        same = self.values(integers, values.dtype).view(unsigned) == values.view(unsigned)
        return integers if same.all() else None

    def values(self, integers: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The values of these integers; one rounded multiplication, one rounded addition, one cast."""
        scaled = integers.astype(np.float64)
        scaled *= self.step
        scaled += self.low
        with np.errstate(over="ignore"):
            return scaled.astype(dtype, copy=False)
