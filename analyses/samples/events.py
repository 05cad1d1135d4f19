"""Reconstructed events in GeV, before they are written with one of the schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import awkward as ak
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Events:
    """Reconstructed events."""

    lists: dict[str, ak.Array]
    """Lists of objects by name, each in falling order of pt."""
    scalars: dict[str, NDArray[Any]]
    """One number for each event, by name."""

    def __len__(self) -> int:
        return len(next(iter(self.scalars.values())))

    def take(self, index: NDArray[Any] | slice) -> Self:
        """The events at these positions, or with these flags."""
        return type(self)(
            {name: objects[index] for name, objects in self.lists.items()},
            {name: values[index] for name, values in self.scalars.items()},
        )

    def with_scalars(self, **scalars: NDArray[Any]) -> Self:
        """A copy with some scalars added or replaced."""
        return type(self)(self.lists, {**self.scalars, **scalars})

    @classmethod
    def concatenate(cls, parts: Sequence[Events]) -> Self:
        """All parts, one after another: at least one, all with the same names."""
        return cls(
            {name: ak.concatenate([part.lists[name] for part in parts]) for name in parts[0].lists},
            {name: np.concatenate([part.scalars[name] for part in parts]) for name in parts[0].scalars},
        )
