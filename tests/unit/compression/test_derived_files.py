"""Derived quantities in files: read branch by branch, declared, and lost where they do not hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from numpy.typing import NDArray

import baler_root
from baler_root.format.bounds import violations
from baler_root.training.effort import LEVELS
from tests.helpers.momenta import REL
from tests.helpers.root_files import Make
from tests.unit.compression.test_derived import events, with_quantities


@pytest.fixture
def fast_with_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    """The level `fast` finds derived quantities, too: no test has to train networks."""
    monkeypatch.setitem(LEVELS, "fast", replace(LEVELS["fast"], derived=True))


@pytest.mark.usefixtures("fast_with_derived")
def test_a_copy_with_another_calibration_later_keeps_its_bound(make_root: Make, tmp_path: Path) -> None:
    """The sample shows a near copy; from the middle of the file on the columns differ, then are unrelated."""
    rng = np.random.default_rng(1)
    rows = 9000
    columns: dict[str, NDArray[np.float32]] = {"a": (rng.exponential(30, rows) + 5).astype("f4")}
    scale = np.where(np.arange(rows) < 3000, 1.0, 1.05)
    copy = columns["a"] * scale * (1 + 1e-3 * rng.standard_normal(rows))
    copy[6000:] = rng.exponential(30, 3000)
    columns["b"] = copy.astype("f4")
    source = make_root("source.root", Events=columns)
    target = tmp_path / "copy.baler"
    baler_root.compress(source, target, training="fast", codec="conditional", cluster_size=3000)
    with baler_root.open(target) as file:
        values = file["Events"].arrays(library="np")
    for name, original in columns.items():
        assert not len(violations(original, values[name], REL))


@pytest.mark.usefixtures("fast_with_derived")
def test_chains_are_read_branch_by_branch(make_root: Make, tmp_path: Path) -> None:
    columns = with_quantities(events(4000))
    columns["twice"] = (columns["m"].astype("f8") * columns["dR"]).astype("f4")
    source, target = make_root("source.root", Events=columns), tmp_path / "chain.baler"
    baler_root.compress(source, target, training="fast", codec="conditional")
    texts = [relation["text"] for relation in baler_root.inspect(target)["trees"][0]["relations"]]
    assert any("≈" in text for text in texts)
    with baler_root.open(target) as file:
        whole = file["Events"].arrays(library="np")
        for name in columns:
            assert np.array_equal(file["Events"][name].array(library="np"), whole[name])
            assert not len(violations(columns[name], whole[name], REL))


def jets(entries: int = 3000) -> dict[str, ak.Array]:
    """Lists of jets, and what an analysis computes from them for each entry."""
    rng = np.random.default_rng(11)
    counts = rng.integers(0, 7, entries)
    pt = ak.unflatten((rng.exponential(30, counts.sum()) + 15).astype("f4"), counts)
    pt = ak.sort(pt, axis=1, ascending=False)
    eta = ak.unflatten(rng.normal(0, 1.5, counts.sum()).astype("f4"), counts)
    above = pt > 32.5
    flat = {
        "HT": (ak.sum(pt, axis=1), "f4"),
        "leading": (ak.fill_none(ak.max(pt, axis=1), -1.0), "f4"),
        "second": (ak.fill_none(ak.pad_none(pt, 2)[:, 1], 0.0), "f8"),
        "forward": (ak.fill_none(ak.max(eta, axis=1), -99.0), "f4"),
        "n_good": (ak.sum(above, axis=1), "i4"),
        "HT_hard": (ak.sum(pt[pt > 30], axis=1), "f4"),
    }
    quantities = {name: ak.Array(np.asarray(values).astype(dtype)) for name, (values, dtype) in flat.items()}
    return {"Jet_pt": pt, "Jet_eta": eta, **quantities}


REDUCTIONS = {
    "HT ≈ sum(Jet_pt)",
    "leading ≈ max(Jet_pt)",
    "second ≈ item(Jet_pt, 1)",
    "forward ≈ max(Jet_eta)",
    "n_good ≈ count(Jet_pt > 32.5)",
    "HT_hard ≈ sum(Jet_pt, Jet_pt > 30)",
}


@pytest.mark.usefixtures("fast_with_derived")
def test_reductions_of_lists_are_found(make_root: Make, tmp_path: Path) -> None:
    columns = jets()
    source, target = make_root("source.root", kind="rntuple", Events=columns), tmp_path / "jets.baler"
    baler_root.compress(source, target, training="fast", codec="conditional", bounds={"Jet_eta": "abs=1e-3"})
    texts = {relation["text"] for relation in baler_root.inspect(target)["trees"][0]["relations"]}
    names = {text.partition(" ")[0] for text in texts}
    assert names >= {text.partition(" ")[0] for text in REDUCTIONS}
    assert len(texts & REDUCTIONS) >= len(REDUCTIONS) - 1, "a threshold is one of many"
    with baler_root.open(target) as file:
        assert ak.array_equal(file["Events"]["n_good"].array(), columns["n_good"])
        ht = ak.to_numpy(file["Events"]["HT"].array())
        assert not len(violations(ak.to_numpy(columns["HT"]), ht, REL))


@pytest.mark.usefixtures("fast_with_derived")
def test_predictions_are_declared_in_the_same_words(make_root: Make, tmp_path: Path) -> None:
    """Noise hides the relations from the search; a declared one is used where it saves anything."""
    rng = np.random.default_rng(12)
    columns = events(4000)
    shift = 1 + 0.03 * rng.standard_normal(4000)
    columns["sum"] = ((columns["pt1"] + columns["pt2"]) * shift).astype("f4")
    columns["mt"] = (np.sqrt(columns["pt1"] * columns["met"]) * 2).astype("f4")
    half = 0.5 * (columns["phi1"].astype("f8") - columns["metphi"])
    columns["mt"] = (columns["mt"] * np.abs(np.sin(half)) * shift).astype("f4")
    rules = tmp_path / "rules.toml"
    rules.write_text('relations = ["sum = pt1 + pt2", "mt = mT((pt1, phi1), (met, metphi))"]')
    source, target = make_root("source.root", Events=columns), tmp_path / "declared.baler"
    summary = baler_root.compress(source, target, training="fast", codec="conditional", rules=rules)
    texts = {relation["text"] for relation in baler_root.inspect(target)["trees"][0]["relations"]}
    assert {"sum ≈ pt1 + pt2", "mt ≈ mT((pt1, phi1), (met, metphi))"} <= texts
    assert not any("not used" in note for note in summary.notes)
    baler_root.compress(
        source,
        target,
        training="default",
        codec="conditional",
        rules=rules,
        independent=["sum", "mt"],
        overwrite=True,
    )
    assert baler_root.inspect(target)["trees"][0]["relations"] == []


@pytest.mark.usefixtures("fast_with_derived")
def test_columns_that_become_equal_later_keep_their_bound(make_root: Make, tmp_path: Path) -> None:
    """Columns predict one another in the sample; from then on some are equal, in every combination."""
    rng = np.random.default_rng(2)
    rows = 4000
    first = (rng.exponential(30, rows) + 5).astype("f4")
    columns = {name: (first * (1 + 1e-3 * rng.standard_normal(rows))).astype("f4") for name in "abcdef"}
    for source, *others in (("f", "a"), ("e", "b", "c"), ("d", "e")):
        for name in others:
            columns[name][1000:] = columns[source][1000:]
    path, target = make_root("source.root", Events=columns), tmp_path / "equal.baler"
    baler_root.compress(path, target, training="fast", codec="conditional", cluster_size=1000)
    with baler_root.open(target) as file:
        values = file["Events"].arrays(library="np")
    for name, original in columns.items():
        assert not len(violations(original, values[name], REL))
