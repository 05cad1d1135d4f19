"""Consistent events: columns that are functions of each other in the source are so in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.format.binary import portable_math
from tests.helpers.momenta import REL, momenta
from tests.helpers.root_files import Make

PRECISION = 1e-6
"""Largest relative difference between a float32 and the function of other columns in double precision."""


def test_copies_sums_and_energies(make_root: Make, tmp_path: Path) -> None:
    """Errors of up to 1e-2 in each column leave none between columns, however few of them are read."""
    columns = momenta(4000)
    columns = {name: columns[name] for name in ("pt", "eta", "m", "E")}
    other = np.random.default_rng(1).exponential(20, 4000).astype("f4")
    columns |= {"pt_copy": columns["pt"].copy(), "other": other, "total": columns["pt"] + other}
    columns |= {"in_MeV": columns["pt"] * np.float32(1000)}
    source = make_root("event.root", Events=columns)
    baler_root.compress(
        source, tmp_path / "event.baler", bound="rel=1e-2", codec="classic", cluster_size=1500
    )
    with baler_root.open(tmp_path / "event.baler") as file:
        tree = file["Events"]
        read = {name: tree[name].array(library="np") for name in columns}
        together = tree.arrays(library="np")
    assert all(np.array_equal(read[name], together[name]) for name in columns)
    assert np.max(np.abs(read["pt"] / columns["pt"] - 1)) > 1e-3, "the test is of no use without errors"
    pt, eta, mass, other = (read[name].astype("f8") for name in ("pt", "eta", "m", "other"))
    expected = {
        "pt_copy": pt,
        "in_MeV": 1000 * pt,
        "total": pt + other,
        "E": np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2),
    }
    for name, values in expected.items():
        assert np.max(np.abs(read[name] / values - 1)) < PRECISION, name


def test_energies_of_real_leptons(data_file: Callable[..., Path], tmp_path: Path) -> None:
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


def test_masses_of_pairs_from_stored_energies(make_root: Make, tmp_path: Path) -> None:
    """E² - p² is a small difference of large numbers; independent rounding spoils it."""
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


@pytest.mark.parametrize("bound", ["rel=1e-3", "rel=1e-2", "abs=0.01", "bits=10", "lossless"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_components_of_four_vectors_in_lists(bound: str, dtype: str, make_root: Make, tmp_path: Path) -> None:
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
        p = flat["pt"] * portable_math.cosh(flat["eta"])
        with np.errstate(all="ignore"):
            assert np.sum(~(np.abs(p - flat["p"]) <= 1e-6 * p)) <= 4, "energy and momentum belong together"


@pytest.mark.parametrize("bound", ["rel=1e-3", "abs=0.01", "bits=10", "lossless"])
def test_angles_are_those_of_the_components(bound: str, make_root: Make, tmp_path: Path) -> None:
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
