"""Whether columns still agree with each other: energies with momenta, masses with both, of four-vectors found by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from baler_root.evaluation.report.fidelity import Moments
from baler_root.evaluation.report.pairs import PairedColumn, Values

_PT = re.compile(r"(?P<stem>.*?)(?P<name>pt|Pt|PT)")


_OTHERS = {"pt": ("eta", "phi"), "Pt": ("Eta", "Phi"), "PT": ("Eta", "Phi")}


ENERGY = ("E", "e", "energy", "Energy")


MASS = ("m", "mass", "M", "Mass")


ROUNDING = 1e-6
"""m² below −1e-6 E² is negative; above, single precision cannot tell."""


@dataclass(slots=True)
class _Side:
    negative: int = 0
    relation: Moments = field(default_factory=Moments)


@dataclass(frozen=True, slots=True)
class FourVectorConsistency:
    """One kind of object with pt, η, φ and E (and perhaps m); p = pt cosh η."""

    tree: str
    name: str
    columns: tuple[str, ...]
    objects: int
    negative_before: int
    """Objects with m² = E² − p² below what rounding can do."""
    negative_after: int
    relation: str
    """What should be 0: E² − p² − m² where the mass is stored, else E − p; as a share of E² or E."""
    rms_before: float
    rms_after: float
    change_rms: float
    """RMS change of (E² − p²) / E², event by event."""
    change_max: float


class Consistency:
    """Collects what `FourVectorConsistency` tells of every kind of object."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], _Objects] = {}

    def add(self, columns: list[PairedColumn]) -> None:
        """Takes a cluster in."""
        by_name = {(one.tree, one.name): one for one in columns}
        for stem, parts in _four_vectors(by_name):
            key = parts[0].tree, stem
            if key not in self._found:
                self._found[key] = _Objects(tuple(one.name for one in parts))
            self._found[key].add(parts)

    def result(self) -> list[FourVectorConsistency]:
        """All kinds of objects, in the order of the file."""
        return [found.result(tree, stem) for (tree, stem), found in self._found.items()]


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
                (self.before, [one.original for one in parts]),
                (self.after, [one.decompressed for one in parts]),
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
    """(E² − p²) / E² of each object; the rest goes to `side`."""
    pt, eta, _, energy, *mass = (one.astype(np.float64) for one in values)
    with np.errstate(all="ignore"):
        momentum = pt * np.cosh(eta)
        square = (energy - momentum) * (energy + momentum) / energy**2
        relation = square - (mass[0] / energy) ** 2 if mass else (energy - momentum) / energy
        side.negative += int(np.count_nonzero(square < -ROUNDING))
    side.relation.add(relation[np.isfinite(relation)])
    return square


def _four_vectors(by_name: dict[tuple[str, str], PairedColumn]) -> Iterator[tuple[str, list[PairedColumn]]]:
    """(stem of the names, columns pt, η, φ, E and perhaps m), all of one table."""
    for (tree, name), pt in by_name.items():
        found = _PT.fullmatch(name)
        if found is None or (found["stem"] and found["stem"][-1] not in "_./"):
            continue
        stem = found["stem"]
        parts = [by_name.get((tree, stem + other)) for other in _OTHERS[found["name"]]]
        energy = next((by_name[tree, stem + e] for e in ENERGY if (tree, stem + e) in by_name), None)
        mass = next((by_name[tree, stem + m] for m in MASS if (tree, stem + m) in by_name), None)
        columns = [one for one in (pt, *parts, energy) if one is not None]
        alike = all(
            one.table == pt.table and not one.row_shape and len(one.original) == len(pt.original)
            for one in columns
        )
        if len(columns) == 4 and alike and pt.original.dtype.kind == "f":
            with_mass = mass is not None and mass.table == pt.table
            yield stem.rstrip("_./") or tree, [*columns, mass] if with_mass and mass is not None else columns
