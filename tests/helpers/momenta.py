"""Columns of four-vectors, and what the search for formulas finds in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from baler_root.compression.relations.search import discover
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.formula import Formula

Columns = dict[str, NDArray[np.float32]]
REL = ErrorBound("rel", 1e-3)


FORMULAS = [
    Formula("linear", (2,), -0.5, 3.0),
    Formula("linear", (2,), 1000.0),
    Formula("norm", (0, 1, 2), 1e-3, -2.5),
    Formula("cosh", (1, 2), -1.5),
    Formula("sinh", (2, 1)),
    Formula("cos", (1, 2), 1000.0, 1.0),
    Formula("sin", (0, 2)),
    Formula("energy", (1, 2, 0), 0.001),
    Formula("arctan2", (1, 2)),
    Formula("arcsinh", (1, 2), -1.0, 0.5),
    Formula("eta", (2, 1, 0)),
    Formula("norm_const", (1,), 1.0, -0.1, 0.1),
    Formula("norm_const", (0, 1, 2), constant=0.105658),
    Formula("energy_const", (0, 2), 1000.0, constant=1e-5),
    Formula("norm_by", (0, 1), 1.0, -0.1, table=((-3.0, 0.1),)),
    Formula("norm_by", (1, 0, 2), table=((0.0, 2.0), (1.0, 1e-3), (7.5, 0.0))),
    Formula("energy_by", (0, 2, 1), 0.001, table=((-13.0, 105.66), (11.0, 0.511), (12345678901.0, 1e-5))),
    Formula("distance", (1, 2)),
    Formula("product", (1, 2), 2.0, 1.0),
    Formula("ratio", (1, 2), -1.0),
    Formula("delta_phi", (2, 0)),
    Formula("angle", (2, 0), 57.3),
    Formula("delta_r", (1, 2, 0, 2)),
    Formula("transverse_mass", (1, 2, 0, 2), 0.001),
    Formula("sum_pt", (1, 2, 0, 1)),
    Formula("sum_pt", (1, 2, 0, 1, 2, 0), 1.0, 3.0),
    Formula("sum_phi", (1, 2, 0, 1)),
    Formula("sum_eta", (1, 2, 0, 1, 0, 2)),
    Formula("mass", (0, 1, 2, 1, 2, 0, 2, 1, 0)),
    Formula("mass_const", (0, 1, 2, 1, 2, 0), constant=0.105658),
    Formula("mass_columns", (0, 1, 2, 1, 1, 2, 0, 2), 1000.0),
    Formula("inverse", (1,), 2.0),
    Formula("energy_remainder", (0, 1, 2, 1, 0)),
    Formula("track_pt", (0, 1, 2), 1000.0),
    Formula("track_distance", (0, 1, 2, 1)),
    Formula("impact_parameter", (0, 1, 2, 1)),
]
"""Every function, of three columns; see `SUMS` and `LISTS`."""


SUMS = [
    Formula("difference", (1, 2)),
    Formula("total", (0, 1, 2)),
    Formula("remainder", (0, 1, 2, 1)),
]
"""Functions that are written like sums."""


LISTS = [
    Formula("list_sum", (3, 1)),
    Formula("list_max", (3, 1), 0.001),
    Formula("list_min", (3, 1), 1.0, 2.0),
    Formula("list_item", (3, 1), constant=2.0),
    Formula("list_count", (3, 1), constant=30.0),
    Formula("list_sum_above", (3, 1), constant=0.5),
]
"""Functions of lists; column 3 has their lengths."""


def momenta(rows: int = 2000, seed: int = 0, mass: float = 1.0) -> Columns:
    """Four-vectors in every usual form, each computed in double precision from floats."""
    rng = np.random.default_rng(seed)
    pt = (rng.exponential(30, rows) + 5).astype("f4")
    eta, phi = (rng.uniform(-r, r, rows).astype("f4") for r in (2.5, 3.14))
    m = (rng.exponential(mass, rows) + 0.1 * mass).astype("f4")
    x, y, z = (v.astype("f8") for v in (pt, eta, phi))
    out = {"pt": pt, "eta": eta, "phi": phi, "m": m}
    out |= {"px": x * np.cos(z), "py": x * np.sin(z), "pz": x * np.sinh(y)}
    out |= {"p": x * np.cosh(y), "E": np.sqrt((x * np.cosh(y)) ** 2 + m.astype("f8") ** 2)}
    return {name: values.astype("f4") for name, values in out.items()}


def found(columns: Columns, bound: ErrorBound) -> dict[str, str]:
    """Relation by column, as people write it."""
    names = list(columns)
    derived = discover(list(columns.values()), [bound] * len(names), [0] * len(names)).derived
    return {names[n]: d.relation.text([names[s] for s in d.relation.sources]) for n, d in derived.items()}
