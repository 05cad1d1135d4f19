"""Models that many files share: used without torch, embedded, and only where they fit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets

import baler_root
from baler_root import ModelReuse
from baler_root.errors import (
    ConfigError,
)
from baler_root.format.model_file import read_model_file
from tests.helpers.cli import Cli
from tests.helpers.processes import run_python

Maker = Callable[..., Path]
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


# ---- what it is for


def test_unseen_files_get_smaller_within_their_bounds(
    jets_model: Path, unseen_jets: Path, tmp_path: Path
) -> None:
    classic = baler_root.compress(unseen_jets, tmp_path / "classic.baler", codec="classic")
    inside = baler_root.compress(unseen_jets, tmp_path / "inside.baler", model=jets_model)
    outside = baler_root.compress(
        unseen_jets,
        jets_model.with_name("outside.baler"),
        model=ModelReuse(jets_model, detach=True),
        overwrite=True,
    )
    assert outside.size < inside.size < classic.size
    for summary in (inside, outside):
        assert baler_root.verify(summary.target, unseen_jets).problems == []
    assert inside.notes == ()
    assert "jets.balermodel is needed to read the file" in outside.notes[0]
    own = {entry["sha256"] for entry in baler_root.inspect(inside.target)["models"]}
    assert own == {entry.trained.digest.hex() for entry in read_model_file(jets_model).models}
    assert "model" not in outside.parts


def test_no_torch_is_needed_to_use_a_model(jets_model: Path, unseen_jets: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
for detach in (False, True):
    target = {str(tmp_path)!r} + f"/{{detach}}.baler"
    baler_root.compress({str(unseen_jets)!r}, target, model=baler_root.ModelReuse({str(jets_model)!r}, detach))
    assert baler_root.verify(target, {str(unseen_jets)!r}, models={str(jets_model)!r}).ok
    assert len(baler_root.inspect(target, models={str(jets_model)!r})["models"][0]["architecture"]) > 1
assert "torch" not in [name for name, module in sys.modules.items() if module is not None]
"""
    run_python(code)


def test_a_model_of_histograms_needs_no_torch_at_all(
    jets_model: Path, unseen_jets: Path, tmp_path: Path
) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from baler_root import ModelReuse, compress, train, verify
from baler_root.training import effort
effort.can_train = lambda: False
train({str(jets_model.with_name("one.root"))!r}, {str(tmp_path / "m.balermodel")!r}, training="fast")
reuse = ModelReuse({str(tmp_path / "m.balermodel")!r}, detach=True)
compress({str(unseen_jets)!r}, {str(tmp_path / "m.baler")!r}, model=reuse)
assert verify({str(tmp_path / "m.baler")!r}, {str(unseen_jets)!r}).ok
"""
    run_python(code)
    (about, *_) = baler_root.inspect(tmp_path / "m.balermodel")["models"]
    assert (about["networks"], about["level"]) == (0, "fast")
    assert about["histograms"] > 0
    classic = baler_root.compress(unseen_jets, tmp_path / "c.baler", codec="classic")
    assert (tmp_path / "m.baler").stat().st_size < classic.size


def test_several_processes_use_a_model(
    jets_model: Path, unseen_jets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    for jobs in (1, 2):
        baler_root.compress(
            unseen_jets, tmp_path / f"{jobs}.baler", model=jets_model, cluster_size=3000, jobs=jobs
        )
    assert (tmp_path / "1.baler").read_bytes() == (tmp_path / "2.baler").read_bytes()


def test_a_folder_shares_one_model(cli: Cli, jets_model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    shutil.copy(jets_model, tmp_path / "shared.balermodel")
    outcome = cli(
        "compress", jets_model.parent / "*.root", tmp_path / "out", "--model", tmp_path / "shared.balermodel",
        "--detach-model",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("shared.balermodel is needed to read the file") == 3
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == ["one.baler", "two.baler", "unseen.baler"]
    assert cli("verify", *files).code == 0  # found at the path that the files give
    joined = baler_root.concatenate({str(path): "Events" for path in files}, ["jet_mass"])
    assert len(joined) == 24_000


# ---- what does not fit is said


def test_another_bound_is_said(jets_model: Path, unseen_jets: Path, tmp_path: Path, cli: Cli) -> None:
    with pytest.raises(ConfigError, match=r"trained at rel=0\.001, but rel=0\.01 is requested: 'jet_pt'"):
        baler_root.compress(unseen_jets, tmp_path / "a.baler", model=jets_model, bound="rel=1e-2")
    outcome = cli("compress", unseen_jets, tmp_path / "a.baler", "--model", jets_model, "--bound", "rel=1e-2")
    assert outcome.code == 2
    assert "train again at rel=0.01" in outcome.err
    assert list(tmp_path.iterdir()) == []
    some = baler_root.compress(
        unseen_jets,
        tmp_path / "a.baler",
        model=ModelReuse(jets_model, detach=True),
        bounds={"jet_tracks": "abs=1"},
    )
    assert "trained at lossless, but abs=1.0 is requested: 'jet_tracks'" in some.notes[0]
    assert baler_root.verify(some.target, unseen_jets, models=jets_model).problems == []


def test_missing_columns_are_named(jets_model: Path, tmp_path: Path, make_root: Maker) -> None:
    arrays = correlated_jets(6000, 4)
    del arrays["jet_tracks"]
    summary = baler_root.compress(
        make_root("some.root", Events=arrays), tmp_path / "a.baler", model=ModelReuse(jets_model, detach=True)
    )
    assert "not in this file: 'jet_tracks'" in summary.notes[0]
    assert baler_root.verify(summary.target, tmp_path / "some.root", models=jets_model).problems == []
    other = make_root("other.root", Events={"x": np.arange(100.0), "jet_pt": np.arange(100, dtype="i4")})
    with pytest.raises(ConfigError) as caught:
        baler_root.compress(other, tmp_path / "b.baler", model=jets_model)
    for word in ("no model fits", "not in this file: ", "'jet_mass'", "of another type here: 'jet_pt'"):
        assert word in str(caught.value)
    elsewhere = make_root("elsewhere.root", Tracks=correlated_jets(100))
    with pytest.raises(ConfigError, match="tree 'Tracks' is not among the trees of its training"):
        baler_root.compress(elsewhere, tmp_path / "b.baler", model=jets_model)
    assert not (tmp_path / "b.baler").exists()


def test_models_that_save_nothing_are_used_on_request(
    jets_model: Path, tmp_path: Path, make_root: Maker
) -> None:
    arrays = correlated_jets(3000, 5)
    random = np.random.default_rng(1)
    shuffled = {
        name: ak.unflatten(random.permutation(ak.to_numpy(ak.flatten(array))), ak.num(array))
        if array.ndim > 1
        else array
        for name, array in arrays.items()
    }
    source = make_root("shuffled.root", Events=shuffled)
    numbers = {}
    for always in (False, True):
        reuse = ModelReuse(jets_model, detach=True, always=always)
        summary = baler_root.compress(source, tmp_path / f"{always}.baler", model=reuse)
        assert baler_root.verify(summary.target, source, models=jets_model).problems == []
        assert any("is not used" in note for note in summary.notes) != always
        numbers[always] = len(baler_root.inspect(summary.target, models=jets_model)["models"])
    assert numbers[False] < numbers[True]


def test_columns_in_other_lists_and_places(jets_model: Path, tmp_path: Path, make_root: Maker) -> None:
    """Branches may have another order and others between them; those of other lengths are left out."""
    arrays = correlated_jets(6000, 4)
    shuffled = {name: arrays[name] for name in sorted(arrays, reverse=True)}
    shuffled["jet_tagged"] = ak.Array([[True]] * 6000)
    source = make_root("odd.root", Events=shuffled)
    summary = baler_root.compress(source, tmp_path / "a.baler", model=ModelReuse(jets_model, detach=True))
    assert baler_root.verify(summary.target, source, models=jets_model).problems == []


def test_options_without_sense(jets_model: Path, unseen_jets: Path, tmp_path: Path, cli: Cli) -> None:
    outcome = cli("compress", unseen_jets, tmp_path / "a.baler", "--detach-model")
    assert outcome.code == 2
    assert "--model" in outcome.err
    copy = shutil.copy(jets_model, tmp_path / "m.balermodel")
    outcome = cli("compress", unseen_jets, copy, "--model", copy, "--overwrite")
    assert outcome.code == 2
    assert "is the model file" in outcome.err
    assert Path(copy).read_bytes() == jets_model.read_bytes()
