"""Training a model for many files: refusals, messages, and the same bytes from the same seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets

import baler_root
from baler_root import ModelReuse
from baler_root.api import model_training, train
from baler_root.errors import (
    ConfigError,
    OutputError,
    SourceError,
)
from baler_root.format.container.layout import HEAD_MAGIC
from baler_root.format.model_file import read_model_file
from baler_root.training import effort
from tests.helpers.cli import Cli
from tests.helpers.model_files import quick_level
from tests.helpers.root_files import write_root

Maker = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


def test_the_same_files_and_seed_give_the_same_model(jets_model: Path, tmp_path: Path) -> None:
    sources = [jets_model.with_name("one.root"), jets_model.with_name("two.root")]
    with quick_level():
        baler_root.train(sources, tmp_path / "again.balermodel")
    assert (tmp_path / "again.balermodel").read_bytes() == jets_model.read_bytes()


def test_doubles_that_are_floats_are_learned(tmp_path: Path) -> None:
    """`Double32_t` and many ntuples hold floats in doubles; the model knows them as floats."""
    pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    x = rng.exponential(30, 6000).astype("f4")
    y = (x * np.exp(rng.normal(0, 0.01, 6000))).astype("f4")
    source = write_root(tmp_path / "d.root", Events={"x": x.astype("f8"), "y": y.astype("f8")})
    with quick_level():
        baler_root.train(source, tmp_path / "d.balermodel")
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    learned = baler_root.compress(
        source, tmp_path / "m.baler", model=ModelReuse(tmp_path / "d.balermodel", detach=True)
    )
    assert learned.size < 0.9 * classic.size


# ---- training refuses


def test_files_of_different_kinds(tmp_path: Path, make_root: Maker) -> None:
    one = make_root("one.root", Events={"a": np.arange(9.0), "b": np.arange(9)})
    cases = {
        "lacks 'b'": {"a": np.arange(9.0)},
        "has besides 'c'": {"a": np.arange(9.0), "b": np.arange(9), "c": np.arange(9)},
        "has another type of 'b'": {"a": np.arange(9.0), "b": np.arange(9.0)},
        "another order": {"b": np.arange(9), "a": np.arange(9.0)},
    }
    for number, (words, arrays) in enumerate(cases.items()):
        other = make_root(f"{number}.root", Events=arrays)
        with pytest.raises(ConfigError, match=words):
            baler_root.train([one, other], tmp_path / "m.balermodel")
    other = make_root("tracks.root", Tracks={"a": np.arange(9.0)})
    with pytest.raises(ConfigError, match="has no tree 'Events'"):
        baler_root.train([one, other], tmp_path / "m.balermodel")
    assert not list(tmp_path.glob("*balermodel*"))


def test_too_little_to_learn_from(tmp_path: Path, make_root: Maker, cli: Cli) -> None:
    few = make_root("few.root", Events=correlated_jets(100))
    outcome = cli("train", few, few, "-o", tmp_path / "m.balermodel")
    assert outcome.code == 2
    assert "200 entries; at least 2000 are needed" in outcome.err
    with pytest.raises(ConfigError, match="no files"):
        baler_root.train([], tmp_path / "m.balermodel")
    with pytest.raises(SourceError, match="no such file"):
        baler_root.train("none.root", tmp_path / "m.balermodel")
    assert not list(tmp_path.glob("*balermodel*"))


def test_training_without_torch(
    unseen_jets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr(effort, "can_train", lambda: False)
    outcome = cli("train", unseen_jets, "-o", tmp_path / "m.balermodel", "--codec", "autoencoder")
    assert outcome.code == 2
    assert "baler-root[train]" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_leaves_nothing(
    unseen_jets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    old = tmp_path / "m.balermodel"
    old.write_bytes(HEAD_MAGIC + b"precious")
    for module, name in ((model_training, "learn_from"), (train, "write_model_file")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupted)
            with quick_level():
                assert cli("train", unseen_jets, "-o", old, "--overwrite").code == 130
        assert [path.name for path in tmp_path.iterdir()] == ["m.balermodel"]
        assert old.read_bytes() == HEAD_MAGIC + b"precious"


def test_an_existing_output_is_kept(jets_model: Path, unseen_jets: Path, tmp_path: Path) -> None:
    before = jets_model.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        baler_root.train(unseen_jets, jets_model)
    with pytest.raises(ConfigError, match="is an input"):
        baler_root.train(unseen_jets, unseen_jets, overwrite=True)
    assert jets_model.read_bytes() == before


def test_train_reports(jets_model: Path, cli: Cli, tmp_path: Path) -> None:
    arguments = ("train", jets_model.with_name("unseen.root"), "-o", tmp_path / "m.balermodel", "--seed", "3")
    with quick_level():
        told = cli(*arguments, "--json").json
    assert told["models"][0]["history"]["seed"] == 3
    assert told["models"][0]["history"]["history"]
    with quick_level():
        outcome = cli(*arguments, "--overwrite", "--bound", "rel=1e-2")
    assert outcome.code == 0
    assert "8 000 entries" in outcome.out
    (known,) = {
        c.bound for m in read_model_file(tmp_path / "m.balermodel").models for c in m.trained.columns
    } - {"lossless"}
    assert known == "rel=0.01"
