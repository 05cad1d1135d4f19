"""Rows far from all others: exact to the bit, with scores, found without decoding the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root import LatentOptions
from baler_root.dataset.reader.tree_reader import TreeReader
from tests.helpers.latent_files import EVENTS, RESIDUALS, bits, check_exact, events, original, write

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch"),
    pytest.mark.usefixtures("latents_train_shortly"),
]

# ---- rows unlike the others


@pytest.mark.parametrize("residual", RESIDUALS)
def test_outlier_rows_are_exact_to_the_bit(
    residual: str, latent_files: dict[str, Path], latent_source: Path
) -> None:
    wanted = original(latent_source)
    with baler_root.open(latent_files[residual]) as file:
        entries, jets = file["Events"].outliers("entries"), file["Events"].outliers("jet")
        arrays = file["Events"].arrays()
    flat = [name for name in wanted.fields if not name.startswith(("jet", "njet"))]
    assert set(flat) <= set(entries.fields)
    assert jets.fields == [
        "entry",
        "item",
        "score",
        *(name for name in wanted.fields if name.startswith("jet_")),
    ]
    for outliers, rows in ((entries, EVENTS), (jets, ak.count(wanted["jet_pt"]))):
        assert 0.005 * rows < len(outliers) < 0.015 * rows
        assert outliers.score.type == ak.Array(np.zeros(len(outliers), "f4")).type
        assert np.all(np.asarray(outliers.score) > 0)
        check_exact(outliers, wanted)
        check_exact(outliers, arrays)
    places = list(zip(jets.entry.to_list(), jets.item.to_list(), strict=True))
    assert places == sorted(set(places))
    assert entries.entry.to_list() == sorted(set(entries.entry.to_list()))


def test_what_is_unlike_the_others_has_the_highest_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(5000, 6))
    planted = np.arange(100, 5000, 500)
    values[planted] += 8
    source = write(tmp_path / "in.root", {f"x{n}": column.astype("f4") for n, column in enumerate(values.T)})
    target = tmp_path / "out.baler"
    baler_root.compress(
        source, target, codec=LatentOptions("autoencoder", latents=6, residual="none", outliers=0.01)
    )
    with baler_root.open(target) as file:
        outliers = file["Events"].outliers("entries")
    highest = outliers[np.argsort(-np.asarray(outliers.score))[: len(planted)]]
    assert set(planted) <= set(outliers.entry.to_list())
    assert len(set(highest.entry.to_list()) & set(planted)) >= 6


def test_only_clusters_with_outlier_rows_are_decoded(
    latent_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.baler"
    baler_root.compress(
        latent_source,
        target,
        codec=LatentOptions("autoencoder", residual="none", outliers=0.0007, clusters=2),
        cluster_size=200,
    )
    read: list[int] = []
    plain = TreeReader.read

    def watched(self: TreeReader, branches: Any, start: int, stop: int) -> Any:
        read.append(start // 200)
        return plain(self, branches, start, stop)

    monkeypatch.setattr(TreeReader, "read", watched)
    with baler_root.open(target) as file:
        outliers = file["Events"].outliers("entries")
    assert 1 <= len(outliers) <= 6
    assert read == sorted({entry // 200 for entry in outliers.entry.to_list()})


def test_structured_arrays_and_names_that_are_taken(tmp_path: Path) -> None:
    arrays = events()
    source = write(tmp_path / "in.root", {"score": arrays["pt"], "entry": arrays["mass"], "n": arrays["n"]})
    target = tmp_path / "out.baler"
    baler_root.compress(source, target, codec=LatentOptions("autoencoder", residual="none", outliers=0.01))
    with baler_root.open(target) as file:
        found = file["Events"].outliers(library="np")
        records = file["Events"].outliers()
    assert found.dtype.names == ("entry", "score", "score_", "entry_", "n")
    assert found["score_"].tobytes() == arrays["pt"][found["entry"]].tobytes()
    assert records["entry_"].to_list() == arrays["mass"][found["entry"]].tolist()


def test_all_rows_may_be_kept(tmp_path: Path, latent_source: Path) -> None:
    target = tmp_path / "out.baler"
    baler_root.compress(latent_source, target, codec=LatentOptions("autoencoder", outliers=1.0, clusters=3))
    with baler_root.open(target) as file:
        arrays = file["Events"].arrays()
        assert len(file["Events"].outliers("entries")) == EVENTS
    wanted = original(latent_source)
    assert all(bits(arrays[name]) == bits(wanted[name]) for name in wanted.fields)
