"""Derived quantities: found without names, stored within their bound whatever their sources hold."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.derived.candidates import candidates
from baler_root.compression.derived.prediction import encode_predicted
from baler_root.compression.derived.search import DerivedSearch
from baler_root.compression.derived.table import SearchTable
from baler_root.compression.derived.trial import Budget
from baler_root.compression.relations.costs import ColumnSample
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.encodings.formula import Formula
from tests.helpers.momenta import FORMULAS, REL, SUMS
from tests.vectors.source import Source

FLOATS = st.one_of(
    st.floats(-1e3, 1e3, width=32), st.floats(width=32), st.sampled_from([0.0, -0.0, -999.0, 1e-44, 1e38])
)
Columns = dict[str, NDArray[np.float32]]


@given(
    st.lists(st.tuples(FLOATS, FLOATS, FLOATS, FLOATS), min_size=1, max_size=30),
    st.sampled_from(["rel=1e-3", "rel=0.1", "abs=0.01", "bits=5", "lossless"]),
    st.sampled_from(["f4", "f8"]),
    st.sampled_from([*FORMULAS, *SUMS]),
)
def test_any_prediction_from_anything_keeps_its_bound(
    rows: list[tuple[float, ...]], text: str, dtype: str, formula: Formula
) -> None:
    *sources, other = (np.array(column, dtype) for column in zip(*rows, strict=True))
    values = formula.values([sources[source] for source in formula.sources], np.dtype(dtype))
    values[::3] = other[::3]
    bound = ErrorBound.parse(text)
    column = encode_predicted(formula, [sources[source] for source in formula.sources], values, bound)
    if column is not None:
        decoded = column.encoding.decode(
            column.symbols, [sources[source] for source in formula.sources], np.dtype(dtype)
        )
        assert not len(violations(values, decoded, bound))
    arrays = {f"c{n}": ak.Array(column) for n, column in enumerate([*sources, values])}
    plan = Source("Events", arrays, dict.fromkeys(arrays, text), predictions={3: formula}).plan()
    assert encode_cluster(plan, dict(enumerate(arrays.values())), len(rows)).entries == len(rows)


def events(rows: int = 1000, seed: int = 0) -> Columns:
    """Two leptons and missing momentum."""
    rng = np.random.default_rng(seed)
    out: Columns = {}
    for n in "12":
        out[f"pt{n}"] = (rng.exponential(25, rows) + 10).astype("f4")
        out[f"eta{n}"] = rng.normal(0, 1.2, rows).astype("f4")
        out[f"phi{n}"] = rng.uniform(-np.pi, np.pi, rows).astype("f4")
    out["met"] = rng.exponential(30, rows).astype("f4")
    out["metphi"] = rng.uniform(-np.pi, np.pi, rows).astype("f4")
    out["iso"] = rng.exponential(0.1, rows).astype("f4")
    return out


QUANTITIES = {
    "dR": "deltaR((eta1, phi1), (eta2, phi2))",
    "mT": "mT((pt1, phi1), (met, metphi))",
    "pt": "pt((pt1, phi1), (pt2, phi2))",
    "m": "mass((pt1, eta1, phi1), (pt2, eta2, phi2))",
    "deta": "abs(eta1 - eta2)",
    "dphi": "abs(deltaphi(phi1, phi2))",
    "ratio": "pt1 / iso",
}


def with_quantities(columns: Columns) -> Columns:
    """The columns with all that can be derived from them, as an analysis computes it."""
    c = {name: values.astype("f8") for name, values in columns.items()}
    dphi = np.abs((c["phi1"] - c["phi2"] + np.pi) % (2 * np.pi) - np.pi)
    pt_squares = c["pt1"] ** 2 + c["pt2"] ** 2 + 2 * c["pt1"] * c["pt2"] * np.cos(dphi)
    quantities = {
        "dR": np.hypot(c["eta1"] - c["eta2"], dphi),
        "mT": np.sqrt(2 * c["pt1"] * c["met"] * (1 - np.cos(c["phi1"] - c["metphi"]))),
        "pt": np.sqrt(pt_squares),
        "m": np.sqrt(2 * c["pt1"] * c["pt2"] * (np.cosh(c["eta1"] - c["eta2"]) - np.cos(dphi))),
        "deta": np.abs(c["eta1"] - c["eta2"]),
        "dphi": dphi,
        "ratio": c["pt1"] / c["iso"],
    }
    return columns | {name: values.astype("f4") for name, values in quantities.items()}


def found(
    columns: Columns, independent: frozenset[int] = frozenset(), bound: ErrorBound = REL
) -> dict[str, Formula]:
    """Predictions by the name of the column."""
    names = list(columns)
    sample = ColumnSample(list(columns.values()), [bound] * len(names), [0] * len(names))
    predictions = DerivedSearch(sample, {}, {}, independent).find(1.0)
    return {names[n]: planned.relation for n, planned in predictions.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_quantities_are_found_whatever_their_names_and_order(seed: int) -> None:
    """The same particles, in any order, give a formula that is as good."""
    columns = with_quantities(events(seed=seed))
    order = list(columns) if seed == 0 else np.random.default_rng(seed).permutation(list(columns)).tolist()
    columns = {name: columns[name] for name in order}
    anonymous = {f"c{n}": values for n, values in enumerate(columns.values())}
    predictions = found(anonymous)
    names = list(columns)
    predicted = {names[int(name[1:])] for name in predictions}
    assert len(predicted) >= len(QUANTITIES)
    if seed == 0:
        texts = {
            names[int(name[1:])]: f.text([names[s] for s in f.sources]) for name, f in predictions.items()
        }
        for name in ("dR", "mT", "pt", "m"):
            assert texts[name] == QUANTITIES[name]


def test_nothing_is_found_in_independent_columns() -> None:
    columns = events()
    rng = np.random.default_rng(5)
    noise = {f"n{n}": rng.exponential(20, 1000).astype("f4") for n in range(12)}
    assert found(columns | noise) == {}


def test_independent_columns_are_not_predicted() -> None:
    columns = with_quantities(events())
    number = list(columns).index("m")
    assert "m" in found(columns)
    assert "m" not in found(columns, frozenset([number]))


def test_a_relation_with_missing_values_is_found() -> None:
    """Both particles are there in a third of the rows only; otherwise all columns hold sentinels."""
    columns = with_quantities(events())
    missing = np.random.default_rng(0).random(1000) < 0.6
    for name in ("pt2", "eta2", "phi2", "dR", "m", "deta", "dphi", "pt"):
        columns[name] = np.where(missing, np.float32(-999), columns[name])
    predictions = found(columns)
    assert {"dR", "m"} <= predictions.keys()


def test_predictions_have_no_cycles() -> None:
    rng = np.random.default_rng(3)
    a, b = (rng.exponential(10, 1000).astype("f4") + 1 for _ in range(2))
    columns = {
        "a": a,
        "b": b,
        "difference": a - b,
        "product": a * b,
        "ratio": a / b,
        "copy": a * (1 + 1e-4 * b),
    }
    predictions = found({name: values.astype("f4") for name, values in columns.items()})
    names = list(columns)
    assert predictions
    done = {name for name in names if name not in predictions}
    for name, formula in predictions.items():
        assert {names[source] for source in formula.sources} <= done, "sources come first"
        done.add(name)


def test_the_search_stays_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of results of formulas is bounded for any number of columns."""
    rng = np.random.default_rng(0)
    columns = [rng.exponential(10, 128).astype("f4") for _ in range(200)]
    columns += [rng.uniform(-np.pi, np.pi, 128).astype("f4") for _ in range(100)]
    columns += [rng.normal(0, 1, 128).astype("f4") for _ in range(100)]
    table = SearchTable.of(range(len(columns)), columns)
    results = 0

    def count(self: object, values: NDArray[np.float64]) -> list[tuple[int, int]]:
        nonlocal results
        results += values.size
        return []

    monkeypatch.setattr("baler_root.compression.derived.match.Targets.find", count)
    budget = 1 << 18
    every = np.ones(len(table.numbers), np.bool_)
    assert list(candidates(table, every, ~every, Budget(budget))) == []
    assert results < 3 * budget


def test_sums_of_four_particles_are_found() -> None:
    rng = np.random.default_rng(7)
    columns: Columns = {}
    for n in "1234":
        columns[f"pt{n}"] = (rng.exponential(20, 1000) + 5).astype("f4")
        columns[f"eta{n}"] = rng.uniform(-2.4, 2.4, 1000).astype("f4")
        columns[f"phi{n}"] = rng.uniform(-np.pi, np.pi, 1000).astype("f4")
    names = list(columns)
    every = tuple(range(12))
    transverse = tuple(n for n in every if n % 3 != 1)
    sources = list(columns.values())
    formulas = {
        "m": Formula("mass_const", every, constant=0.1056583745),
        "pt": Formula("sum_pt", transverse),
        "eta": Formula("sum_eta", every),
        "phi": Formula("sum_phi", transverse),
        "m3": Formula("mass", every[:9]),
    }
    for name, formula in formulas.items():
        columns[name] = formula.values([sources[n] for n in formula.sources], np.dtype("f4"))
    predictions = found(columns)
    assert {name: predictions[name] for name in formulas} == formulas
    assert predictions.keys().isdisjoint(names)


def test_quantities_of_tracks_are_found() -> None:
    rng = np.random.default_rng(8)
    charge = rng.choice([-1, 1], 1000)
    columns = {
        name: rng.normal(0, width, 1000) for name, width in (("x", 0.5), ("y", 0.5), ("tx", 0.1), ("ty", 0.1))
    }
    columns["qop"] = charge / (rng.exponential(20, 1000) + 2)
    columns = {name: values.astype("f4") for name, values in columns.items()}
    sources = list(columns.values())
    formulas = {
        "pt": Formula("track_pt", (4, 2, 3)),
        "docaz": Formula("track_distance", (0, 1, 2, 3)),
        "ip": Formula("impact_parameter", (0, 1, 2, 3)),
        "p": Formula("inverse", (4,)),
    }
    for name, formula in formulas.items():
        columns[name] = formula.values([sources[n] for n in formula.sources], np.dtype("f4"))
    predictions = found(columns)
    assert predictions.keys() == formulas.keys()
    assert {name: predictions[name] for name in ("pt", "docaz", "ip")} == {
        name: formulas[name] for name in ("pt", "docaz", "ip")
    }


def test_the_remainder_of_an_energy_is_found() -> None:
    """The energies of constituents add up to that of a jet; one kind of them is rare."""
    rng = np.random.default_rng(9)
    shares = rng.dirichlet([3, 2, 1], 1000)
    shares = np.column_stack([shares * 0.97, np.where(rng.random(1000) < 0.03, 0.03, 0.0)])
    shares /= shares.sum(axis=1, keepdims=True)
    pt, mass = rng.exponential(40, 1000) + 20, rng.exponential(4, 1000) + 2
    eta = rng.uniform(-2.5, 2.5, 1000)
    columns = {"pt": pt.astype("f4"), "eta": eta.astype("f4"), "m": mass.astype("f4")}
    wide = [values.astype("f8") for values in columns.values()]
    energy = np.sqrt((wide[0] * np.cosh(wide[1])) ** 2 + wide[2] ** 2)
    for n, name in enumerate(("charged", "neutral", "photons", "rare")):
        columns[name] = (energy * shares[:, n]).astype("f4")
    ((predicted, formula),) = found(columns).items()
    assert predicted in ("charged", "neutral", "photons")
    assert formula.function == "energy_remainder"
    assert len(formula.sources) == 6
