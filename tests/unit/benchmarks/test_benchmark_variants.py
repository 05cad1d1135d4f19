"""Benchmarks that change parts of the library for a variant still find these parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
ablation = pytest.importorskip("benchmarks.run.ablation", reason="benchmarks/ is not on the path")

from benchmarks.record import latent_files
from benchmarks.run import precision


def test_every_step_of_the_ablation_without_networks_can_be_measured(tmp_path: Path) -> None:
    path = latent_files.write_root(tmp_path / "a.root", {"x": np.arange(50.0), "y": np.arange(50) % 7})
    for _, keywords in ablation.STEPS:
        if keywords["codec"] == "classic" or keywords.get("level") == "fast":
            assert ablation.size(path, dict(keywords))["size"] > 0


@pytest.mark.parametrize(("_", "variant"), precision.WAYS)
def test_every_precision_can_be_set(_: str, variant: dict[str, object]) -> None:
    usual = precision.fit.ColumnNetworks
    with precision.changed(**variant):
        assert precision.fit.ColumnNetworks is not usual
        assert issubclass(precision.fit.ColumnNetworks, usual)
    assert precision.fit.ColumnNetworks is usual


def test_training_is_caught_before_it_starts(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    first = random.exponential(30, 4000)
    columns = {name: (first * random.normal(1, 0.02, 4000)).astype(np.float32) for name in "abcd"}
    assert precision.captured(latent_files.write_root(tmp_path / "a.root", columns))
