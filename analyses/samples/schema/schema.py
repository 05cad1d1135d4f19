"""Schemas: the name of a tree, and the type and source of each of its branches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from ..events import Events
from ..jagged import flat, lengths, records

Columns = dict[str, "NDArray[Any] | ak.Array"]
"""One array for each branch or list of objects."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch, or one field of a list of objects."""

    name: str
    dtype: str
    """NumPy dtype, or "string"."""
    source: str
    """Name of the number in `Events`; for objects also `energy`, which is computed."""
    unit: float = 1.0
    """Value of one GeV in the unit of this branch."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema of a tree of the ATLAS Open Data."""

    name: str
    tree: str
    scalars: tuple[Branch, ...]
    lists: dict[str, tuple[Branch, ...]]
    """Fields of each list by prefix, such as `photon` for photon_n, photon_pt, …; the list in `Events` has
    the prefix as its name, in lower case."""
    run_numbers: tuple[int, int]
    """First and last run number of data."""
    plain: tuple[str, Branch] | None = None
    """(Name of the length, branch) of a list of numbers: `n_sig_ph` and `sig_ph`."""

    def types(self) -> dict[str, str]:
        """Types for `uproot.mktree`; the objects of a list share its length."""
        return {
            **{branch.name: branch.dtype for branch in self.scalars},
            **{
                prefix: "var * {" + ", ".join(f"{field.name}: {field.dtype}" for field in fields) + "}"
                for prefix, fields in self.lists.items()
            },
            **({self.plain[1].name: f"var * {self.plain[1].dtype}"} if self.plain else {}),
        }

    def counter(self, prefix: str) -> str:
        """Name of the branch with the lengths of a list."""
        return self.plain[0] if self.plain and prefix == self.plain[1].name else f"{prefix}_n"

    def branches(self) -> Iterator[tuple[str, str]]:
        """(Name, type) of every branch; the type is `float32`, or `float32[]` for one number per object."""
        yield from ((branch.name, branch.dtype) for branch in self.scalars)
        for prefix, fields in self.lists.items():
            yield self.counter(prefix), "int32"
            yield from ((f"{prefix}_{field.name}", f"{field.dtype}[]") for field in fields)
        if self.plain:
            yield self.plain[0], "int32"
            yield self.plain[1].name, f"{self.plain[1].dtype}[]"

    def columns(self, events: Events) -> Columns:
        """The events in the units and types of this schema, one array for each of `types()`."""
        arrays: Columns = {
            branch.name: _converted(events.scalars[branch.source], branch) for branch in self.scalars
        }
        for prefix, fields in self.lists.items():
            objects = events.lists[prefix.lower()]
            arrays[prefix] = records(
                lengths(objects),
                **{field.name: _converted(_values(objects, field.source), field) for field in fields},
            )
        if self.plain:
            numbers = events.lists[self.plain[1].source]
            arrays[self.plain[1].name] = ak.values_astype(numbers, self.plain[1].dtype)
        return arrays


def _values(objects: ak.Array, source: str) -> NDArray[Any]:
    if source != "energy":
        return flat(objects[source])
    return np.asarray(np.hypot(flat(objects.pt) * np.cosh(flat(objects.eta)), flat(objects.mass)))


def _converted(values: NDArray[Any], branch: Branch) -> NDArray[Any] | ak.Array:
    if branch.dtype == "string":
        return ak.Array(values.tolist())
    return (values * branch.unit if branch.unit != 1.0 else values).astype(branch.dtype)
