"""Normalisation of columns and models without a residual for other files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import baler_root
from baler_root import LatentOptions
from baler_root.compression.rules.rules import Rules
from tests.helpers.cli import Cli
from tests.helpers.latent_files import short_training
from tests.helpers.mass_pairs import ASKED, notes_of, pairs
from tests.helpers.root_files import Make

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


@pytest.fixture(autouse=True)
def _train_shortly() -> Iterator[None]:
    with short_training(steps=60):
        yield


# ---- normalisation


def test_constant_and_negative_columns_are_normalised_and_that_is_said(
    make_root: Make, cli: Cli, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    size = rng.exponential(30, 3000) + 1
    arrays = {
        "positive": size,
        "negative": -size * rng.normal(1, 0.1, 3000),
        "mixed": size * rng.choice([-1, 1], 3000),
        "angle": rng.uniform(-np.pi, np.pi, 3000),
        "zero": np.where(rng.random(3000) < 0.3, 0, -size),
        "constant": np.full(3000, -2.5),
        "nothing": np.zeros(3000),
        "count": rng.integers(-5, 5, 3000),
    }
    source, target = make_root("in.root", kind="rntuple", Events=arrays), tmp_path / "out.baler"
    done = cli("compress", source, target, "--codec", "autoencoder", "--branch", "angle=abs=1e-3")
    assert done.code == 0
    assert "since their values never change: 'constant', 'nothing'" in " ".join(done.out.split())
    assert baler_root.verify(target, source).problems == []
    (model,) = baler_root.inspect(target)["models"]
    assert {column["column"]: column["axis"] for column in model["architecture"]} == {
        "positive": "logarithmic",
        "negative": "logarithmic",
        "mixed": "logarithmic, both signs",
        "angle": "linear",
        "zero": "logarithmic",
        "count": "exact",
    }
    with baler_root.open(target) as file:
        decoded = file["Events"].arrays(library="np")
    for name in ("constant", "nothing", "count"):
        assert decoded[name].tobytes() == np.asarray(arrays[name]).tobytes()
    for name in ("negative", "mixed", "zero"):
        assert np.array_equal(np.sign(decoded[name]), np.sign(arrays[name]))
    lines = [
        [word for word in line.split() if not word.isdigit()]
        for line in cli("inspect", target).out.splitlines()
    ]
    assert ["mixed", "logarithmic,", "both", "signs"] in lines


# ---- models for other files


def test_a_model_without_a_residual_is_used_whatever_it_saves(make_root: Make, tmp_path: Path) -> None:
    source, model = make_root("in.root", kind="rntuple", Events=pairs()), tmp_path / "pairs.balermodel"
    rules = Rules(masses=(ASKED,))
    baler_root.train(
        source, model, rules=rules, codec=LatentOptions("autoencoder", latents=3, residual="none")
    )
    summary = baler_root.compress(source, tmp_path / "out.baler", rules=rules, model=model)
    assert "[[physics]]" not in notes_of(summary)
    assert baler_root.verify(summary.target, source).problems == []
    with baler_root.open(summary.target) as file:
        assert file["Events"].latents("entries").type.length == 3000
