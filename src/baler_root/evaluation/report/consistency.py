"""Consistency of columns: energies, momenta and masses of four-vectors, which are found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from baler_root._types import Values
from baler_root.evaluation.report.fidelity import Moments
from baler_root.evaluation.report.pairs import PairedColumn

_PT = re.compile(r"(?P<stem>.*?)(?P<name>pt|Pt|PT)")


_OTHERS = {"pt": ("eta", "phi"), "Pt": ("Eta", "Phi"), "PT": ("Eta", "Phi")}


ENERGY = ("E", "e", "energy", "Energy")


MASS = ("m", "mass", "M", "Mass")


ROUNDING = 1e-6
"""m² counts as negative below −1e-6 E²; closer to 0, rounding to single precision can make it so."""


@dataclass(slots=True)
class _Side:
    negative: int = 0
    relation: Moments = field(default_factory=Moments)


@dataclass(frozen=True, slots=True)
class FourVectorConsistency:
    """One kind of object with pt, η, φ and E, and possibly m; p = pt cosh η."""

    tree: str
    name: str
    columns: tuple[str, ...]
    objects: int
    negative_before: int
    """Objects whose m² = E² − p² is more negative than rounding can make it."""
    negative_after: int
    relation: str
    """Relation that should be 0: (E² − p² − m²) / E² if the mass is stored, else (E − p) / E."""
    rms_before: float
    rms_after: float
    change_rms: float
    """RMS change of (E² − p²) / E², object by object."""
    change_max: float


class Consistency:
    """Accumulates `FourVectorConsistency` for every kind of object, cluster by cluster."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], _Objects] = {}

    def add(self, columns: list[PairedColumn]) -> None:
        """Adds the columns of a cluster."""
        by_name = {(column.tree, column.name): column for column in columns}
        for stem, parts in _four_vectors(by_name):
            key = parts[0].tree, stem
            if key not in self._objects:
                self._objects[key] = _Objects(tuple(part.name for part in parts))
            self._objects[key].add(parts)

    def result(self) -> list[FourVectorConsistency]:
        """All kinds of objects, in the order of the file."""
        return [objects.result(tree, stem) for (tree, stem), objects in self._objects.items()]


class _Objects:
    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.objects = 0
        self.before, self.after, self.change = _Side(), _Side(), Moments()

    def add(self, parts: list[PairedColumn]) -> None:
        self.objects += len(parts[0].original)
        before, after = (
            _measured(side, values)
            for side, values in (
                (self.before, [part.original for part in parts]),
                (self.after, [part.decompressed for part in parts]),
            )
        )
        difference = after - before
        self.change.add(difference[np.isfinite(difference)])

    def result(self, tree: str, stem: str) -> FourVectorConsistency:
        has_mass = len(self.columns) > 4
        return FourVectorConsistency(
            tree, stem, self.columns, self.objects, self.before.negative, self.after.negative,
            "(E² − p² − m²) / E²" if has_mass else "(E − p) / E",
            self.before.relation.rms, self.after.relation.rms, self.change.rms, self.change.largest,
        )  # fmt: skip


def _measured(side: _Side, values: list[Values]) -> Values:
    """(E² − p²) / E² of each object; the relation and the negative m² are added to `side`."""
    pt, eta, _, energy, *mass = (column.astype(np.float64) for column in values)
    with np.errstate(all="ignore"):
        momentum = pt * np.cosh(eta)
        square = (energy - momentum) * (energy + momentum) / energy**2
        relation = square - (mass[0] / energy) ** 2 if mass else (energy - momentum) / energy
        side.negative += int(np.count_nonzero(square < -ROUNDING))
    side.relation.add(relation[np.isfinite(relation)])
    return square


def _four_vectors(by_name: dict[tuple[str, str], PairedColumn]) -> Iterator[tuple[str, list[PairedColumn]]]:
    """(Stem of the names, columns pt, η, φ, E and possibly m), all of one table."""
    for (tree, name), pt in by_name.items():
        match = _PT.fullmatch(name)
        if match is None or (match["stem"] and match["stem"][-1] not in "_./"):
            continue
        stem = match["stem"]
        parts = [by_name.get((tree, stem + other)) for other in _OTHERS[match["name"]]]
        energy = next((by_name[tree, stem + e] for e in ENERGY if (tree, stem + e) in by_name), None)
        mass = next((by_name[tree, stem + m] for m in MASS if (tree, stem + m) in by_name), None)
        columns = [column for column in (pt, *parts, energy) if column is not None]
        alike = all(
            column.table == pt.table and not column.row_shape and len(column.original) == len(pt.original)
            for column in columns
        )
        if len(columns) == 4 and alike and pt.original.dtype.kind == "f":
            with_mass = mass is not None and mass.table == pt.table
            yield stem.rstrip("_./") or tree, [*columns, mass] if with_mass and mass is not None else columns
