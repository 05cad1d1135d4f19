"""Formulas: found where they hold, exact or with a residual, within every bound; events stay consistent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import baler_root
from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.relations.fit import PlannedRelation, droppable
from baler_root.compression.relations.parsing import parse
from baler_root.compression.relations.search import discover
from baler_root.compression.rules.loading import build_rules
from baler_root.errors import ConfigError
from baler_root.format.binary import portable_math as elementary
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.encodings.functions import FUNCTIONS
from baler_root.format.encodings.relations import Formula, Sum, apply_residual, residual
from tests.vectors.source import Source

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
]
"""Of three columns, every function."""

Maker = Callable[..., Path]
Columns = dict[str, NDArray[np.float32]]


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


@pytest.mark.parametrize("bound", [REL, LOSSLESS, ErrorBound("rel", 1e-2)])
def test_four_vectors_are_found(bound: ErrorBound) -> None:
    columns = momenta()
    massless = {name: columns[name] for name in ("pt", "eta", "phi", "p", "pz")}
    assert found(massless, bound) == {"p": "pt * cosh(eta)", "pz": "pt * sinh(eta)"}
    massive = {name: columns[name] for name in ("E", "pt", "eta", "m")}
    assert found(massive, bound) == {"E": "sqrt((pt * cosh(eta))**2 + m**2)"}
    cartesian = {name: columns[name] for name in ("E", "px", "py", "pz", "m")}
    assert found(cartesian, bound) == {"E": "sqrt(px**2 + py**2 + pz**2 + m**2)"}
    assert found({name: columns[name] for name in ("px", "py", "pt")}, bound) == {"pt": "sqrt(px**2 + py**2)"}


@pytest.mark.parametrize("bound", [REL, LOSSLESS, ErrorBound("rel", 1e-2)])
def test_directions_are_found(bound: ErrorBound) -> None:
    columns = momenta()
    assert found({name: columns[name] for name in ("px", "py", "phi")}, bound) == {"phi": "arctan2(py, px)"}
    assert found({name: columns[name] for name in ("px", "py", "pz", "eta")}, bound) == {
        "eta": "arcsinh(pz / sqrt(px**2 + py**2))"
    }
    cartesian = found({name: columns[name] for name in ("px", "py", "pz", "pt", "eta", "phi")}, bound)
    assert len(cartesian) == 3, "all of one kind follow from the other"
    if bound == REL:
        assert cartesian == {
            "pt": "sqrt(px**2 + py**2)",
            "eta": "arcsinh(pz / sqrt(px**2 + py**2))",
            "phi": "arctan2(py, px)",
        }
    # Either of η and pz follows from the other: pz is what takes more bytes.
    assert found({name: columns[name] for name in ("pt", "eta", "pz")}, bound).keys() <= {"eta", "pz"}


@pytest.mark.parametrize("bound", [REL, LOSSLESS])
@pytest.mark.parametrize(
    ("mass", "dtype", "unit"), [(0.13957, "f4", 1.0), (0.938272, "f4", 1000.0), (0.1056583745, "f8", 1.0)]
)
def test_constant_masses_are_found(bound: ErrorBound, mass: float, dtype: str, unit: float) -> None:
    columns = {name: values.astype(dtype) for name, values in momenta().items() if name not in ("E", "m")}
    x, y, z, eta, pt = (columns[name].astype("f8") for name in ("px", "py", "pz", "eta", "pt"))
    polar, cartesian = pt * np.cosh(eta), np.sqrt(x**2 + y**2 + z**2)
    for momentum, names in ((polar, ("pt", "eta")), (cartesian, ("px", "py", "pz"))):
        energy = (unit * np.sqrt(momentum**2 + mass**2)).astype(dtype)
        relations = found({name: columns[name] for name in names} | {"E": energy}, bound)
        relation = parse(f"E = {relations['E']}", ["E", *names].index)[1]
        assert relations.keys() == {"E"}
        assert isinstance(relation, Formula)
        assert (relation.function, relation.scale) == (
            "energy_const" if momentum is polar else "norm_const",
            unit,
        )
        assert relation.constant == pytest.approx(mass, rel=1e-4)
        if dtype == "f8":
            assert relation.constant == mass, "as many digits as there are"


def test_masses_that_do_not_show_are_none() -> None:
    columns = momenta()
    energy = np.sqrt(columns["p"].astype("f8") ** 2 + 0.000511**2).astype("f4")
    assert found(
        {"p": columns["p"], "pt": columns["pt"], "eta": columns["eta"], "E": energy}, REL
    ).keys() <= {"p", "E"}
    spread = momenta(mass=0.1)
    assert "E" not in found({name: spread[name] for name in ("pt", "eta", "E")}, LOSSLESS), "no constant"


def leptons(rows: int = 2000, dtype: str = "f4", unit: float = 1.0) -> Columns:
    """Electrons, muons and a few of a third kind, with their energies."""
    columns = {name: values.astype(dtype) for name, values in momenta(rows).items() if name != "m"}
    kind = np.random.default_rng(3).choice([-13, -11, 11, 13, 15], rows, p=[0.3, 0.2, 0.2, 0.297, 0.003])
    mass = np.select([abs(kind) == 11, abs(kind) == 13], [0.000511, 0.10566], 1.7769)
    momentum = columns["pt"].astype("f8") * np.cosh(columns["eta"].astype("f8"))
    return columns | {"kind": kind.astype("i4"), "E": (unit * np.sqrt(momentum**2 + mass**2)).astype(dtype)}


@pytest.mark.parametrize("bound", [REL, LOSSLESS, ErrorBound("rel", 1e-5)])
@pytest.mark.parametrize(("dtype", "unit"), [("f4", 1.0), ("f4", 1000.0), ("f8", 1.0)])
def test_masses_by_an_integer_are_found(bound: ErrorBound, dtype: str, unit: float) -> None:
    columns = leptons(dtype=dtype, unit=unit)
    for names, function in ((("pt", "eta"), "energy_by"), (("px", "py", "pz"), "norm_by")):
        if function == "norm_by":  # of what is stored
            p2 = sum(columns[name].astype("f8") ** 2 for name in names)
            mass = np.where(abs(columns["kind"]) == 13, 0.10566, 0.000511)
            columns["E"] = (unit * np.sqrt(p2 + mass**2)).astype(dtype)
        for key in (columns["kind"], abs(columns["kind"]).astype("u1"), abs(columns["kind"]) == 13):
            chosen = {name: columns[name] for name in ("E", *names)} | {"key": key}
            relations = found(chosen, bound)
            assert relations.keys() == {"E"}
            relation = parse(f"E = {relations['E']}", list(chosen).index)[1]
            assert isinstance(relation, Formula)
            assert (relation.function, relation.scale) == (function, unit)
            assert relation.sources == tuple(range(1, len(chosen)))
            table = dict(relation.table)
            muon, electron = (True, False) if key.dtype == bool else (13, 11)
            assert table[muon] == pytest.approx(0.10566, rel=1e-3)
            if dtype == "f8":
                assert table[electron] == pytest.approx(0.000511, rel=1e-2)
            else:
                assert table[electron] == 0, "does not show"


def test_no_integer_tells_a_mass_that_none_does() -> None:
    columns = leptons()
    rng = np.random.default_rng(4)
    columns["kind"] = rng.permutation(columns["kind"])
    columns["flag"] = rng.random(2000) < 0.5
    columns["charge"] = rng.choice([-1, 1], 2000).astype("i4")
    assert found({name: columns[name] for name in ("pt", "eta", "E", "kind", "flag", "charge")}, REL) == {}
    spread = momenta(mass=0.1)
    chosen = {name: spread[name] for name in ("pt", "eta", "E")} | {"flag": columns["flag"]}
    assert found(chosen, LOSSLESS) == {}
    same = {name: columns[name] for name in ("pt", "eta")} | {"flag": columns["flag"]}
    momentum = columns["pt"].astype("f8") * np.cosh(columns["eta"].astype("f8"))
    same["E"] = np.sqrt(momentum**2 + 0.938272**2).astype("f4")
    assert "[" not in found(same, REL)["E"], "one mass is no table"


@pytest.mark.parametrize("bound", ["rel=1e-3", "abs=0.01", "bits=10", "lossless"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_masses_by_an_integer_in_a_file(bound: str, dtype: str, make_root: Maker, tmp_path: Path) -> None:
    columns = leptons(4000, dtype)
    columns = {name: columns[name] for name in ("pt", "eta", "E", "kind")}
    columns["kind"][3500:3510] = 99  # a kind that comes late
    columns["E"][[3, 3000]], columns["pt"][7] = [1.0, np.nan], np.inf
    source = make_root("leptons.root", Events=columns)
    target = tmp_path / "leptons.baler"
    baler_root.compress(source, target, bound=bound, codec="classic", cluster_size=1500)
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    if not bound.startswith("abs"):
        assert [text for text in relations if text.startswith("E = sqrt((pt * cosh(eta))**2 + {-13: 0.105")]
    if bound == "rel=1e-3":
        with baler_root.open(target) as file:
            events = file["Events"].arrays(library="np")
        kind, pt, eta = events["kind"], events["pt"].astype("f8"), events["eta"].astype("f8")
        with np.errstate(all="ignore"):
            energy = np.sqrt((pt * np.cosh(eta)) ** 2 + np.where(abs(kind) == 13, 0.10566, 0.0) ** 2)
            apart = ~(np.abs(energy - events["E"]) <= 1e-6 * energy)
        assert apart[abs(kind) < 15].sum() <= 4, "energies and momenta belong together"


def test_energies_of_real_leptons_stay_consistent(data_file: Callable[..., Path], tmp_path: Path) -> None:
    source, target = data_file("real", "atlas_4lep_data_A.root"), tmp_path / "leptons.baler"
    baler_root.compress(source, target, bound=str(REL), codec="classic")
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    assert [r for r in relations if r.startswith("lep_E = ") and r.endswith("[lep_type]**2)")]
    with baler_root.open(target) as file:
        names = ["lep_pt", "lep_eta", "lep_E", "lep_type"]
        events = file["mini"].arrays(names)
    pt, eta, energy, kind = (ak.to_numpy(ak.flatten(events[name])).astype("f8") for name in names)
    square = (pt * np.cosh(eta)) ** 2 + np.where(kind == 13, 105.66, 0.511) ** 2
    assert np.all(np.abs(energy / np.sqrt(square) - 1) < 1e-6)


@pytest.mark.parametrize("bound", ["rel=1e-3", "abs=0.01", "bits=10", "lossless"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_constant_masses_in_a_file(bound: str, dtype: str, make_root: Maker, tmp_path: Path) -> None:
    columns = {name: values.astype("f8") for name, values in momenta(4000).items() if name in ("pt", "eta")}
    columns["E"] = np.sqrt((columns["pt"] * np.cosh(columns["eta"])) ** 2 + 0.938272**2)
    columns = {name: values.astype(dtype) for name, values in columns.items()}
    columns["E"][[3, 3000]], columns["pt"][7] = [1.0, np.nan], np.inf
    source = make_root("masses.root", Events=columns)
    target = tmp_path / "masses.baler"
    baler_root.compress(source, target, bound=bound, codec="classic", cluster_size=1500)
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    if not bound.startswith("abs"):
        assert any(text.startswith("E = sqrt((pt * cosh(eta))**2 + 0.9382") for text in relations)


def test_units_and_affine_copies_are_found() -> None:
    columns = momenta()
    units = {"pt": columns["pt"], "eta": columns["eta"], "E": (1000 * columns["p"].astype("f8")).astype("f4")}
    assert found(units, REL) == {"E": "1000 * pt * cosh(eta)"}
    pt = columns["pt"]
    assert found({"pt": pt, "MeV": pt * np.float32(1000)}, REL) in (
        {"MeV": "1000 * pt"},
        {"pt": "0.001 * MeV"},
    )
    assert found({"pt": pt, "up": (0.015 * pt.astype("f8") + 0.6).astype("f4")}, REL) == {
        "up": "0.015 * pt + 0.6"
    }
    charge = np.random.default_rng(0).choice([-1, 1], 1000)
    ids = {"charge": charge.astype("i4"), "pdgId": (-13 * charge).astype("i4")}
    assert found(ids, LOSSLESS) in ({"charge": "-0.0769230769231 * pdgId"}, {"pdgId": "-13 * charge"})


def test_relations_are_read_as_they_are_written() -> None:
    names = ["px", "a.b/c", "eta", "E"]
    for relation in (Sum(((1, 0), (-1, 1), (1, 2))), *FORMULAS):
        text = f"E = {relation.text([names[source] for source in relation.sources])}"
        assert parse(text, names.index) == (3, relation), text
    assert {formula.function for formula in FORMULAS} == {*FUNCTIONS}


@pytest.mark.parametrize(
    "text",
    [
        "E",
        "E = ",
        "E = pt * tanh(eta)",
        "E = 2 * (a + b)",
        "1 = a",
        "E = sqrt(a)",
        "a b = c",
        "E = sqrt(p**2 + {}[a]**2)",
    ],
)
def test_what_is_no_relation_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write one of"):
        parse(text, {"E": 0}.get)


@pytest.mark.parametrize(
    "table", ["{1: 2, 1: 3}", "{1: 1e999}", f"{{{', '.join(f'{n}: 1' for n in range(257))}}}"]
)
def test_tables_that_no_file_may_have_are_refused(table: str) -> None:
    with pytest.raises(ConfigError, match="each key once, 256 at most, and finite numbers"):
        parse(f"E = sqrt(p**2 + {table}[kind]**2)", ["E", "p", "kind"].index)


def test_declared_and_independent(make_root: Maker, tmp_path: Path) -> None:
    columns = momenta()
    columns["half"] = (columns["E"].astype("f8") / 2).astype("f4")
    source = make_root("declared.root", Events=columns)
    rules = tmp_path / "rules.toml"
    rules.write_text('independent = ["p*"]\nrelations = ["half = 0.5 * E", "eta = 2 * phi"]\n')
    found = {}
    for name, config in {"rules": rules, "none": None}.items():
        target = tmp_path / f"{name}.baler"
        independent = ["*"] if config is None else []
        summary = baler_root.compress(
            source, target, rules=build_rules(config=config, independent=independent), codec="classic"
        )
        assert [("'eta = 2 * phi' is not used" in note) for note in summary.notes] == (
            [True] if config else []
        )
        found[name] = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    assert "half = 0.5 * E" in found["rules"]
    assert not any(relation.startswith("p") for relation in found["rules"])
    assert found["none"] == []
    with pytest.raises(ConfigError, match="nearest"):
        baler_root.compress(source, tmp_path / "x.baler", independent=["ptt"])
    rules.write_text('relations = ["half = 0.5 * EE"]')
    with pytest.raises(ConfigError, match="no branch 'EE'"):
        baler_root.compress(source, tmp_path / "x.baler", rules=build_rules(config=rules))


def test_none_where_there_is_none() -> None:
    columns = momenta()
    assert found({name: columns[name] for name in ("pt", "eta", "phi", "m")}, REL) == {}
    smeared = columns["p"] * np.random.default_rng(1).normal(1, 1e-3, 2000).astype("f4")
    assert found({"pt": columns["pt"], "eta": columns["eta"], "E": smeared}, LOSSLESS) == {}
    names = ("pt", "eta", "p")
    columns = {name: columns[name] for name in names}
    assert discover(list(columns.values()), [REL] * 3, [0, 0, 1]).derived == {}, "another table"
    assert discover([c[:60] for c in columns.values()], [REL] * 3, [0] * 3).derived == {}, (
        "too few rows to tell"
    )


@pytest.mark.parametrize("bound", ["rel=1e-3", "rel=1e-2", "abs=0.01", "bits=10", "lossless"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_file_keeps_every_bound_and_its_relations(
    bound: str, dtype: str, make_root: Maker, tmp_path: Path
) -> None:
    columns = {name: values.astype(dtype) for name, values in momenta(5000).items()}
    columns["p"][[3, 70]] = 1e6, np.nan  # no energy there
    columns["pt"][9], columns["eta"][11], columns["pz"][13] = 0.0, np.inf, -999.0
    counts = np.random.default_rng(2).integers(0, 5, 4000)
    counts = counts[: np.searchsorted(np.cumsum(counts), 5000, side="right")]
    kept = {name: values[: counts.sum()] for name, values in columns.items()}
    source = make_root("p4.root", Events={"Jet": ak.unflatten(ak.zip(kept), counts)})
    target = tmp_path / "p4.baler"
    baler_root.compress(source, target, bound=bound, codec="classic")
    assert baler_root.verify(target, against=source).ok
    with baler_root.open(target) as file:
        jets = file["Events"].arrays()
        alone = file["Events"]["Jet_pz"].array()
    assert ak.array_equal(alone, jets.Jet_pz, equal_nan=True)
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    if bound.startswith("rel"):
        assert any(r.startswith("Jet_p = Jet_pt * cosh(Jet_eta)") for r in relations)
        flat = {
            name: ak.to_numpy(ak.flatten(jets[f"Jet_{name}"])).astype("f8") for name in ("pt", "eta", "p")
        }
        p = flat["pt"] * elementary.cosh(flat["eta"])
        with np.errstate(all="ignore"):
            assert np.sum(~(np.abs(p - flat["p"]) <= 1e-6 * p)) <= 4, "energy and momentum belong together"


@pytest.mark.parametrize("bound", ["rel=1e-3", "abs=0.01", "bits=10", "lossless"])
def test_directions_in_a_file(bound: str, make_root: Maker, tmp_path: Path) -> None:
    columns = momenta(4000)
    columns = {name: columns[name] for name in ("px", "py", "pz", "pt", "eta", "phi")}
    columns["phi"][[3, 3000]] = 6.0, np.nan  # no direction there
    columns["px"][9], columns["py"][11], columns["pz"][13] = 0.0, np.inf, -999.0
    source = make_root("directions.root", Events=columns)
    target = tmp_path / "directions.baler"
    baler_root.compress(source, target, bound=bound, codec="classic", cluster_size=1500)
    assert baler_root.verify(target, against=source).ok
    relations = [r["text"] for r in baler_root.inspect(target)["trees"][0]["relations"]]
    if bound.startswith("rel"):
        assert "phi = arctan2(py, px)" in relations
        with baler_root.open(target) as file:
            events = file["Events"].arrays(library="np")
        with np.errstate(all="ignore"):
            phi = np.arctan2(events["py"].astype("f8"), events["px"])
            assert np.sum(~(np.abs(phi - events["phi"]) <= 1e-6)) <= 4, "directions are those of the momenta"


FLOATS = st.one_of(st.floats(-1e3, 1e3, width=32), st.floats(width=32))


@given(
    st.lists(st.tuples(FLOATS, FLOATS, FLOATS, FLOATS), min_size=1, max_size=30),
    st.sampled_from(["rel=1e-3", "rel=0.1", "abs=0.01", "bits=5", "lossless"]),
    st.sampled_from(["f4", "f8"]),
    st.sampled_from([None, 0, 9]),
    st.sampled_from(FORMULAS),
)
def test_any_formula_of_anything_keeps_its_bound(
    rows: list[tuple[float, ...]], bound: str, dtype: str, dropped_bits: int | None, formula: Formula
) -> None:
    """A page of values that the formula gives, but for some; `encode_cluster` raises where one misses its bound."""
    *sources, other = (np.array(column, dtype) for column in zip(*rows, strict=True))
    values = formula.values([sources[source] for source in formula.sources], np.dtype(dtype))
    values[::3] = other[::3]
    arrays = {f"c{n}": ak.Array(column) for n, column in enumerate([*sources, values])}
    bounds = dict.fromkeys(arrays, bound)
    plan = Source("Events", arrays, bounds, relations={3: PlannedRelation(formula, dropped_bits)}).plan()
    assert encode_cluster(plan, dict(enumerate(arrays.values())), len(rows)).entries == len(rows)


def test_masses_survive(make_root: Maker, tmp_path: Path) -> None:
    """What independent rounding spoils: E² - p² of pairs, from stored energies."""
    columns = momenta(40_000, mass=1e-9)
    columns["E"] = columns["p"]
    source = make_root("pairs.root", Events={name: columns[name] for name in ("pt", "eta", "phi", "E")})

    def mass(events: ak.Array) -> NDArray[np.float64]:
        pt, eta, phi, energy = (
            ak.to_numpy(events[n]).astype("f8").reshape(-1, 2) for n in ("pt", "eta", "phi", "E")
        )
        momentum = [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
        square = energy.sum(1) ** 2 - sum(p.sum(1) ** 2 for p in momentum)
        return np.sqrt(np.maximum(square, 0))

    masses = {}
    for name, rules in {"together": [], "apart": ["E"]}.items():
        baler_root.compress(source, tmp_path / f"{name}.baler", independent=rules, codec="classic")
        with baler_root.open(tmp_path / f"{name}.baler") as file:
            masses[name] = mass(file["Events"].arrays())
    true = mass(ak.Array(columns))
    smear = {name: float(np.sqrt(np.mean((m - true) ** 2))) / true.mean() for name, m in masses.items()}
    assert smear["together"] < 1e-3 < 3 * smear["together"] < smear["apart"]


@given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20),
    st.sampled_from([("f4", 0), ("f4", 14), ("f4", 23), ("f8", 0), ("f8", 43)]),
)
def test_residuals_come_back(pairs: list[tuple[float, float]], kind: tuple[str, int]) -> None:
    dtype, dropped_bits = kind
    values, predicted = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    back = apply_residual(predicted, residual(values, predicted, dropped_bits), dropped_bits)
    mantissa = 23 if dtype == "f4" else 52
    with np.errstate(all="ignore"):
        near = np.abs(back.astype("f8") - values) <= np.abs(values) * 2.0 ** (dropped_bits - mantissa - 1)
    small = np.abs(values) < np.finfo(dtype).tiny
    assert np.all(near | small | ~np.isfinite(values) | np.isinf(back))
    if dropped_bits == 0:
        whole = np.isfinite(values)
        assert back[whole].tobytes() == values[whole].tobytes()


@pytest.mark.parametrize("value", [1e-3, 1e-2, 1e-6, 0.9])
def test_dropped_bits_meet_the_bound(value: float) -> None:
    for dtype, mantissa in ((np.dtype("f4"), 23), (np.dtype("f8"), 52)):
        dropped_bits = droppable(ErrorBound("rel", value), dtype)
        assert dropped_bits is not None
        assert dropped_bits == 0 or 2.0 ** (dropped_bits - mantissa - 1) <= value
        assert dropped_bits == mantissa or 2.0 ** (dropped_bits - mantissa) > value, (
            "one bit more would not do"
        )


@given(
    st.lists(st.floats(), min_size=1, max_size=8),
    st.sampled_from(["f4", "f8", "i1", "u4", "i8", "u8", "?"]),
    st.sampled_from(FORMULAS),
)
def test_any_source_gives_a_column(values: list[float], dtype: str, formula: Formula) -> None:
    made = formula.values([np.array(values)] * len(formula.sources), np.dtype(dtype))
    assert made.dtype == dtype
    assert len(made) == len(values)
    if made.dtype.kind == "f":
        nan = made[np.isnan(made)]
        assert nan.tobytes() == np.full(len(nan), np.nan, dtype).tobytes(), "one NaN, whatever the processor"


def test_elementary_functions_are_right() -> None:
    x = np.concatenate([np.linspace(-20, 20, 4001), np.random.default_rng(0).normal(size=2000) * 1e-3])
    for name in ("exp", "cosh", "sinh", "cos", "sin"):
        mine, theirs = getattr(elementary, name)(x), getattr(np, name)(x)
        assert np.all(
            np.abs(mine - theirs)
            <= 4e-16 * np.maximum(np.abs(theirs), 1.0 if name in ("cos", "sin") else 0.0)
        )


def test_inverse_functions_are_right() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [np.sinh(rng.uniform(-20, 20, 4000)), rng.normal(size=2000) * 1e-3, [0.0, -0.0, 1e150]]
    )
    y = np.concatenate([rng.normal(size=6000), [0.0, -0.0, 0.0]])
    for mine, theirs in (
        (elementary.arcsinh(x), np.arcsinh(x)),
        (elementary.arctan2(y, x), np.arctan2(y, x)),
        (elementary.arctan2(x, y), np.arctan2(x, y)),
    ):
        assert np.all(np.abs(mine - theirs) <= 4 * np.spacing(np.abs(theirs)))
        assert np.array_equal(np.signbit(mine), np.signbit(theirs))
    quarters = elementary.arctan2(
        np.array([0.0, -0.0, 0.0, 1.0, -1.0]), np.array([-1.0, -1.0, 0.0, 0.0, 0.0])
    )
    assert quarters.tolist() == [np.pi, -np.pi, 0.0, np.pi / 2, -np.pi / 2]
