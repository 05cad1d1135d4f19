"""Masses that are constants, or depend on an integer: found, and kept in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


def test_masses_below_the_rounding_are_not_found() -> None:
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


def test_integers_that_do_not_determine_the_mass_are_not_used() -> None:
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
