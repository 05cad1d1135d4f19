"""Events as the detector sees them, in GeV, before they are written in one of the schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import awkward as ak
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Events:
    """Lists of reconstructed objects, hardest first, and one number per event for everything else."""

    lists: dict[str, ak.Array]
    scalars: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.scalars.values())))

    def take(self, which: NDArray[Any] | slice) -> Self:
        """The events of these places, or flagged."""
        return type(self)(
            {name: objects[which] for name, objects in self.lists.items()},
            {name: values[which] for name, values in self.scalars.items()},
        )

    def with_scalars(self, **scalars: NDArray[Any]) -> Self:
        """The same with some numbers added or replaced."""
        return type(self)(self.lists, {**self.scalars, **scalars})

    @classmethod
    def concatenate(cls, parts: Sequence[Events]) -> Self:
        """All parts, one after another; there is at least one, and all have the same names."""
        return cls(
            {name: ak.concatenate([part.lists[name] for part in parts]) for name in parts[0].lists},
            {name: np.concatenate([part.scalars[name] for part in parts]) for name in parts[0].scalars},
        )
