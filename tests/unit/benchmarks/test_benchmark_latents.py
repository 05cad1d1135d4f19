"""Benchmarks of codecs that store latents count what they should."""

from __future__ import annotations

from argparse import Namespace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
outlier_rows = pytest.importorskip("benchmarks.run.outlier_rows", reason="benchmarks/ is not on the path")

import baler_root
from baler_root import ModelReuse
from baler_root.format.codecs.latent.outlier_rows import OutlierDetector
from baler_root.training.axis_fit import fit_axis
from benchmarks.record import latent_files
from benchmarks.run import baler, latents, mass_loss, normalisation, transfer


def table(rows: int = 3000) -> dict[str, np.ndarray]:
    """Columns that depend on one of them."""
    random = np.random.default_rng(3)
    first = random.exponential(30, rows)
    return {
        name: (first * random.normal(factor, 0.02, rows)).astype(np.float32)
        for name, factor in zip("abcd", (1, 2, 3, 4), strict=True)
    }


def test_every_combination_is_measured_once_and_numbers_of_latents_where_they_are_swept() -> None:
    options = Namespace(names=["jets"], bound=None, codec=None, residual=None, latents=(2, 4))
    jobs = list(latents.jobs(options))
    assert len(jobs) == len(set(jobs))
    assert {job[3] for job in jobs if job[1] == "lossless"} == {None, "lossless"}
    assert [job[4] for job in jobs if job[4]] == [2, 4]


def test_models_flag_the_requested_share_and_are_used_even_if_the_file_grows(tmp_path: Path) -> None:
    source = latent_files.write_root(tmp_path / "a.root", table())
    model = tmp_path / "a.balermodel"
    with latent_files.timed_training() as counted:
        baler_root.train(source, model, bound="rel=1e-2", codec="autoencoder")
        assert counted.seconds > 0
        row_latents = latent_files.latents_of(source, model, "rel=1e-2")
        flagging, detector = latent_files.with_outlier_rows(
            model, row_latents, 0.01, 1, tmp_path / "b.balermodel"
        )
        assert isinstance(detector, OutlierDetector)
        reuse = ModelReuse(flagging, detach=True, always=True)
        row = latent_files.measure(source, counted, bound="rel=1e-2", model=reuse)
    assert row_latents.shape[0] == row["rows"] == 3000
    assert 0 < row["flagged %"] <= 1
    assert 0.5 < row["largest error / bound"] <= 1
    assert row["latents bits/row"] + row["residual bits/row"] < 8 * row["size"] / row["rows"]


def test_scores_that_separate_signal_retrieve_it() -> None:
    random = np.random.default_rng(4)
    scores = {name: random.uniform(0, 1, 500) for name in ("DY", "TT", "W1J", "W2J")}
    rows = list(outlier_rows.retrieval({**scores, "VBF": random.uniform(2, 3, 200)}, clusters=1))
    assert {row["AUC"] for row in rows} == {1.0}
    assert all(row["signal among them %"] == 100 for row in rows)
    (least,) = (row["signal in all %"] for row in rows if row["background"] == "all" and row["top %"] == 1)
    assert least == 9.1


def test_shares_above_scores_fall() -> None:
    rows = list(outlier_rows.distribution({"DY": np.arange(1000.0)}, clusters=1))
    assert rows[0]["share above"] == 1
    assert rows[0]["score"] == 0
    assert all(left["score"] <= right["score"] for left, right in pairwise(rows))


def test_files_of_the_training_are_not_among_the_others() -> None:
    if not transfer.sources.chosen(["cms_htt_DY"]):
        pytest.skip("no cms_htt_DY_35k: BALER_ROOT_DATA")
    group = transfer.processes(Path())
    assert not {*group.seen} & {*group.unseen}


def test_min_max_spreads_symbols_evenly_and_frequencies_do_not() -> None:
    axis = fit_axis(np.round(np.random.default_rng(1).exponential(50, 5000)).astype(np.int64))
    usual = axis.codes
    for way in normalisation.WAYS:
        with normalisation.normalised(way):
            found = fit_axis(np.arange(3)).codes, type(axis)(axis.low, axis.positions, axis.shares).codes
        steps = np.diff(found[1].astype(int))
        assert (np.ptp(steps) <= 1) == (way == "min-max")
        assert np.array_equal(found[1], usual) == (way == "frequencies")
        assert abs(found[1]).max() <= 2048


def test_masses_and_their_resolution() -> None:
    names = dict(zip(mass_loss.PAIR, (30, 0.5, 1.0, 0.1, 40, 0.5, 1.0 + np.pi, 1.2), strict=True))
    found = mass_loss.mass({name: np.array([value]) for name, value in names.items()})
    assert found[0] == pytest.approx(np.sqrt(2 * 30 * 40 * 2), rel=1e-2)
    assert mass_loss.resolution(np.array([1.01, 0.98, 1.0]), np.ones(3)) == pytest.approx(
        (1.29, 1.37), abs=0.01
    )


def test_every_codec_with_latents_is_compared_with_baler() -> None:
    assert {label for label, _ in baler.CODECS} == {"classic", "conditional", *latent_files.latent_codecs()}
