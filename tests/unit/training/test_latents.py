"""Latents: every value is within its bound whatever they miss, and the same input gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root import LatentOptions, ModelReuse
from baler_root.compression.models import sample
from baler_root.errors import ConfigError, MissingModelError
from baler_root.format.bounds import ErrorBound, measure
from baler_root.training import effort
from tests.helpers.cli import Cli
from tests.helpers.compare import assert_same
from tests.helpers.latent_files import (
    CLUSTER,
    EVENTS,
    EXACT,
    RESIDUALS,
    Arrays,
    Maker,
    bits,
    events,
    original,
    write,
)
from tests.helpers.processes import run_python

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.usefixtures("latents_train_shortly"),
]


# ---- values


@pytest.mark.parametrize("residual", RESIDUALS)
def test_every_value_is_within_its_bound(
    residual: str, latent_files: dict[str, Path], latent_source: Path
) -> None:
    assert baler_root.verify(latent_files[residual], latent_source).problems == []
    wanted = original(latent_source)
    with baler_root.open(latent_files[residual], num_workers=3) as file:
        found = file["Events"].arrays()
        steps = list(file["Events"].iterate(step_size=1000))
    assert ak.array_equal(ak.concatenate(steps), found, equal_nan=True)
    assert found.type == wanted.type
    for name in found.fields:
        if residual == "lossless" or name in EXACT:
            assert bits(found[name]) == bits(wanted[name]), name
            continue
        values, theirs = (np.asarray(ak.flatten(arrays[name], axis=None)) for arrays in (found, wanted))
        assert measure(theirs, values, ErrorBound("rel", 1e-3)).violations == 0, name
    assert (bits(found["pt"]) == bits(wanted["pt"])) == (residual == "lossless")
    assert bits(found["jet_pt"]) == bits(found["jet_pt_copy"])
    assert found["odd"][2000] == -999


def test_files_are_what_they_say(latent_files: dict[str, Path]) -> None:
    for residual, path in latent_files.items():
        found = baler_root.inspect(path)
        assert found["codecs"] == ["autoencoder"]
        assert {model["latents"] for model in found["models"]} == {3}
        kinds = {model["residual"] for model in found["models"]}
        assert kinds == {"none" if residual == "none" else "bounded"}
        assert found["provenance"]["residual"] == residual


def test_torch_is_not_needed_to_read(latent_files: dict[str, Path]) -> None:
    code = f"""
import sys
sys.modules["torch"] = None
import baler_root
with baler_root.open({str(latent_files["bounded"])!r}) as file:
    tree = file["Events"]
    tree.arrays()
    assert len(tree.latents("jet")) == len(tree.latents("entries")) == {EVENTS}
    assert len(tree.outliers("jet")) > 0
"""
    run_python(code)


def test_lists_that_are_alike_only_in_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    counts = rng.poisson(2, 6000)
    others = np.where(np.arange(6000) < 3000, counts, rng.poisson(1, 6000))
    arrays = {
        f"{name}_{at}": ak.unflatten(rng.normal(size=int(some.sum())).astype("f4"), some)
        for name, some in (("a", counts), ("b", others))
        for at in range(2)
    }
    monkeypatch.setattr(sample, "SAMPLE_RANGES", 1)
    monkeypatch.setattr(sample, "MAX_SAMPLE_BYTES", 6000 * 30)
    target = tmp_path / "out.baler"
    source = write(tmp_path / "in.root", arrays)
    baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", residual="none", outliers=0.02), cluster_size=1500
    )
    assert baler_root.verify(target, source).problems == []
    with baler_root.open(target) as file:
        assert file["Events"].latent_tables == ["a", "b"]
        assert_same(ak.num(file["Events"].latents("a")), ak.Array(counts))
        with pytest.raises(ConfigError, match="entries 3000 to 4500 of table 'b' have no latents"):
            file["Events"].latents("b", 3000)


# ---- files of several parts


def test_merged_and_recovered_files(latent_files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.baler"
    second = write(tmp_path / "second.root", events(3000, seed=2))
    baler_root.compress(
        second, other, codec=LatentOptions("autoencoder", latents=4, residual="none", outliers=0.01)
    )
    parts = [latent_files["none"], other, latent_files["none"]]
    merged = baler_root.merge(parts, tmp_path / "merged.baler")
    (tmp_path / "cut.baler").write_bytes(merged.read_bytes()[:-100])
    baler_root.recover(tmp_path / "cut.baler", tmp_path / "saved.baler", like=merged)
    opened = [baler_root.open(path) for path in parts]
    arrays = ak.concatenate([file["Events"].arrays() for file in opened])
    latents = [file["Events"].latents("jet") for file in opened]
    outliers = [file["Events"].outliers("jet") for file in opened]
    for path in (merged, tmp_path / "saved.baler"):
        assert baler_root.verify(path).ok
        with baler_root.open(path) as file:
            tree = file["Events"]
            assert ak.array_equal(tree.arrays(), arrays, equal_nan=True)
            assert_same(tree.latents("jet", 0, EVENTS), latents[0])
            assert_same(tree.latents("jet", EVENTS, EVENTS + 3000), latents[1])
            found = tree.outliers("jet")
            assert found.score.to_list() == ak.concatenate(outliers).score.to_list()
            assert found.entry[len(outliers[0])] == outliers[1].entry[0] + EVENTS
            with pytest.raises(
                ConfigError, match="entries 4200 to 7200 of table 'jet' have latents of another model"
            ):
                tree.latents("jet")
    for file in opened:
        file.close()
    twice = baler_root.merge([latent_files["none"]] * 2, tmp_path / "twice.baler")
    with baler_root.open(twice) as file:
        assert_same(file["Events"].latents("jet"), ak.concatenate([latents[0]] * 2))


def test_a_missing_model_is_named(latent_source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    model, target = folder / "jets.balermodel", tmp_path / "out.baler"
    baler_root.train(
        [latent_source],
        model,
        codec=LatentOptions("autoencoder", latents=2, residual="none", outliers=0.01),
    )
    baler_root.compress(latent_source, target, model=ModelReuse(model, detach=True), cluster_size=CLUSTER)
    with baler_root.open(target) as file:
        latents, outliers = file["Events"].latents("jet"), file["Events"].outliers("jet")
    assert len(outliers) > 0
    (tmp_path / "elsewhere").mkdir()
    away = model.rename(tmp_path / "elsewhere" / "jets.balermodel")
    parts = baler_root.inspect(target)["trees"][0]["tables"]
    assert all(table["latents"]["parts"]["models"] > 0 for table in parts)
    with baler_root.open(target) as file:
        tree = file["Events"]
        assert tree.latent_tables == ["entries", "jet"]
        for read in (tree.latents, tree.outliers):
            with pytest.raises(
                MissingModelError, match=r"page \d of .* needs the model .* of jets.balermodel"
            ):
                read("jet")
        with pytest.raises(MissingModelError, match="needs the model"):
            tree["jet_pt"].array()
    with baler_root.open(target, models=away) as file:
        assert_same(file["Events"].latents("jet"), latents)
        assert_same(file["Events"].outliers("jet"), outliers)


def test_the_same_seed_gives_the_same_bytes_in_several_processes(
    latent_source: Path, latent_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    codec = LatentOptions("autoencoder", latents=3, residual="none", outliers=0.01)
    baler_root.compress(latent_source, tmp_path / "two.baler", codec=codec, jobs=2, cluster_size=CLUSTER)
    assert (tmp_path / "two.baler").read_bytes() == latent_files["none"].read_bytes()


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": np.full(5000, 3.0), "y": np.full(5000, np.nan)},
        {"x": np.random.default_rng(0).exponential(size=5000)},
        {"x": np.where(np.arange(5000) % 2, np.nan, np.inf), "y": np.full(5000, -999.0)},
        {"x": np.zeros(0), "y": np.zeros(0, "i4")},
    ],
    ids=["constant", "one column", "no numbers", "empty"],
)
@pytest.mark.parametrize("residual", ["bounded", "none"])
def test_columns_that_teach_nothing(arrays: Arrays, residual: str, make_root: Maker, tmp_path: Path) -> None:
    source, target = make_root("odd.root", Events=arrays), tmp_path / "out.baler"
    summary = baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", residual=residual, outliers=0.05)
    )
    assert baler_root.verify(target, source).problems == []
    assert baler_root.inspect(target)["codecs"] == ["classic"]
    note = "no latents" if len(arrays["x"]) else "0 entries are too few to train latents"
    assert any(note in line for line in summary.notes)


def test_a_narrow_table_takes_as_many_latents_as_it_has_columns(tmp_path: Path) -> None:
    arrays = events()
    source = write(tmp_path / "in.root", {name: arrays[name] for name in ("pt", "jet")})
    target = tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", latents=4, residual="none"))
    assert baler_root.verify(target, source).problems == []
    with baler_root.open(target) as file:
        assert str(file["Events"].latents("entries").type) == f"{EVENTS} * 2 * int16"
        assert str(file["Events"].latents("jet").type) == f"{EVENTS} * var * 4 * int16"


def test_without_torch(
    latent_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    monkeypatch.setattr(effort, "find_spec", lambda _: None)
    outcome = cli("compress", latent_source, tmp_path / "out.baler", "--codec", "autoencoder")
    assert outcome.code == 2
    assert 'pip install "baler-root[train]"' in outcome.err
    assert outcome.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
