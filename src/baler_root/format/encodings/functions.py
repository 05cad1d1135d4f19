"""The functions that a formula may be (formats/pages.md#formulas), in double precision."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_root.format.binary import portable_math as elementary

Doubles = NDArray[np.float64]


Table = tuple[tuple[float, float], ...]
"""Keys, increasing, each with the constant that goes with it."""


MAX_KEYS = 256
"""Of a table."""


@dataclass(frozen=True, slots=True)
class Function:
    """One of them."""

    text: str
    """With `{}` for each source, and then for the constant, if it has one; for those of any number of one of these.

    The last source of one with a table is written as what the table has for it.
    """
    of: Callable[..., Doubles]
    arity: int
    any_number: bool = False
    """Whether there may be more sources than `arity`."""
    constant: bool = False
    """Whether it has a constant besides its sources, given last."""
    table: bool = False
    """Whether a table has constants for the values of its last source, which are given in place of that."""


def _norm(first: Doubles, *others: Doubles | float) -> Doubles:
    total = first * first
    for values in others:
        total = total + values * values
    return np.sqrt(total)


def _energy(pt: Doubles, eta: Doubles, mass: Doubles | float) -> Doubles:
    return _norm(pt * elementary.cosh(eta), mass)


def _eta(pz: Doubles, px: Doubles, py: Doubles) -> Doubles:
    return elementary.arcsinh(pz / _norm(px, py))


FUNCTIONS = {
    "linear": Function("{}", lambda x: x, 1),
    "norm": Function("{}**2", _norm, 2, any_number=True),
    "cosh": Function("{} * cosh({})", lambda x, y: x * elementary.cosh(y), 2),
    "sinh": Function("{} * sinh({})", lambda x, y: x * elementary.sinh(y), 2),
    "cos": Function("{} * cos({})", lambda x, y: x * elementary.cos(y), 2),
    "sin": Function("{} * sin({})", lambda x, y: x * elementary.sin(y), 2),
    "energy": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 3),
    "arctan2": Function("arctan2({}, {})", elementary.arctan2, 2),
    "arcsinh": Function("arcsinh({} / {})", lambda x, y: elementary.arcsinh(x / y), 2),
    "eta": Function("arcsinh({} / sqrt({}**2 + {}**2))", _eta, 3),
    "norm_const": Function("{}**2", _norm, 1, any_number=True, constant=True),
    "energy_const": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 2, constant=True),
    "norm_by": Function("{}**2", _norm, 2, any_number=True, table=True),
    "energy_by": Function("sqrt(({} * cosh({}))**2 + {}**2)", _energy, 3, table=True),
}
"""By name; their order is their number in a file."""


ENERGIES = ("energy", "energy_const", "energy_by")
"""Functions of a transverse momentum, a pseudorapidity and a mass."""


PROPORTIONAL = ("cosh", "sinh", "cos", "sin", *ENERGIES)
"""Functions that are proportional to their first source, or nearly."""


NORMS = ("norm", "norm_const", "norm_by")
"""Functions of momenta that give lengths and energies."""


ANGLES = ("arctan2", "arcsinh", "eta")
"""Functions of momenta that give directions."""


def is_table(table: Sequence[tuple[float, float]]) -> bool:
    """Whether a file may have it: finite numbers, and at least one key but no more than `MAX_KEYS`, increasing."""
    keys = [key for key, _ in table]
    increasing = all(low < high for low, high in itertools.pairwise(keys))
    return 1 <= len(keys) <= MAX_KEYS and increasing and all(math.isfinite(x) for pair in table for x in pair)


def constants_of(table: Table, keys: Doubles) -> Doubles:
    """What the table has for each of these; NaN for what is no key of it."""
    known, constants = np.array(table).T
    at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[at] == keys, constants[at], np.nan)
