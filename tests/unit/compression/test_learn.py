"""Training: files get smaller and stay within their bounds; nothing in them needs torch to be read."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets

import baler_root
from baler_root import TrainingOptions
from baler_root.compression.models import learn
from baler_root.errors import ConfigError
from baler_root.training import effort
from baler_root.training.axis_fit import fit_axis
from baler_root.training.early_stopping import EarlyStopping
from baler_root.training.effort import LEVELS, TrainingLevel
from baler_root.training.settings import NetworkSettings
from tests.helpers.processes import run_python

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

Maker = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short training in one thread, since tests share the processors."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    quick = TrainingLevel("default", NetworkSettings(width=8, components=2, steps=300, batch=512))
    monkeypatch.setitem(LEVELS, "default", quick)


def test_smaller_within_bounds_and_the_same_each_time(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("jets.root", Events=correlated_jets(20_000))
    classic = baler_root.compress(source, tmp_path / "classic.baler", codec="classic", cluster_size=8000)
    sizes = []
    for name in ("one.baler", "two.baler"):
        summary = baler_root.compress(source, tmp_path / name, codec="conditional", cluster_size=8000)
        sizes.append(summary.size)
    assert sizes[0] < 0.97 * classic.size
    assert (tmp_path / "one.baler").read_bytes() == (tmp_path / "two.baler").read_bytes()
    result = baler_root.verify(tmp_path / "one.baler", source)
    assert result.problems == []
    described = baler_root.inspect(tmp_path / "one.baler")
    assert {model["columns"] for model in described["models"]} <= {2, 3, 4, 5}
    assert sum(model["size"] for model in described["models"]) < described["parts"]["model"]


def test_no_model_has_longer_axes_than_readers_allow(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_root("jets.root", Events=correlated_jets(8000))
    longest = []
    for name, most in (("all.baler", learn.MAX_TABLE_PLACES), ("few.baler", 12_000)):
        monkeypatch.setattr(learn, "MAX_TABLE_PLACES", most)
        baler_root.compress(source, tmp_path / name, training="fast")
        assert baler_root.verify(tmp_path / name, source).ok
        models = baler_root.inspect(tmp_path / name)["models"]
        longest.append(max(sum(column["symbols"] for column in model["architecture"]) for model in models))
    assert longest[1] <= 12_000 < longest[0]


def test_torch_is_not_needed_to_read(make_root: Maker, tmp_path: Path) -> None:
    source, target = make_root("jets.root", Events=correlated_jets()), tmp_path / "out.baler"
    baler_root.compress(source, target, codec="conditional")
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
with baler_root.open({str(target)!r}) as file:
    assert len(file["Events"]["jet_mass"].array()) == 6000
    file["Events"].arrays()
assert baler_root.verify({str(target)!r}).ok
"""
    run_python(code)


def test_merged_and_recovered_files_keep_their_models(make_root: Maker, tmp_path: Path) -> None:
    parts, arrays = [], []
    for seed in (1, 2):
        source = make_root(f"{seed}.root", Events=correlated_jets(4000, seed))
        parts.append(tmp_path / f"{seed}.baler")
        baler_root.compress(source, parts[-1], codec="conditional")
        with baler_root.open(parts[-1]) as file:
            arrays.append(file["Events"].arrays())
    baler_root.merge(parts, tmp_path / "both.baler")
    data = (tmp_path / "both.baler").read_bytes()
    (tmp_path / "cut.baler").write_bytes(data[:-100])
    baler_root.recover(tmp_path / "cut.baler", tmp_path / "saved.baler", like=tmp_path / "both.baler")
    for name in ("both.baler", "saved.baler"):
        with baler_root.open(tmp_path / name) as file:
            found = file["Events"].arrays()
        assert ak.array_equal(found, ak.concatenate(arrays), equal_nan=True)


def test_several_processes_write_the_same(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    source = make_root("jets.root", Events=correlated_jets())
    for jobs in (1, 2):
        baler_root.compress(
            source, tmp_path / f"{jobs}.baler", codec="conditional", cluster_size=2000, jobs=jobs
        )
    assert (tmp_path / "1.baler").read_bytes() == (tmp_path / "2.baler").read_bytes()


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.full(5000, 3.0), "y": np.full(5000, np.nan)},
        {"x": np.array([1.0]), "y": np.array([2])},
        {"x": np.zeros(0), "y": np.zeros(0, "i4")},
        {f"x{i}": np.arange(3) * i for i in range(200)},
        {"x": np.where(np.arange(5000) % 2, np.nan, np.inf), "y": np.arange(5000) % 7},
        {"x": np.random.default_rng(0).integers(-(2**62), 2**62, 5000), "y": np.arange(5000)},
    ],
    ids=["constant", "one row", "empty", "wide", "no numbers", "random integers"],
)
def test_columns_that_teach_nothing(arrays: dict[str, np.ndarray], make_root: Maker, tmp_path: Path) -> None:
    source = make_root("odd.root", Events=arrays)
    baler_root.compress(source, tmp_path / "out.baler", codec="conditional")
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []
    assert baler_root.inspect(tmp_path / "out.baler")["codecs"] == ["classic"]


def test_without_torch(make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "find_spec", lambda _: None)
    source = make_root("jets.root", Events=correlated_jets())
    with pytest.raises(ConfigError, match=r'\[train\]"; the codec conditional does without'):
        baler_root.compress(source, tmp_path / "out.baler", codec="autoencoder")
    assert list(tmp_path.glob("*.baler")) == []


def test_training_is_recorded_and_ends_when_its_time_is_over(
    make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baler_root.training.torch import loop

    source = make_root("jets.root", Events=correlated_jets())
    baler_root.compress(source, tmp_path / "whole.baler")
    ticks = (
        itertools.count()
    )  # a clock that goes on by 10 ms each time it is read, however fast the machine is
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.01 * next(ticks)))
    baler_root.compress(source, tmp_path / "short.baler", training=TrainingOptions(seconds=2))
    steps = []
    for name in ("whole.baler", "short.baler"):
        found = baler_root.inspect(tmp_path / name)
        assert baler_root.verify(tmp_path / name, source).problems == []
        assert (found["provenance"]["codec"], found["provenance"]["level"]) == ("conditional", "default")
        model = max(found["models"], key=lambda model: model["columns"])
        assert 1 <= len(model["history"]) <= 6
        assert model["history"][-1][1] <= model["history"][0][1]
        steps.append(model["steps"])
    assert steps[1] < steps[0] <= 300


@pytest.mark.parametrize("rate", [float("inf"), 1e6])
def test_training_that_diverges(
    rate: float, make_root: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = TrainingLevel("default", NetworkSettings(width=8, components=2, steps=120, batch=128, rate=rate))
    monkeypatch.setitem(LEVELS, "default", wild)
    source = make_root("jets.root", Events=correlated_jets())
    fast = baler_root.compress(source, tmp_path / "fast.baler", training="fast")
    summary = baler_root.compress(source, tmp_path / "out.baler")
    assert any("diverged" in note for note in summary.notes)
    assert summary.size <= fast.size + 200
    assert baler_root.verify(tmp_path / "out.baler", source).problems == []


def test_training_stops_when_nothing_gets_better() -> None:
    stopping = EarlyStopping(patience=3, min_gain=0.01)
    stops = [stopping.should_stop(bits + 1.0) for bits in (100, 90, 80, 70, 69.9, 69.9, 69.9, 69.9)]
    assert stops == [False] * 6 + [True] * 2


def test_interrupted_training_leaves_nothing(make_root: Maker, tmp_path: Path) -> None:
    source = make_root("jets.root", Events=correlated_jets())
    calls = []

    def interrupt(done: int, total: int) -> None:
        calls.append((done, total))
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        baler_root.compress(source, tmp_path / "out.baler", progress=interrupt)
    assert calls[-1][1] <= 300, "it was in training"
    assert {path.name for path in tmp_path.iterdir()} == {"jets.root"}


def test_axis_gives_each_symbol_its_share() -> None:
    rng = np.random.default_rng(1)
    symbols = np.concatenate([rng.binomial(1000, 0.3, 50_000), np.full(20_000, 700)]) - 55
    axis = fit_axis(symbols)
    assert (axis.low, axis.length) == (int(symbols.min()), int(np.ptp(symbols)) + 1)
    assert len(axis.positions) < 40
    below = np.searchsorted(axis.edges / (1 << 20), 0.0)
    assert abs(np.mean(symbols - axis.low < below) - 0.5) < 0.02
