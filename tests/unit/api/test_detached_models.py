"""Models left in files of their own: found where readers look, never elsewhere, and missed by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import awkward as ak
import pytest

import baler_root
from baler_root.errors import (
    MissingModelError,
)
from baler_root.format.model_file import read_model_file
from tests.helpers.cli import Cli
from tests.vectors.corpus import path_of

GOLDEN = path_of("detached").with_suffix(".balermodel")
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

# ---- where the models are


def test_detached_models_are_found(
    jets_model: Path, detached_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masses() -> ak.Array:
        with baler_root.open(detached_file) as file:
            return file["Events"]["jet_mass"].array()

    with pytest.raises(MissingModelError):
        masses()
    for models in (jets_model, jets_model.parent, [tmp_path / "none", str(jets_model)]):
        with baler_root.open(detached_file, models=models) as file:
            expected = file["Events"]["jet_mass"].array()
    (tmp_path / "folder").mkdir()
    shutil.copy(jets_model, tmp_path / "folder" / "jets.balermodel")
    monkeypatch.setenv("BALER_ROOT_MODELS", f"{tmp_path / 'nowhere'}:{tmp_path / 'folder'}")
    assert ak.array_equal(masses(), expected, equal_nan=True)
    monkeypatch.delenv("BALER_ROOT_MODELS")
    shutil.copy(jets_model, detached_file.with_name("jets.balermodel"))
    assert ak.array_equal(masses(), expected, equal_nan=True)


def test_a_missing_model_takes_only_its_columns(
    detached_file: Path, jets_model: Path, unseen_jets: Path
) -> None:
    digest = read_model_file(jets_model).models[0].trained.digest.hex()
    with baler_root.open(detached_file) as file:
        events = file["Events"]
        assert events["run"].array().to_list()[:2] == [7, 7]
        assert len(events["njet_pt"].array()) == 8000
        with pytest.raises(MissingModelError) as caught:
            events["jet_mass"].array()
    said = str(caught.value)
    for word in (digest, "jets.balermodel", str(detached_file.with_name("jets.balermodel")), "(not there)"):
        assert word in said
    for word in ("--model", "BALER_ROOT_MODELS", "page"):
        assert word in said
    (about,) = (entry for entry in baler_root.inspect(detached_file)["models"] if entry["sha256"] == digest)
    assert about["found"] is None
    assert digest in about["problem"]
    result = baler_root.verify(detached_file, unseen_jets)
    assert not result.ok
    assert all(digest in problem for problem in result.problems)


def test_another_model_in_its_place_is_refused(detached_file: Path, jets_model: Path) -> None:
    shutil.copy(GOLDEN, detached_file.with_name("jets.balermodel"))
    other = read_model_file(GOLDEN).models[0].trained.digest.hex()[:12]
    with (
        baler_root.open(detached_file) as file,
        pytest.raises(MissingModelError, match=f"another model: {other}"),
    ):
        file["Events"]["jet_mass"].array()
    with baler_root.open(detached_file, models=jets_model) as file:
        assert len(file["Events"]["jet_mass"].array()) == 8000


@pytest.mark.parametrize(
    "hint", ["/etc/passwd", "../../x.balermodel", "a\0b", "", "..", "c:\\x", "a/../../b"]
)
def test_a_file_cannot_send_its_reader_elsewhere(hint: str, tmp_path: Path) -> None:
    from baler_root.format.container.model_references import DetachedModel
    from baler_root.format.model_store import ModelStore

    store = ModelStore({}, [DetachedModel(bytes(32), 1, hint)], str(tmp_path / "sub" / "f.baler"))
    with pytest.raises(MissingModelError) as caught:
        store[bytes(32)]
    assert "passwd (" not in str(caught.value) or str(tmp_path) in str(caught.value)
    _, _, tried = str(caught.value).partition("Looked at: ")
    places = [place for place in tried.partition(". Put ")[0].split("; ") if place != "no place is known"]
    assert all(place.startswith(str(tmp_path)) for place in places)


def test_commands_take_models(
    cli: Cli, detached_file: Path, jets_model: Path, unseen_jets: Path, tmp_path: Path
) -> None:
    back = tmp_path / "back.root"
    failed = cli("decompress", detached_file, back)
    assert failed.code == 1
    assert "jets.balermodel" in failed.err
    assert "Traceback" not in failed.err
    assert not list(tmp_path.glob("*back*"))
    assert cli("decompress", detached_file, back, "--model", jets_model).code == 0
    assert cli("verify", detached_file, "--against", unseen_jets, "--model", jets_model.parent).code == 0
    assert "missing: needs the model" in cli("inspect", detached_file).out.replace("\n", "")
    shown = cli("inspect", detached_file, "--model", jets_model).out
    assert f"found at {jets_model}" in shown.replace("\n", "")
    for word in ("jet_mass", "parameters", "seed 0", "300 steps"):
        assert word in shown
    assert "→6" in shown or "histograms" in shown


def test_merged_and_recovered_files_refer_to_their_models(
    jets_model: Path, detached_file: Path, unseen_jets: Path, tmp_path: Path
) -> None:
    inside = tmp_path / "inside.baler"
    baler_root.compress(unseen_jets, inside, model=jets_model)
    (tmp_path / "sub").mkdir()
    twice, mixed = tmp_path / "sub" / "twice.baler", tmp_path / "sub" / "mixed.baler"
    baler_root.merge([detached_file, detached_file], twice)
    baler_root.merge([detached_file, inside], mixed)
    with baler_root.open(inside) as file:
        once = file["Events"].arrays()
    for path, models in ((twice, jets_model), (mixed, None)):
        with baler_root.open(path, models=models) as file:
            both = file["Events"].arrays()
        assert ak.array_equal(both, ak.concatenate([once, once]), equal_nan=True)
    cut = tmp_path / "cut.baler"
    cut.write_bytes(twice.read_bytes()[:-100])
    with pytest.raises(MissingModelError):
        baler_root.recover(cut, tmp_path / "saved.baler", like=twice)
    assert not (tmp_path / "saved.baler").exists()
    saved = baler_root.recover(cut, tmp_path / "saved.baler", like=twice, models=jets_model)
    assert saved.entries == {"Events": 16_000}
    shutil.copy(jets_model, detached_file.with_name("jets.balermodel"))
    for path in (tmp_path / "saved.baler", twice):
        with baler_root.open(path) as file:  # where recovery found it, and beside the file that was merged
            assert ak.array_equal(file["Events"].arrays()[:8000], once, equal_nan=True)
