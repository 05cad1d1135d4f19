"""`tune` on a small analysis of known sensitivity: bounds that matter stay tight, others are loosened."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uproot

import baler_root
from baler_root.compression.rules.rules import Rules
from tests.helpers.cli import Cli, Outcome

ANALYSIS = """
import numpy as np
from baler_root.evaluation.analysis.quantity import Quantity
from baler_root.evaluation.analysis.selection import Observable, Selection

OBSERVABLES = {"x": Observable("x", "GeV", 50, 150, 50)}
INFER = ("x",)

def branches(keys):
    return ["x", "y", "flag"]

def select(events):
    x = events["x"].to_numpy().astype(float)
    cuts = {"y": events["y"].to_numpy() > -1.0}
    return Selection(cuts, {"x": x}, np.ones(len(x)), np.zeros(len(x), np.int64))

def infer(selection, observable):
    kept = selection.passing() & (selection.weights > 0)
    x = selection.observables[observable][kept]
    return {"mean": Quantity(x.mean(), x.std() / np.sqrt(len(x)), "GeV"), "n": Quantity(float(kept.sum()), 1.0)}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of three branches that are read and one that is not, and an analysis of it."""
    rng = np.random.default_rng(3)
    columns = {
        "x": rng.normal(100, 5, 4000).astype(np.float32),
        "y": rng.exponential(50, 4000).astype(np.float32),
        "flag": rng.random(4000) < 0.5,
        "unread": rng.normal(0, 1, 4000).astype(np.float32),
    }
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("events", {name: values.dtype for name, values in columns.items()})
        file["events"].extend(columns)
    (tmp_path / "mine.py").write_text(ANALYSIS)
    return tmp_path


Tune = Callable[..., Outcome]


@pytest.fixture
def tune(folder: Path, capsys: pytest.CaptureFixture[str]) -> Tune:
    """`tune(budget, *options)` runs the verb on that file and that analysis."""
    where = (folder / "in.root", "-a", folder / "mine.py", "-o", folder / "rules.toml")
    return lambda budget, *options: Cli(capsys)("tune", *where, "--budget", budget, *options)


def test_what_matters_stays_tight_and_the_rules_hold(folder: Path, tune: Tune) -> None:
    done = tune("dmean<1MeV", "--json")
    assert done.code == 0, done.err
    result = done.json
    assert result["bounds"]["y"] == 0.03  # every event passes its cut
    assert result["bounds"]["x"] < 0.03
    assert result["validated"]
    assert result["validation"]["mean"] <= 1
    assert result["tuned_size"] < result["source_size"]
    document = tomllib.loads((folder / "rules.toml").read_text())
    assert {rule["branch"]: rule["bound"] for rule in document["rules"]} == {
        name: f"rel={bound:g}" for name, bound in result["bounds"].items()
    }
    rules = Rules.build(folder / "rules.toml")
    baler_root.compress(folder / "in.root", folder / "out.baler", rules=rules, codec="classic")
    assert (folder / "out.baler").stat().st_size == result["tuned_size"]
    with uproot.open(folder / "in.root") as before, baler_root.open(folder / "out.baler") as after:
        x, y = before["events"]["x"].array(), after["events"]["x"].array()
    assert abs(float(np.mean(x)) - float(np.mean(y))) < 1e-3


def test_the_report_names_limits_and_bounds(tune: Tune) -> None:
    done = tune("dmean<10MeV,dn<1%", "--lattices", "1")
    assert done.code == 0, done.err
    for text in ("dmean<10MeV", "dn<1%", "rel=0.03", "validation", "tuned"):
        assert text in done.out


@pytest.mark.parametrize(
    ("budget", "options", "code", "message"),
    [
        ("dmean<1e-9eV", (), 1, "even rel=1e-06"),
        ("dZ<0.1", (), 2, "the analysis gives mean, n"),
        ("dmean<10MeV", ("--margin", "2"), 2, "at most 1"),
        ("dmean<10MeV", ("--lattices", "0"), 2, "at least 1"),
        ("dmean<10MeV", ("--bound", "rel=x"), 2, "rel=x"),
    ],
)
def test_what_cannot_be_tuned_is_one_error(
    folder: Path, tune: Tune, budget: str, options: tuple[str, ...], code: int, message: str
) -> None:
    done = tune(budget, *options)
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (folder / "rules.toml").exists()


def test_a_rules_file_is_not_replaced_unasked(folder: Path, tune: Tune) -> None:
    (folder / "rules.toml").write_text("mine")
    done = tune("dmean<10MeV")
    assert done.code == 1
    assert "--overwrite" in done.err
    assert (folder / "rules.toml").read_text() == "mine"
