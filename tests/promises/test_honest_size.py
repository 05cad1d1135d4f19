"""Honest size: sizes and ratios count the whole file, every byte of it once."""

from __future__ import annotations

from pathlib import Path

import pytest

import baler_root
from baler_root.format.model_file import read_model_file
from tests.helpers.cli import Cli
from tests.helpers.latent_files import EVENTS
from tests.helpers.trees import read_root
from tests.vectors.corpus import path_of
from tests.vectors.files import GOOD

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


@pytest.mark.parametrize("name", GOOD)
def test_parts_of_every_golden_file_are_the_whole_file(name: str) -> None:
    described = baler_root.inspect(path_of(name))
    assert sum(described["parts"].values()) == described["size"] == path_of(name).stat().st_size


def test_the_ratio_is_that_of_the_files(cli: Cli, rich_root: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    shown = cli("compress", rich_root, target).out
    share = target.stat().st_size / rich_root.stat().st_size
    assert f"{share:.1%} of the input" in shown


def test_embedded_models_are_counted(jets_model: Path, unseen_jets: Path, tmp_path: Path) -> None:
    summary = baler_root.compress(unseen_jets, tmp_path / "a.baler", model=jets_model)
    used = {model["sha256"]: model["size"] for model in baler_root.inspect(summary.target)["models"]}
    stored = sum(len(entry.data) for entry in read_model_file(jets_model).models)
    assert summary.parts["model"] >= sum(used.values()) == stored
    assert sum(summary.parts.values()) == summary.size == (tmp_path / "a.baler").stat().st_size


def test_parts_of_the_summary_are_the_whole_file(rich_root: Path, tmp_path: Path) -> None:
    summary = baler_root.compress(rich_root, tmp_path / "a.baler", cluster_size=200)
    assert sum(summary.parts.values()) == summary.size == (tmp_path / "a.baler").stat().st_size
    assert summary.source_size == rich_root.stat().st_size
    branches = [branch for tree in summary.trees for branch in tree.branches]
    assert sum(branch.size for branch in branches) == pytest.approx(summary.parts["pages"], rel=0.05)
    arrays = read_root(rich_root)
    assert sum(b.raw_size for b in branches if b.path == "special") == arrays["special"].nbytes


def test_latents_models_and_outlier_rows_are_counted(cli: Cli, latent_files: dict[str, Path]) -> None:
    for residual, path in latent_files.items():
        found = baler_root.inspect(path)
        models = {model["sha256"]: model["size"] for model in found["models"]}
        tables = {table["name"]: table for table in found["trees"][0]["tables"]}
        assert list(tables) == ["entries", "jet"]
        for table in tables.values():
            latents = table["latents"]
            parts = latents["parts"]
            assert sum(models[name] for name in latents["models"]) == parts["models"] > 0
            assert parts["latents"] > 0
            assert (parts["residual"] > 0) == (residual != "none")
            assert (parts["missed"] > 0) == (latents["missed"] > 0) == (residual == "none")
            assert latents["outlier_rows"] > 0 < parts["outlier_rows"]
            assert sum(parts.values()) < found["size"]
        assert tables["entries"]["latents"]["rows"] == EVENTS
        with baler_root.open(path) as file:
            assert len(file["Events"].outliers("jet")) == tables["jet"]["latents"]["outlier_rows"]
    shown = cli("inspect", latent_files["none"]).out
    assert f"latents of entries: {EVENTS // 1000} {EVENTS % 1000} rows: latents " in shown
    assert "rows that they miss" in shown
    assert "outlier rows with scores" in shown
    assert cli("inspect", latent_files["none"], "--json").json["trees"][0]["tables"][1]["latents"]["rows"] > 0
