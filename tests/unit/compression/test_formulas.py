"""Formulas between columns: found where they hold, declared, and kept in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root.compression.relations.parsing import parse
from baler_root.compression.relations.search import discover
from baler_root.errors import ConfigError
from baler_root.format.bounds import LOSSLESS, ErrorBound
from baler_root.format.encodings.functions import FUNCTIONS
from baler_root.format.encodings.sum import Sum
from tests.helpers.momenta import FORMULAS, LISTS, REL, SUMS, found, momenta
from tests.helpers.root_files import Make


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
    for relation in (Sum(((1, 0), (-1, 1), (1, 2))), *FORMULAS, *LISTS):
        text = f"E = {relation.text([names[source] for source in relation.sources])}"
        assert parse(text, names.index, lambda _: 3) == (3, relation), text
    for formula in SUMS:
        _, relation = parse(f"E = {formula.text([names[source] for source in formula.sources])}", names.index)
        assert isinstance(relation, Sum)
        assert relation.sources == formula.sources
    assert {formula.function for formula in (*FORMULAS, *LISTS, *SUMS)} == {*FUNCTIONS}


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


def test_declared_and_independent(make_root: Make, tmp_path: Path) -> None:
    columns = momenta()
    columns["half"] = (columns["E"].astype("f8") / 2).astype("f4")
    source = make_root("declared.root", Events=columns)
    rules = tmp_path / "rules.toml"
    rules.write_text('independent = ["p*"]\nrelations = ["half = 0.5 * E", "eta = 2 * phi"]\n')
    found = {}
    for name, config in {"rules": rules, "none": None}.items():
        target = tmp_path / f"{name}.baler"
        independent = ["*"] if config is None else []
        summary = baler_root.compress(source, target, rules=config, independent=independent, codec="classic")
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
        baler_root.compress(source, tmp_path / "x.baler", rules=rules)


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
