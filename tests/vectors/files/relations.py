"""Golden files of columns that are functions of others."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np

from baler_root.compression.relations.fit import PlannedRelation
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.lookup import Lookup
from tests.vectors.source import Made, Source, write_trees


def sums(target: Path) -> Made:
    """Columns that are sums of others in this page and an earlier one, of floats and of integers, with
    outliers.
    """
    rng = np.random.default_rng(22)
    a, b = rng.exponential(9, (2, 200)).astype("f4")
    n, k = rng.integers(0, 200, 200).astype("u1"), rng.integers(-5, 5, 200).astype("i4")
    arrays = {"a": a, "b": b, "ab": a + b, "n": n, "k": k, "flag": n > 99}
    arrays |= {
        "wraps": (n.astype("i4") + k - (n > 99)).astype("u1"),
        "double": a.astype("f8"),
        "again": a + b,
    }
    arrays["ab"][[3, 7]] = [np.nan, 1e9]
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    terms = {2: ((1, 0), (1, 1)), 6: ((1, 3), (1, 4), (-1, 5)), 8: ((1, 0), (1, 1))}
    bounds = dict.fromkeys(("a", "b", "ab", "double", "again"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(2, 5, 2), sums=terms))


def formulas(target: Path) -> Made:
    """Columns that are formulas of earlier and later ones, with and without residual, outliers."""
    rng = np.random.default_rng(23)
    rows = 150
    pt, m = rng.exponential(30, (2, rows)) + 1
    eta, phi = rng.uniform(-4, 4, rows), rng.uniform(-3.2, 3.2, rows)
    pt, eta, phi, m = (x.astype("f4") for x in (pt, eta, phi, m))
    wide = [x.astype("f8") for x in (pt, eta, phi, m)]
    p = wide[0] * np.cosh(wide[1])
    arrays = {
        "E": np.sqrt(p**2 + wide[3] ** 2).astype("f4"),
        "p": (1000 * p).astype("f4"),
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "m": m,
        "px": (wide[0] * np.cos(wide[2])).astype("f4"),
        "py": wide[0] * np.sin(wide[2]),
        "pz": (wide[0] * np.sinh(wide[1])).astype("f4"),
        "pt2": np.sqrt(wide[0] ** 2 + wide[3] ** 2),
        "n": rng.integers(-120, 120, rows).astype("i2"),
        "far": np.zeros(rows, "i4"),
        "small": np.zeros(rows, "u1"),
        "on": np.zeros(rows, "?"),
    }
    arrays["far"] = (-3 * arrays["n"].astype("i4")) + 7
    arrays["small"] = np.clip(arrays["n"] + 7, 0, 255).astype("u1")  # moved into the range of its type
    arrays["on"] = arrays["n"] > 0
    arrays["p"][[0, 9]] = np.nan, -1.0
    arrays["px"][5] = -0.0
    pt[7] = np.inf
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        0: PlannedRelation(Formula("energy", (2, 3, 5)), 14),
        1: PlannedRelation(Formula("cosh", (2, 3), 1000.0)),
        6: PlannedRelation(Formula("cos", (2, 4)), 0),
        7: PlannedRelation(Formula("sin", (2, 4)), 43),
        8: PlannedRelation(Formula("sinh", (2, 3)), 14),
        9: PlannedRelation(Formula("norm", (2, 5))),
        11: PlannedRelation(Formula("linear", (10,), -3.0, 7.0)),
        12: PlannedRelation(Formula("linear", (10,), 1.0, 7.0)),
        13: PlannedRelation(Formula("linear", (10,), 0.5)),
    }
    bounds = {"E": "rel=1e-3", "p": "rel=1e-2", "py": "rel=1e-3", "pz": "bits=9", "pt2": "rel=1e-2"}
    bounds |= dict.fromkeys(("pt", "eta"), "rel=1e-3")
    return write_trees(target, Source("Events", branches, bounds, groups=(2, 4, 8), relations=derived))


def directions(target: Path) -> Made:
    """Angles and pseudorapidities of momenta, with zeros of both signs, infinities, NaN, residual and
    outliers.
    """
    rng = np.random.default_rng(26)
    rows = 90
    px, py, pz = rng.normal(0, 20, (3, rows)).astype("f4")
    px[:6], py[:6] = [1, -1, 0.0, -0.0, 5, np.inf], [0.0, -0.0, 0.0, 0.0, np.nan, -np.inf]
    pz[6:9] = 0.0, 1e-30, 1e30
    x, y, z = (values.astype("f8") for values in (px, py, pz))
    with np.errstate(all="ignore"):
        pt = np.sqrt(x**2 + y**2)
        arrays = {
            "px": px,
            "py": py,
            "pz": pz,
            "pt": pt,
            "phi": np.arctan2(y, x).astype("f4"),
            "phi_double": np.arctan2(y, x),
            "eta": np.arcsinh(z / pt).astype("f4"),
            "eta_pt": np.arcsinh(z / pt),
            "half": (0.5 * np.arcsinh(z / pt) + 1).astype("f4"),
        }
    arrays["phi"][20] = 9
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        4: PlannedRelation(Formula("arctan2", (1, 0))),
        5: PlannedRelation(Formula("arctan2", (1, 0)), 0),
        6: PlannedRelation(Formula("eta", (2, 0, 1))),
        7: PlannedRelation(Formula("arcsinh", (2, 3)), 43),
        8: PlannedRelation(Formula("eta", (2, 0, 1), 0.5, 1.0), 0),
    }
    bounds = {"phi": "rel=0.01", "eta": "rel=0.01", "eta_pt": "rel=1e-3"}
    return write_trees(target, Source("Events", branches, bounds, groups=(3, 6), relations=derived))


def masses(target: Path) -> Made:
    """Energies with a mass that is no column, of one, two, three and four columns, with residual and
    outliers.
    """
    rng = np.random.default_rng(27)
    rows = 90
    pt = (rng.exponential(9, rows) + 1).astype("f4")
    eta, phi = (rng.uniform(-r, r, rows).astype("f4") for r in (4, 3.2))
    x, y, z = pt.astype("f8"), eta.astype("f8"), phi.astype("f8")
    arrays = {"pt": pt, "eta": eta, "px": (x * np.cos(z)).astype("f4"), "py": (x * np.sin(z)).astype("f4")}
    arrays |= {"pz": (x * np.sinh(y)).astype("f4"), "p": x * np.cosh(y)}
    px, py, pz, p = (arrays[name].astype("f8") for name in ("px", "py", "pz", "p"))
    arrays |= {
        "E": np.sqrt(p**2 + 0.10566**2).astype("f4"),
        "MeV": 1000 * np.sqrt(p**2 + 0.10566**2),
        "proton": np.sqrt(px**2 + py**2 + pz**2 + 0.938272**2).astype("f4"),
        "transverse": np.sqrt(px**2 + py**2 + 0.13957**2).astype("f4"),
        "kinetic": (np.sqrt(p**2 + 0.493677**2) - 0.493677).astype("f4"),
        "of_four": np.sqrt(px**2 + py**2 + pz**2 + p**2 + 4),
    }
    arrays["E"][[2, 33]] = np.nan, -1.0
    arrays["MeV"][5] = -0.0
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {
        6: PlannedRelation(Formula("energy_const", (0, 1), constant=0.10566)),
        7: PlannedRelation(Formula("energy_const", (0, 1), 1000.0, constant=0.10566), 43),
        8: PlannedRelation(Formula("norm_const", (2, 3, 4), constant=0.938272), 0),
        9: PlannedRelation(Formula("norm_const", (2, 3), constant=0.13957)),
        10: PlannedRelation(Formula("norm_const", (5,), 1.0, -0.493677, 0.493677), 14),
        11: PlannedRelation(Formula("norm_const", (2, 3, 4, 5), constant=-2.0)),
    }
    bounds = dict.fromkeys(("pt", "eta", "px", "py", "pz", "p", "MeV", "kinetic"), "rel=1e-3")
    bounds |= dict.fromkeys(("E", "transverse", "of_four"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(6, 6), relations=derived))


def keyed_masses(target: Path) -> Made:
    """Energies with masses that integers and booleans determine, with values that tables lack, residual and
    outliers.
    """
    rng = np.random.default_rng(28)
    rows = 90
    pt = (rng.exponential(9, rows) + 1).astype("f4")
    eta, phi = (rng.uniform(-r, r, rows).astype("f4") for r in (4, 3.2))
    kind = rng.choice([11, 13], rows).astype("u4")
    ion = rng.choice([-3, 0, 2], rows).astype("i2")
    proton = rng.random(rows) < 0.5
    kind[[4, 70]], ion[8] = [15, 2**32 - 1], 300
    x, y, z = pt.astype("f8"), eta.astype("f8"), phi.astype("f8")
    arrays = {"pt": pt, "eta": eta, "px": (x * np.cos(z)).astype("f4"), "py": (x * np.sin(z)).astype("f4")}
    arrays |= {"pz": (x * np.sinh(y)).astype("f4"), "kind": kind, "ion": ion, "proton": proton}
    px, py, pz = (arrays[name].astype("f8") for name in ("px", "py", "pz"))
    lepton, hadron = np.where(kind == 13, 0.10566, 0.0), np.where(proton, 0.938272, 0.13957)
    heavy = np.select([ion == -3, ion == 2], [3.0, 1.875], 0.5)
    arrays |= {
        "E": np.sqrt((x * np.cosh(y)) ** 2 + lepton**2).astype("f4"),
        "MeV": 1000 * np.sqrt((x * np.cosh(y)) ** 2 + lepton**2),
        "hadron": np.sqrt(px**2 + py**2 + pz**2 + hadron**2).astype("f4"),
        "transverse": np.sqrt(px**2 + py**2 + heavy**2).astype("f4"),
        "single": np.sqrt(pz**2 + hadron**2) + 1,
    }
    arrays["E"][[2, 33]] = np.nan, -1.0
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    leptons, hadrons = ((11.0, 0.0), (13.0, 0.10566)), ((0.0, 0.13957), (1.0, 0.938272))
    derived = {
        8: PlannedRelation(Formula("energy_by", (0, 1, 5), table=leptons)),
        9: PlannedRelation(Formula("energy_by", (0, 1, 5), 1000.0, table=leptons), 43),
        10: PlannedRelation(Formula("norm_by", (2, 3, 4, 7), table=hadrons), 0),
        11: PlannedRelation(Formula("norm_by", (2, 3, 6), table=((-3.0, 3.0), (0.0, 0.5), (2.0, 1.875)))),
        12: PlannedRelation(Formula("norm_by", (4, 7), 1.0, 1.0, table=hadrons)),
    }
    bounds = dict.fromkeys(("pt", "eta", "px", "py", "pz", "MeV"), "rel=1e-3")
    bounds |= dict.fromkeys(("E", "transverse", "single"), "rel=0.01")
    return write_trees(target, Source("Events", branches, bounds, groups=(8, 5), relations=derived))


def lookups(target: Path) -> Made:
    """Columns looked up by one, two and three others, earlier and later ones, with values that tables lack
    and outliers.
    """
    rng = np.random.default_rng(25)
    rows = 90
    n = rng.choice([-13, -11, 2, 300], rows).astype("i2")
    big = rng.choice(np.array([0, 2**63 + 5, 2**64 - 1], "u8"), rows)
    a, b = rng.random((2, rows)) < 0.4
    n[17] = 1000
    arrays = {
        "either": a | b,
        "charge": -np.sign(n).astype("i4"),
        "a": a,
        "b": b,
        "n": n,
        "big": big,
        "far": np.where(big > 0, 2**64 - 1 - a.astype("u8"), 0).astype("u8"),
        "all": ((n > 0) & (n < 999) & a & (big > 0)).astype("i1"),
    }
    arrays["either"][[3, 8]] ^= True
    arrays["charge"][5] = 7
    # Unsigned integers wrap, and only what is not 0 need be in a table: 1000, and 0 of `big`, are no keys.
    two, wrapped = (0, 1), (5 - 2**63, -1)
    tables = {
        0: Lookup((2, 3), (two, two), (0, 1, 1, 1)),
        1: Lookup((4,), ((-13, -11, 2, 300),), (1, 1, -1, -1)),
        6: Lookup((5, 2), (wrapped, two), (2**64 - 1, 2**64 - 2) * 2),
        7: Lookup((4, 2, 5), ((2, 300), (1,), wrapped), (1, 1, 1, 1)),
    }
    branches = {name: ak.Array(values) for name, values in arrays.items()}
    derived = {number: PlannedRelation(lookup) for number, lookup in tables.items()}
    return write_trees(target, Source("Events", branches, groups=(3, 5), cuts=(60, 30), relations=derived))
