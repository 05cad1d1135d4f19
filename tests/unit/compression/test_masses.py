"""Masses that are constants, or depend on an integer: found, and consistent in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.compression.relations.parsing import parse
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.encodings.formula import Formula
from tests.helpers.momenta import REL, Columns, found, momenta
from tests.helpers.root_files import Make


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
def test_masses_by_an_integer_in_a_file(bound: str, dtype: str, make_root: Make, tmp_path: Path) -> None:
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
def test_constant_masses_in_a_file(bound: str, dtype: str, make_root: Make, tmp_path: Path) -> None:
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


def test_masses_survive(make_root: Make, tmp_path: Path) -> None:
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
