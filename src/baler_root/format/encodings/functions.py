"""Functions that formulas may use, in double precision (formats/pages.md#formulas)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary import portable_math
from baler_root.format.encodings import lists, particles, tracks

Doubles = NDArray[np.float64]


Table = tuple[tuple[float, float], ...]
"""Increasing keys, each with its constant."""


MAX_KEYS = 256
"""Most keys in a table."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function of a formula, and its form in plain text."""

    text: str
    """Template with `{}` for each source, then for the constant, if there is one.

    For a function of any number of sources it is the template of one term; for a function with a table the
    last source is replaced by the table. For a function of particles it is the name of the function.
    """
    compute: Callable[..., Doubles]
    """Computes the function from its arguments."""
    arity: int
    """Number of sources, or the smallest number."""
    any_number: bool = False
    """Whether there may be more sources than `arity`."""
    constant: bool = False
    """Whether the last argument is a constant."""
    table: bool = False
    """Whether a table replaces the values of the last source by constants."""
    group: int = 0
    """Number of sources that describe one particle, such as 2 for pt and φ; the number of sources is a
    multiple of it. 0 for a function that is not one of particles."""
    more: str = ""
    """Template of each source after the first `arity`, for functions of any number that are no square roots
    of squares."""
    reduces: bool = False
    """Whether the function gives one value for each list: the first source has the lengths of the lists, the
    second the items."""

    def takes(self, count: int) -> bool:
        """Whether the function can have this number of sources."""
        few = count == self.arity or (self.any_number and count > self.arity)
        return few and not (self.group and count % self.group)


def _norm(first: Doubles, *others: Doubles | float) -> Doubles:
    total = first * first
    for values in others:
        total = total + values * values
    return np.sqrt(total)


def _energy(pt: Doubles, eta: Doubles, mass: Doubles | float) -> Doubles:
    return _norm(pt * portable_math.cosh(eta), mass)


def _total(*values: Doubles) -> Doubles:
    total = values[0]
    for more in values[1:]:
        total = total + more
    return total


def _remainder(first: Doubles, *others: Doubles) -> Doubles:
    for values in others:
        first = first - values
    return first


def _eta(pz: Doubles, px: Doubles, py: Doubles) -> Doubles:
    return portable_math.arcsinh(pz / _norm(px, py))


FUNCTIONS = {
    "linear": Function("{}", lambda x: x, 1),
    "norm": Function("{}**2", _norm, 2, any_number=True),
    "cosh": Function("{} * cosh({})", lambda x, y: x * portable_math.cosh(y), 2),
    "sinh": Function("{} * sinh({})", lambda x, y: x * portable_math.sinh(y), 2),
    "cos": Function("{} * cos({})", lambda x, y: x * portable_math.cos(y), 2),
    "sin": Function("{} * sin({})", lambda x, y: x * portable_math.sin(y), 2),
    "energy": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 3),
    "arctan2": Function("arctan2({}, {})", portable_math.arctan2, 2),
    "arcsinh": Function("arcsinh({} / {})", lambda x, y: portable_math.arcsinh(x / y), 2),
    "eta": Function("arcsinh({} / sqrt({}**2 + {}**2))", _eta, 3),
    "norm_const": Function("{}**2", _norm, 1, any_number=True, constant=True),
    "energy_const": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 2, constant=True),
    "norm_by": Function("{}**2", _norm, 2, any_number=True, table=True),
    "energy_by": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 3, table=True),
    "difference": Function("{} - {}", lambda x, y: x - y, 2),
    "distance": Function("abs({} - {})", lambda x, y: np.abs(x - y), 2),
    "product": Function("{} * {}", lambda x, y: x * y, 2),
    "ratio": Function("{} / {}", lambda x, y: x / y, 2),
    "delta_phi": Function("deltaphi({}, {})", particles.delta_phi, 2),
    "angle": Function("abs(deltaphi({}, {}))", lambda x, y: np.abs(particles.delta_phi(x, y)), 2),
    "delta_r": Function("deltaR", particles.delta_r, 4, group=2),
    "transverse_mass": Function("mT", particles.transverse_mass, 4, group=2),
    "sum_pt": Function("pt", particles.sum_pt, 4, any_number=True, group=2),
    "sum_phi": Function("phi", particles.sum_phi, 4, any_number=True, group=2),
    "sum_eta": Function("eta", particles.sum_eta, 6, any_number=True, group=3),
    "mass": Function("mass", particles.mass, 6, any_number=True, group=3),
    "mass_const": Function("mass", particles.mass_const, 6, any_number=True, constant=True, group=3),
    "mass_columns": Function("mass", particles.mass_columns, 8, any_number=True, group=4),
    "inverse": Function("1 / abs({})", lambda x: 1.0 / np.abs(x), 1),
    "total": Function("{} + {}", _total, 2, any_number=True, more=" + {}"),
    "remainder": Function("{} - {} - {}", _remainder, 3, any_number=True, more=" - {}"),
    "energy_remainder": Function(
        "sqrt(({} * cosh({}))**2 + {}**2) - {}",
        lambda pt, eta, mass, *others: _remainder(_energy(pt, eta, mass), *others),
        4,
        any_number=True,
        more=" - {}",
    ),
    "track_pt": Function("track_pt({}, {}, {})", tracks.transverse_momentum, 3),
    "track_distance": Function("track_distance({}, {}, {}, {})", tracks.distance_to_axis, 4),
    "impact_parameter": Function("impact_parameter({}, {}, {}, {})", tracks.impact_parameter, 4),
    "list_sum": Function("sum({1})", lists.total, 2, reduces=True),
    "list_max": Function("max({1})", lists.largest, 2, reduces=True),
    "list_min": Function("min({1})", lists.smallest, 2, reduces=True),
    "list_item": Function("item({1}, {2})", lists.item, 2, constant=True, reduces=True),
    "list_count": Function("count({1} > {2})", lists.count_above, 2, constant=True, reduces=True),
    "list_sum_above": Function("sum({1}, {1} > {2})", lists.total_above, 2, constant=True, reduces=True),
}
"""Functions by name; the position of a function is its number in a file."""


ENERGIES = ("energy", "energy_const", "energy_by")
"""Functions of a transverse momentum, a pseudorapidity and a mass."""


PROPORTIONAL = ("cosh", "sinh", "cos", "sin", *ENERGIES)
"""Functions that are proportional to their first source, at least nearly."""


NORMS = ("norm", "norm_const", "norm_by")
"""Functions of momenta that give lengths and energies."""


ANGLES = ("arctan2", "arcsinh", "eta")
"""Functions of momenta that give directions."""


def is_table(table: Sequence[tuple[float, float]]) -> bool:
    """Whether a file may have this table: 1 to `MAX_KEYS` increasing keys, and finite numbers."""
    keys = [key for key, _ in table]
    increasing = all(low < high for low, high in itertools.pairwise(keys))
    return 1 <= len(keys) <= MAX_KEYS and increasing and all(math.isfinite(x) for pair in table for x in pair)


def constants_of(table: Table, keys: Doubles) -> Doubles:
    """The constant of each key; NaN for a value that the table does not have."""
    table_keys, constants = np.array(table).T
    index = np.minimum(np.searchsorted(table_keys, keys), len(table_keys) - 1)
    return np.where(table_keys[index] == keys, constants[index], np.nan)
