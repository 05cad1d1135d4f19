"""Models that many files share: trained once, used without torch, embedded or left where they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets as jets

import baler_root
from baler_root.api import train as pretraining
from baler_root.errors import (
    BalerError,
    ConfigError,
    CorruptFileError,
    FormatError,
    MissingModelError,
    OutputError,
    SourceError,
)
from baler_root.format.model_file import read_model_file
from baler_root.training import effort as levels
from baler_root.training.effort import Level
from baler_root.training.settings import Training
from tests.helpers.cli import Cli

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")

Maker = Callable[..., Path]
QUICK = Level("default", Training(width=8, components=2, steps=300, batch=512))
GOLDEN = Path(__file__).parents[3] / "formats" / "vectors" / "detached.balermodel"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of jets, trained shortly on two files in one thread; `unseen.root` beside it is of the same kind."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("one", 1), ("two", 2), ("unseen", 3)):
        write_root(folder / f"{name}.root", jets(8000, seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(levels.LEVELS, "default", QUICK)
        summary = baler_root.train([folder / "one.root", folder / "two.root"], folder / "jets.balermodel")
    assert summary.entries == 16_000
    assert summary.notes == ()
    return folder / "jets.balermodel"


def write_root(path: Path, arrays: dict[str, ak.Array]) -> Path:
    import uproot

    with uproot.recreate(path) as file:
        file.mktree(
            "Events",
            {k: v.dtype if isinstance(v, np.ndarray) else ak.type(v).content for k, v in arrays.items()},
        )
        file["Events"].extend(arrays)
    return path


@pytest.fixture
def unseen(model: Path) -> Path:
    return model.with_name("unseen.root")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def detached(model: Path, unseen: Path, tmp_path: Path) -> Path:
    """The unseen file compressed with the model left outside, too far away to be found."""
    folder = tmp_path / "work"
    folder.mkdir()
    baler_root.compress(unseen, folder / "out.baler", model=model, detach_model=True)
    return folder / "out.baler"


# ---- what it is for


def test_unseen_files_get_smaller_within_their_bounds(model: Path, unseen: Path, tmp_path: Path) -> None:
    classic = baler_root.compress(unseen, tmp_path / "classic.baler", codec="classic")
    inside = baler_root.compress(unseen, tmp_path / "inside.baler", model=model)
    outside = baler_root.compress(
        unseen, model.with_name("outside.baler"), model=model, detach_model=True, overwrite=True
    )
    assert outside.size < inside.size < classic.size
    for summary in (inside, outside):
        assert baler_root.verify(summary.target, unseen).problems == []
    assert inside.notes == ()
    assert "jets.balermodel is needed to read the file" in outside.notes[0]
    own = {entry["sha256"] for entry in baler_root.inspect(inside.target)["models"]}
    assert own == {entry.trained.digest.hex() for entry in read_model_file(model).models}
    assert "model" not in outside.parts


def test_no_torch_is_needed_to_use_a_model(model: Path, unseen: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
for detach in (False, True):
    target = {str(tmp_path)!r} + f"/{{detach}}.baler"
    baler_root.compress({str(unseen)!r}, target, model={str(model)!r}, detach_model=detach)
    assert baler_root.verify(target, {str(unseen)!r}, models={str(model)!r}).ok
    assert len(baler_root.inspect(target, models={str(model)!r})["models"][0]["architecture"]) > 1
assert "torch" not in [name for name, module in sys.modules.items() if module is not None]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_model_of_histograms_needs_no_torch_at_all(model: Path, unseen: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
from baler_root import compress, levels, train, verify
levels.can_train = lambda: False
train({str(model.with_name("one.root"))!r}, {str(tmp_path / "m.balermodel")!r}, level="fast")
compress({str(unseen)!r}, {str(tmp_path / "m.baler")!r}, model={str(tmp_path / "m.balermodel")!r}, detach_model=True)
assert verify({str(tmp_path / "m.baler")!r}, {str(unseen)!r}).ok
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    (about, *_) = baler_root.inspect(tmp_path / "m.balermodel")["models"]
    assert (about["networks"], about["level"]) == (0, "fast")
    assert about["histograms"] > 0
    classic = baler_root.compress(unseen, tmp_path / "c.baler", codec="classic")
    assert (tmp_path / "m.baler").stat().st_size < classic.size


def test_the_same_files_and_seed_give_the_same_model(model: Path, tmp_path: Path) -> None:
    sources = [model.with_name("one.root"), model.with_name("two.root")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(levels.LEVELS, "default", QUICK)
        baler_root.train(sources, tmp_path / "again.balermodel")
    assert (tmp_path / "again.balermodel").read_bytes() == model.read_bytes()


def test_several_processes_use_a_model(
    model: Path, unseen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.POOL_SIZE", 0)
    for jobs in (1, 2):
        baler_root.compress(unseen, tmp_path / f"{jobs}.baler", model=model, cluster_size=3000, jobs=jobs)
    assert (tmp_path / "1.baler").read_bytes() == (tmp_path / "2.baler").read_bytes()


def test_a_folder_shares_one_model(cli: Cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    shutil.copy(model, tmp_path / "shared.balermodel")
    outcome = cli(
        "compress", model.parent / "*.root", tmp_path / "out", "--model", tmp_path / "shared.balermodel",
        "--detach-model",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("shared.balermodel is needed to read the file") == 3
    files = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in files] == ["one.baler", "two.baler", "unseen.baler"]
    assert cli("verify", *files).code == 0  # found at the path that the files give
    joined = baler_root.concatenate({str(path): "Events" for path in files}, ["jet_mass"])
    assert len(joined) == 24_000


def test_doubles_that_are_floats_are_learned(tmp_path: Path) -> None:
    """`Double32_t` and many ntuples hold floats in doubles; the model knows them as floats."""
    pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    x = rng.exponential(30, 6000).astype("f4")
    y = (x * np.exp(rng.normal(0, 0.01, 6000))).astype("f4")
    source = write_root(tmp_path / "d.root", {"x": x.astype("f8"), "y": y.astype("f8")})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(levels.LEVELS, "default", QUICK)
        baler_root.train(source, tmp_path / "d.balermodel")
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    learned = baler_root.compress(
        source, tmp_path / "m.baler", model=tmp_path / "d.balermodel", detach_model=True
    )
    assert learned.size < 0.9 * classic.size


# ---- where the models are


def test_detached_models_are_found(
    model: Path, detached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masses() -> ak.Array:
        with baler_root.open(detached) as file:
            return file["Events"]["jet_mass"].array()

    with pytest.raises(MissingModelError):
        masses()
    for models in (model, model.parent, [tmp_path / "none", str(model)]):
        with baler_root.open(detached, models=models) as file:
            expected = file["Events"]["jet_mass"].array()
    (tmp_path / "folder").mkdir()
    shutil.copy(model, tmp_path / "folder" / "jets.balermodel")
    monkeypatch.setenv("BALER_ROOT_MODELS", f"{tmp_path / 'nowhere'}:{tmp_path / 'folder'}")
    assert ak.array_equal(masses(), expected, equal_nan=True)
    monkeypatch.delenv("BALER_ROOT_MODELS")
    shutil.copy(model, detached.with_name("jets.balermodel"))
    assert ak.array_equal(masses(), expected, equal_nan=True)


def test_a_missing_model_takes_only_its_columns(detached: Path, model: Path, unseen: Path) -> None:
    digest = read_model_file(model).models[0].trained.digest.hex()
    with baler_root.open(detached) as file:
        events = file["Events"]
        assert events["run"].array().to_list()[:2] == [7, 7]
        assert len(events["njet_pt"].array()) == 8000
        with pytest.raises(MissingModelError) as caught:
            events["jet_mass"].array()
    said = str(caught.value)
    for word in (digest, "jets.balermodel", str(detached.with_name("jets.balermodel")), "(not there)"):
        assert word in said
    for word in ("--model", "BALER_ROOT_MODELS", "page"):
        assert word in said
    (about,) = (entry for entry in baler_root.inspect(detached)["models"] if entry["sha256"] == digest)
    assert about["found"] is None
    assert digest in about["problem"]
    result = baler_root.verify(detached, unseen)
    assert not result.ok
    assert all(digest in problem for problem in result.problems)


def test_another_model_in_its_place_is_refused(detached: Path, model: Path) -> None:
    shutil.copy(GOLDEN, detached.with_name("jets.balermodel"))
    other = read_model_file(GOLDEN).models[0].trained.digest.hex()[:12]
    with baler_root.open(detached) as file, pytest.raises(MissingModelError, match=f"another model: {other}"):
        file["Events"]["jet_mass"].array()
    with baler_root.open(detached, models=model) as file:
        assert len(file["Events"]["jet_mass"].array()) == 8000


@pytest.mark.parametrize(
    "hint", ["/etc/passwd", "../../x.balermodel", "a\0b", "", "..", "c:\\x", "a/../../b"]
)
def test_a_file_cannot_send_its_reader_elsewhere(hint: str, tmp_path: Path) -> None:
    from baler_root.format.container.references import Detached
    from baler_root.format.model_store import ModelStore

    store = ModelStore({}, [Detached(bytes(32), 1, hint)], str(tmp_path / "sub" / "f.baler"))
    with pytest.raises(MissingModelError) as caught:
        store[bytes(32)]
    assert "passwd (" not in str(caught.value) or str(tmp_path) in str(caught.value)
    assert all(place.startswith(str(tmp_path)) for place in store._candidates(store.detached[bytes(32)]))


def test_commands_take_models(cli: Cli, detached: Path, model: Path, unseen: Path, tmp_path: Path) -> None:
    back = tmp_path / "back.root"
    failed = cli("decompress", detached, back)
    assert failed.code == 1
    assert "jets.balermodel" in failed.err
    assert "Traceback" not in failed.err
    assert not list(tmp_path.glob("*back*"))
    assert cli("decompress", detached, back, "--model", model).code == 0
    assert cli("verify", detached, "--against", unseen, "--model", model.parent).code == 0
    assert "missing: needs the model" in cli("inspect", detached).out.replace("\n", "")
    shown = cli("inspect", detached, "--model", model).out
    assert f"found at {model}" in shown.replace("\n", "")
    for word in ("jet_mass", "parameters", "seed 0", "300 steps"):
        assert word in shown
    assert "→6" in shown or "histograms" in shown


def test_merged_and_recovered_files_refer_to_their_models(
    model: Path, detached: Path, unseen: Path, tmp_path: Path
) -> None:
    inside = tmp_path / "inside.baler"
    baler_root.compress(unseen, inside, model=model)
    (tmp_path / "sub").mkdir()
    twice, mixed = tmp_path / "sub" / "twice.baler", tmp_path / "sub" / "mixed.baler"
    baler_root.merge([detached, detached], twice)
    baler_root.merge([detached, inside], mixed)
    with baler_root.open(inside) as file:
        once = file["Events"].arrays()
    for path, models in ((twice, model), (mixed, None)):
        with baler_root.open(path, models=models) as file:
            both = file["Events"].arrays()
        assert ak.array_equal(both, ak.concatenate([once, once]), equal_nan=True)
    cut = tmp_path / "cut.baler"
    cut.write_bytes(twice.read_bytes()[:-100])
    with pytest.raises(MissingModelError):
        baler_root.recover(cut, tmp_path / "saved.baler", like=twice)
    assert not (tmp_path / "saved.baler").exists()
    saved = baler_root.recover(cut, tmp_path / "saved.baler", like=twice, models=model)
    assert saved.entries == {"Events": 16_000}
    shutil.copy(model, detached.with_name("jets.balermodel"))
    for path in (tmp_path / "saved.baler", twice):
        with baler_root.open(path) as file:  # where recovery found it, and beside the file that was merged
            assert ak.array_equal(file["Events"].arrays()[:8000], once, equal_nan=True)


# ---- what does not fit is said


def test_another_bound_is_said(model: Path, unseen: Path, tmp_path: Path, cli: Cli) -> None:
    with pytest.raises(ConfigError, match=r"learned at rel=0\.001, while rel=0\.01 is asked for: 'jet_pt'"):
        baler_root.compress(unseen, tmp_path / "a.baler", model=model, bound="rel=1e-2")
    outcome = cli("compress", unseen, tmp_path / "a.baler", "--model", model, "--bound", "rel=1e-2")
    assert outcome.code == 2
    assert "train again at rel=0.01" in outcome.err
    assert list(tmp_path.iterdir()) == []
    some = baler_root.compress(
        unseen, tmp_path / "a.baler", model=model, branch_bounds=["jet_tracks=abs=1"], detach_model=True
    )
    assert "learned at lossless, while abs=1.0 is asked for: 'jet_tracks'" in some.notes[0]
    assert baler_root.verify(some.target, unseen, models=model).problems == []


def test_missing_columns_are_named(model: Path, tmp_path: Path, make_root: Maker) -> None:
    arrays = jets(6000, 4)
    del arrays["jet_tracks"]
    summary = baler_root.compress(
        make_root("some.root", Events=arrays), tmp_path / "a.baler", model=model, detach_model=True
    )
    assert "not in this file: 'jet_tracks'" in summary.notes[0]
    assert baler_root.verify(summary.target, tmp_path / "some.root", models=model).problems == []
    other = make_root("other.root", Events={"x": np.arange(100.0), "jet_pt": np.arange(100, dtype="i4")})
    with pytest.raises(ConfigError) as caught:
        baler_root.compress(other, tmp_path / "b.baler", model=model)
    for word in ("no model fits", "not in this file: ", "'jet_mass'", "of another type here: 'jet_pt'"):
        assert word in str(caught.value)
    elsewhere = make_root("elsewhere.root", Tracks=jets(100))
    with pytest.raises(ConfigError, match="tree 'Tracks' is none of those it was trained on"):
        baler_root.compress(elsewhere, tmp_path / "b.baler", model=model)
    assert not (tmp_path / "b.baler").exists()


def test_columns_in_other_lists_and_places(model: Path, tmp_path: Path, make_root: Maker) -> None:
    """Branches may come in another order, with others between; what has other lengths is no column of the model."""
    arrays = jets(6000, 4)
    shuffled = {name: arrays[name] for name in sorted(arrays, reverse=True)}
    shuffled["jet_tagged"] = ak.Array([[True]] * 6000)
    source = make_root("odd.root", Events=shuffled)
    summary = baler_root.compress(source, tmp_path / "a.baler", model=model, detach_model=True)
    assert baler_root.verify(summary.target, source, models=model).problems == []


def test_drift_is_measured_and_said(model: Path, tmp_path: Path, make_root: Maker) -> None:
    counts = ak.num(jets(6000, 4)["jet_pt"])
    arrays = {
        name: ak.unflatten(np.sort(ak.to_numpy(ak.flatten(array))), counts)
        if array.ndim > 1
        else np.sort(array)
        for name, array in jets(6000, 4).items()
    }
    source = make_root("drift.root", Events=arrays)
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    summary = baler_root.compress(source, tmp_path / "m.baler", model=model, detach_model=True)
    assert summary.size < classic.size + 200
    assert "it saves too little" in summary.notes[0], summary.notes
    assert baler_root.verify(summary.target, source, models=model).problems == []


def test_a_model_must_pay_for_its_own_bytes(model: Path, tmp_path: Path, make_root: Maker) -> None:
    source = make_root("small.root", Events=jets(150, 9))
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    summary = baler_root.compress(source, tmp_path / "m.baler", model=model)
    assert summary.size <= classic.size + 200
    assert "(--detach-model) it would pay" in summary.notes[0]
    assert baler_root.inspect(summary.target)["codecs"] == ["classic"]
    empty = make_root("empty.root", Events={name: array[:0] for name, array in jets(10).items()})
    assert baler_root.compress(empty, tmp_path / "e.baler", model=model).size > 0


def test_options_without_sense(model: Path, unseen: Path, tmp_path: Path, cli: Cli) -> None:
    outcome = cli("compress", unseen, tmp_path / "a.baler", "--detach-model")
    assert outcome.code == 2
    assert "--model" in outcome.err
    copy = shutil.copy(model, tmp_path / "m.balermodel")
    outcome = cli("compress", unseen, copy, "--model", copy, "--overwrite")
    assert outcome.code == 2
    assert "is the model file" in outcome.err
    assert Path(copy).read_bytes() == model.read_bytes()


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
    few = make_root("few.root", Events=jets(100))
    outcome = cli("train", few, few, "-o", tmp_path / "m.balermodel")
    assert outcome.code == 2
    assert "200 entries; at least 2000 are needed" in outcome.err
    with pytest.raises(ConfigError, match="no files"):
        baler_root.train([], tmp_path / "m.balermodel")
    with pytest.raises(SourceError, match="no such file"):
        baler_root.train("none.root", tmp_path / "m.balermodel")
    assert not list(tmp_path.glob("*balermodel*"))


def test_nothing_that_pays(tmp_path: Path, make_root: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(levels.LEVELS, "default", QUICK)
    rng = np.random.default_rng(0)
    source = make_root("noise.root", Events={"a": rng.normal(size=3000), "b": rng.normal(size=3000)})
    with pytest.raises(ConfigError, match="nothing was found that would pay"):
        baler_root.train(source, tmp_path / "m.balermodel")
    assert not list(tmp_path.glob("*balermodel*"))


def test_training_without_torch(
    unseen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr(levels, "can_train", lambda: False)
    outcome = cli("train", unseen, "-o", tmp_path / "m.balermodel")
    assert outcome.code == 2
    assert "baler-root[train]" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_leaves_nothing(
    unseen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    old = tmp_path / "m.balermodel"
    old.write_bytes(b"precious")
    for name in ("learn_from", "write_model_file"):
        with monkeypatch.context() as patch:
            patch.setattr(pretraining, name, interrupted)
            if name == "write_model_file":
                patch.setattr(pretraining, "_learn", lambda *_: pretraining._Learned([None]))
            assert cli("train", unseen, "-o", old, "--overwrite").code == 130
        assert [path.name for path in tmp_path.iterdir()] == ["m.balermodel"]
        assert old.read_bytes() == b"precious"


def test_an_existing_output_is_kept(model: Path, unseen: Path, tmp_path: Path) -> None:
    before = model.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        baler_root.train(unseen, model)
    with pytest.raises(ConfigError, match="is an input"):
        baler_root.train(unseen, unseen, overwrite=True)
    assert model.read_bytes() == before


def test_train_reports(model: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(levels.LEVELS, "default", QUICK)
    arguments = ("train", model.with_name("unseen.root"), "-o", tmp_path / "m.balermodel", "--seed", "3")
    told = cli(*arguments, "--json").json
    assert told["models"][0]["history"]["seed"] == 3
    assert told["models"][0]["history"]["history"]
    outcome = cli(*arguments, "--overwrite", "--bound", "rel=1e-2")
    assert outcome.code == 0
    assert "8 000 entries" in outcome.out
    (known,) = {
        c.bound for m in read_model_file(tmp_path / "m.balermodel").models for c in m.trained.columns
    } - {"lossless"}
    assert known == "rel=0.01"


# ---- damage


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    good = GOLDEN.read_bytes()
    path = tmp_path / "m.balermodel"
    for position in range(len(good)):
        data = bytearray(good)
        data[position] ^= 1 << position % 8
        path.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            read_model_file(path)
        assert "m.balermodel" in str(caught.value)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    good = GOLDEN.read_bytes()
    path = tmp_path / "m.balermodel"
    for size in range(0, len(good), 7):
        path.write_bytes(good[:size])
        with pytest.raises(FormatError, match=r"m\.balermodel"):
            read_model_file(path)


def test_what_is_no_model_file(unseen: Path, tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data.baler"
    baler_root.compress(unseen, data, codec="classic")
    other = tmp_path / "text.balermodel"
    other.write_bytes(b"not a model" * 100)
    before = sorted(tmp_path.iterdir())
    for path, words in (
        (data, "holds no models for other files"),
        (other, "not a .balermodel file"),
        (unseen, "not a .balermodel file"),
        (tmp_path / "none.balermodel", "no such file"),
        (tmp_path, "is a folder"),
    ):
        outcome = cli("compress", unseen, tmp_path / "out.baler", "--model", path)
        assert outcome.code == 1, outcome.err
        assert words in outcome.err
        assert outcome.err.count("\n") == 1
        assert "Traceback" not in outcome.err
    assert sorted(tmp_path.iterdir()) == before


def test_model_files_are_containers(cli: Cli, model: Path) -> None:
    assert cli("verify", model).code == 0
    found = cli("inspect", model, "--json").json
    assert found["trees"] == []
    (about,) = found["models"][:1]
    assert about["tree"] == "Events"
    assert {"sha256", "size", "weights", "rows", "steps", "seed", "history", "level"} <= about.keys()
    assert {entry["column"] for entry in about["architecture"]} >= {"jet_pt", "jet_mass"}
    assert all(entry["bound"] in ("rel=0.001", "lossless") for entry in about["architecture"])
    assert [source["name"] for source in found["provenance"]["sources"]] == ["one.root", "two.root"]
    text = json.dumps(found)
    assert str(model.parent) not in text.replace(found["path"], "")


def test_damage_that_checksums_hide_is_an_error_of_ours(tmp_path: Path) -> None:
    """Whatever a model says of its layers: no other error, and no memory that the bytes have not earned."""
    from tests.helpers.forge import Forger

    forger = Forger(GOLDEN)
    ((kind, number, payload),) = forger.blocks
    rng = np.random.default_rng(1)
    path = tmp_path / "m.balermodel"
    for _ in range(150):
        data = bytearray(payload)
        data[rng.integers(len(data))] = rng.integers(256)
        forger.blocks = [(kind, number, bytes(data))]
        from hashlib import sha256

        name = sha256(data).hexdigest()
        path.write_bytes(
            forger.build(manifest=lambda document, name=name: document["models"][0].update(sha256=name))
        )
        try:
            read_model_file(path)
        except CorruptFileError:
            pass
        except BalerError as error:
            pytest.fail(f"{type(error)}: {error}")


def test_what_is_held_must_be_as_tight_as_needed() -> None:
    from baler_root.compression.models.reuse import _as_tight
    from baler_root.format.bounds import ErrorBound

    cases = {
        ("rel=1e-3", "rel=1e-3"): True,
        ("rel=5e-4", "rel=1e-3"): True,
        ("rel=1e-3", "rel=5e-4"): False,
        ("abs=1e-3", "rel=1e-3"): False,
        ("lossless", "lossless"): True,
        ("bits=10", "bits=9"): False,
    }
    for (held, needed), fits in cases.items():
        assert _as_tight(ErrorBound.parse(held), ErrorBound.parse(needed)) == fits
