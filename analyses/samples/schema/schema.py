"""What a schema is: a tree's name, and for every branch its type and where it comes from."""

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


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch, or one field of the branches of a list of objects."""

    name: str
    dtype: str
    """Of numpy; "string" for text."""
    source: str
    """Which number of the events; those of objects also `energy`."""
    unit: float = 1.0
    """What one GeV is in this branch."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A tree of the ATLAS Open Data."""

    name: str
    tree: str
    scalars: tuple[Branch, ...]
    lists: dict[str, tuple[Branch, ...]]
    """By prefix: `photon` for branches photon_n, photon_pt and so on; filled from the list of that name, in
    small letters."""
    run_numbers: tuple[int, int]
    """Between which runs of data are."""
    plain: tuple[str, Branch] | None = None
    """A list of numbers, and its length: `sig_ph` and `n_sig_ph`."""

    def types(self) -> dict[str, str]:
        """What `uproot.mktree` wants to know; objects of one list share its length."""
        return {
            **{branch.name: branch.dtype for branch in self.scalars},
            **{
                prefix: "var * {" + ", ".join(f"{field.name}: {field.dtype}" for field in fields) + "}"
                for prefix, fields in self.lists.items()
            },
            **({self.plain[1].name: f"var * {self.plain[1].dtype}"} if self.plain else {}),
        }

    def counter(self, prefix: str) -> str:
        """Name of the branch with the number of objects of a list."""
        return self.plain[0] if self.plain and prefix == self.plain[1].name else f"{prefix}_n"

    def branches(self) -> Iterator[tuple[str, str]]:
        """Name and type of every branch: `float32`, or `float32[]` for one number per object."""
        yield from ((branch.name, branch.dtype) for branch in self.scalars)
        for prefix, fields in self.lists.items():
            yield self.counter(prefix), "int32"
            yield from ((f"{prefix}_{field.name}", f"{field.dtype}[]") for field in fields)
        if self.plain:
            yield self.plain[0], "int32"
            yield self.plain[1].name, f"{self.plain[1].dtype}[]"

    def columns(self, events: Events) -> Columns:
        """The events in the units and types of this schema, one column for each of `types()`."""
        found: Columns = {
            branch.name: _converted(events.scalars[branch.source], branch) for branch in self.scalars
        }
        for prefix, fields in self.lists.items():
            objects = events.lists[prefix.lower()]
            found[prefix] = records(
                lengths(objects),
                **{field.name: _converted(_of(objects, field.source), field) for field in fields},
            )
        if self.plain:
            numbers = events.lists[self.plain[1].source]
            found[self.plain[1].name] = ak.values_astype(numbers, self.plain[1].dtype)
        return found


def _of(objects: ak.Array, source: str) -> NDArray[Any]:
    if source != "energy":
        return flat(objects[source])
    return np.asarray(np.hypot(flat(objects.pt) * np.cosh(flat(objects.eta)), flat(objects.mass)))


def _converted(values: NDArray[Any], branch: Branch) -> NDArray[Any] | ak.Array:
    if branch.dtype == "string":
        return ak.Array(values.tolist())
    return (values * branch.unit if branch.unit != 1.0 else values).astype(branch.dtype)
