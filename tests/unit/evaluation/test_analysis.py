"""Analysis files: how they are found and run, and what they and their input may get wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.errors import AnalysisError, ConfigError, SourceError

pytest.importorskip("iminuit", reason="the extra [report] is not installed")
pytest.importorskip("vector", reason="the extra [report] is not installed")

from baler_root.analyses.samples.toys import photon_pairs, write_tree

from baler_root.evaluation.analysis import analysis
from baler_root.evaluation.analysis.analysis import load

GOOD = """
import awkward as ak, numpy as np
from baler_root.evaluation.analysis.selection import Selection
def select(events):
    n = len(events)
    return Selection({"some": ak.to_numpy(events.x) > 0.5}, {"x": ak.to_numpy(events.x).astype(float)},
                     np.ones(n), np.zeros(n, np.int64))
"""


@pytest.fixture
def flat(make_root: Callable[..., Path]) -> Path:
    """1000 entries of `x` from 0 to 1."""
    return make_root("x.root", Events={"x": np.linspace(0.0, 1.0, 1000)})


def mine(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_file_with_one_function_is_enough(tmp_path: Path, flat: Path) -> None:
    loaded = load(mine(tmp_path, GOOD))
    selection = loaded.run(flat)
    assert loaded.title == "mine"
    assert len(selection) == 1000
    assert selection.passing().sum() == 500
    assert loaded.inferable == ()
    assert loaded.study(selection, "x", toys=1, seed=1).quantities == {}
    assert not list(tmp_path.glob("__pycache__"))


def test_chunks_add_up(tmp_path: Path, flat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "STEP", 300)
    calls: list[tuple[int, int]] = []
    selection = load(mine(tmp_path, GOOD)).run(flat, lambda done, total: calls.append((done, total)))
    assert calls == [(300, 1000), (600, 1000), (900, 1000), (1000, 1000)]
    np.testing.assert_array_equal(selection.observables["x"], np.linspace(0.0, 1.0, 1000))


def test_trees_paths_and_lists_are_sources(tmp_path: Path, flat: Path) -> None:
    loaded = load(mine(tmp_path, GOOD))
    small = tmp_path / "x.baler"
    baler_root.compress(str(flat), str(small), training="fast")
    with uproot.open(flat) as file, baler_root.open(str(small)) as packed:
        for source in (file["Events"], file, packed["Events"], packed, str(small), small):
            assert len(loaded.run(source)) == 1000
    assert len(loaded.run([flat, small])) == 2000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def select(events):\n    return 1 / 0\n", "line 2, in select\n    return 1 / 0"),
        ("def select(events:\n", "SyntaxError"),
        ("x = nothing\n", "line 1, in <module>"),
        ("x = 1\n", "no function select"),
        ("def select(events):\n    return 5\n", "gave int, not a Selection"),
        (GOOD.replace("np.ones(n)", "np.ones(3)"), r"weights is \(3,\)"),
        (GOOD.replace("ak.to_numpy(events.x) > 0.5", "events.x > 0.5"), "cut 'some' is Array"),
        (GOOD + "OBSERVABLES = {'y': None}\n", "no observable y"),
    ],
)
def test_what_a_file_does_wrong_is_shown(tmp_path: Path, flat: Path, text: str, message: str) -> None:
    path = mine(tmp_path, text)
    with pytest.raises(AnalysisError, match=message) as caught:
        load(path).run(flat)
    assert str(path) in str(caught.value)
    assert "site-packages" not in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("hgg", "hgamgam"), ("./no.py", "no such analysis file")])
def test_unknown_analyses_are_wrong_use(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(name)


def test_input_without_use(tmp_path: Path, flat: Path, make_root: Callable[..., Path]) -> None:
    none = load(mine(tmp_path, GOOD.replace("> 0.5", "> 5")))
    with pytest.raises(SourceError, match=r"none of 1000 entries passes the cuts of mine \(some: 0\)"):
        none.run(flat)
    weightless = load(mine(tmp_path, GOOD.replace("np.ones(n)", "np.zeros(n)")))
    with pytest.raises(SourceError, match=r"all 500 entries .* have weight 0"):
        weightless.run(flat)
    endless = load(mine(tmp_path, GOOD.replace("np.ones(n)", "np.full(n, np.inf)")))
    with pytest.raises(SourceError, match="500 selected entries have no finite weight"):
        endless.run(flat)
    empty = make_root("empty.root", Events={"x": np.zeros(0)})
    with pytest.raises(SourceError, match="no entries"):
        load(mine(tmp_path, GOOD)).run(empty)


def test_a_tree_of_no_known_name(tmp_path: Path, two_trees_root: Path, flat: Path) -> None:
    with pytest.raises(SourceError, match=r"a single tree .*the file has 'Events', 'runs/Summary'"):
        load(mine(tmp_path, GOOD)).run(two_trees_root)
    with pytest.raises(SourceError, match="reads 'mini' or 'analysis'; the file has 'Events'"):
        load("hgamgam").run(flat)


def test_missing_branches_are_named_with_the_schema(tmp_path: Path) -> None:
    events = photon_pairs("2020", 100)
    del events["photon_isTightID"]
    path = write_tree(tmp_path / "a.root", "mini", events)
    with pytest.raises(
        SourceError, match=r"missing branches: photon_isTightID; .*2020 release \(tree 'mini', .*MeV"
    ):
        load("hgamgam").run(path)
    path = write_tree(tmp_path / "b.root", "mini", {"x": np.arange(3)})
    with pytest.raises(SourceError, match=r"not the schema .*SumWeights.*sum_of_weights.* it has x"):
        load("hzz4l").run(path)


def test_infer_takes_what_it_says(tmp_path: Path, flat: Path) -> None:
    loaded = load(
        mine(tmp_path, GOOD + "INFER = ('x',)\ndef infer(selection, observable):\n    return {}['z']\n")
    )
    selection = loaded.run(flat)
    with pytest.raises(ConfigError, match="not from 'y'"):
        loaded.infer(selection, "y")
    with pytest.raises(AnalysisError, match=r"return \{\}\['z'\]"):
        loaded.infer(selection, "x")


def test_the_example_runs(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "a.root", "mini", photon_pairs("2020", 500))
    loaded = load("example")
    selection = loaded.run(path)
    mean = loaded.infer(selection, "met")["mean"]
    chosen = selection.observables["met"][selection.passing()]
    assert mean.value == pytest.approx(chosen.mean())
    assert mean.error == pytest.approx(chosen.std() / np.sqrt(len(chosen)))
