"""Contexts of list items are learned: from their entries and from the item before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

import baler_root
from baler_root import ModelReuse
from baler_root.api.verify import verify
from baler_root.compression.models.list_context import ContextColumns
from baler_root.dataset.reader.file_reader import open_file
from baler_root.format.codecs.conditional.model import Model
from baler_root.training import effort
from baler_root.training.effort import TrainingLevel
from baler_root.training.settings import NetworkSettings
from tests.helpers.root_files import Make


def jets(entries: int, seed: int) -> dict[str, Any]:
    """The hardness of an event says much of its jets."""
    rng = np.random.default_rng(seed)
    scale = rng.exponential(40, entries).astype("f4") + 10
    counts = rng.integers(0, 6, entries)
    pt = (np.repeat(scale, counts) * rng.normal(1, 0.02, counts.sum())).astype("f4")
    mass = (pt * rng.normal(0.1, 0.003, len(pt))).astype("f4")
    return {"scale": scale, "Jet": ak.unflatten(ak.zip({"pt": pt, "mass": mass}), counts)}


def test_lists_learn_from_their_entries(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, unseen = (make_root(f"jets{seed}.root", Events=jets(6000, seed)) for seed in (1, 2))
    seeing = baler_root.compress(source, tmp_path / "out.baler", training="fast", cluster_size=2500)
    assert baler_root.verify(tmp_path / "out.baler", source).ok
    baler_root.recover(tmp_path / "out.baler", tmp_path / "saved.baler")
    assert baler_root.verify(tmp_path / "saved.baler", source).ok
    baler_root.train(source, tmp_path / "jets.balermodel", training="fast")
    other = baler_root.compress(
        unseen, tmp_path / "unseen.baler", model=ModelReuse(tmp_path / "jets.balermodel", detach=True)
    )
    assert "is needed to read" in "".join(other.notes)
    assert baler_root.verify(tmp_path / "unseen.baler", unseen).ok
    with baler_root.open(tmp_path / "out.baler", num_workers=2) as file:
        several = file["Events"].arrays(entry_start=1000, entry_stop=5500)
    with baler_root.open(tmp_path / "out.baler") as file:
        one = ak.concatenate(list(file["Events"].iterate(step_size=700)))
    assert ak.array_equal(several, one[1000:5500])
    monkeypatch.setattr("baler_root.compression.models.learn.find_context", lambda *_: ContextColumns())
    blind = baler_root.compress(source, tmp_path / "blind.baler", training="fast", cluster_size=2500)
    assert seeing.size < 0.92 * blind.size
    assert other.size < 0.95 * blind.size


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")
def test_networks_see_the_item_before(
    make_root: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes write the same bytes; the model serves another file, in it or beside it."""
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'baler-root[train]')")
    torch.set_num_threads(1)
    quick = TrainingLevel("default", NetworkSettings(width=8, components=2, steps=300, batch=512))
    monkeypatch.setitem(effort.LEVELS, "default", quick)
    monkeypatch.setattr("baler_root.compression.workers.MIN_SIZE_FOR_POOL", 0)
    source, unseen = (make_root(f"{seed}.root", Events=hits(8000, seed)) for seed in (1, 2))
    for jobs in (1, 2):
        baler_root.compress(source, tmp_path / f"{jobs}.baler", cluster_size=3000, jobs=jobs)
    assert (tmp_path / "1.baler").read_bytes() == (tmp_path / "2.baler").read_bytes()
    assert chained(tmp_path / "1.baler") == ["side"]
    assert verify(tmp_path / "1.baler", source).problems == []
    classic = baler_root.compress(unseen, tmp_path / "classic.baler", codec="classic")
    baler_root.train(source, tmp_path / "hits.balermodel")
    for detach in (False, True):
        found = baler_root.compress(
            unseen,
            tmp_path / f"{detach}.baler",
            model=ModelReuse(tmp_path / "hits.balermodel", detach=detach),
        )
        assert found.size < 0.95 * classic.size
        assert verify(tmp_path / f"{detach}.baler", unseen).problems == []


def hits(entries: int, seed: int) -> dict[str, Any]:
    """Hits on alternate sides of a track, at similar distances; their charge depends on the event."""
    rng = np.random.default_rng(seed)
    gain = rng.integers(50, 90, entries).astype("i4")
    away = rng.normal(size=(entries, 8))
    for k in range(1, 8):
        away[:, k] = 0.24 * away[:, k] - 0.97 * away[:, k - 1]
    counts = rng.integers(0, 9, entries)
    there = np.arange(8) < counts[:, None]
    side = ak.unflatten((100 * away[there]).round().astype("i4"), counts)
    charge = ak.unflatten(rng.poisson(np.repeat(gain, counts)).astype("i4"), counts)
    return {"gain": gain, "side": side, "charge": charge}


def chained(path: Path) -> list[str]:
    """The columns that have themselves as parents, in the models of a file."""
    with open_file(path) as file:
        models = [Model.from_bytes(file.models[name]) for name in file.models]
    return [
        column.name
        for model in models
        for number, column in enumerate(model.columns)
        if column.conditional is not None and number in column.conditional.parents
    ]
