"""Never larger: a model is used only where it saves more bytes than it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from baler_root.analyses.samples.toys import correlated_jets

import baler_root
from baler_root import ModelReuse
from baler_root.errors import ConfigError
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.codecs.conditional.codec import ConditionalCodec
from tests.helpers.model_files import quick_level
from tests.helpers.models import random_model
from tests.helpers.root_files import Make

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch")


@pytest.mark.parametrize("entries", [150, 700, 1500, 3000, 8000])
def test_pages_and_models_take_no_more_than_pages_without_models(
    entries: int, make_root: Make, tmp_path: Path
) -> None:
    """Few entries do not pay for a model, many do; there is no number of them at which the file is larger."""
    source = make_root("jets.root", Events=correlated_jets(entries))
    classic = baler_root.compress(source, tmp_path / "classic.baler", codec="classic")
    learned = baler_root.compress(source, tmp_path / "learned.baler", training="fast")
    size = learned.parts["pages"] + learned.parts.get("model", 0)
    assert size <= classic.parts["pages"]
    if entries == 8000:
        assert "model" in learned.parts, "the test is of no use without a model"


def test_a_model_that_does_not_fit_the_data_is_left_out(
    jets_model: Path, tmp_path: Path, make_root: Make
) -> None:
    counts = ak.num(correlated_jets(6000, 4)["jet_pt"])
    arrays = {
        name: ak.unflatten(np.sort(ak.to_numpy(ak.flatten(array))), counts)
        if array.ndim > 1
        else np.sort(array)
        for name, array in correlated_jets(6000, 4).items()
    }
    source = make_root("drift.root", Events=arrays)
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    summary = baler_root.compress(source, tmp_path / "m.baler", model=ModelReuse(jets_model, detach=True))
    assert summary.size < classic.size + 200
    assert "it saves too little" in summary.notes[0], summary.notes
    assert baler_root.verify(summary.target, source, models=jets_model).problems == []


def test_a_stored_model_must_save_more_than_its_size(
    jets_model: Path, tmp_path: Path, make_root: Make
) -> None:
    source = make_root("small.root", Events=correlated_jets(150, 9))
    classic = baler_root.compress(source, tmp_path / "c.baler", codec="classic")
    summary = baler_root.compress(source, tmp_path / "m.baler", model=jets_model)
    assert summary.size <= classic.size + 200
    assert "(--detach-model) it would pay" in summary.notes[0]
    assert baler_root.inspect(summary.target)["codecs"] == ["classic"]
    empty = make_root("empty.root", Events={name: array[:0] for name, array in correlated_jets(10).items()})
    assert baler_root.compress(empty, tmp_path / "e.baler", model=jets_model).size > 0


def test_where_nothing_is_learned_the_file_is_classic(make_root: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    source = make_root("noise.root", Events={f"x{i}": rng.normal(size=5000) for i in range(12)})
    made = []
    for name, options in {
        "classic": {"codec": "classic"},
        "fast": {"training": "fast"},
        "default": {},
    }.items():
        baler_root.compress(source, tmp_path / f"{name}.baler", **options)  # type: ignore[arg-type]
        made.append((tmp_path / f"{name}.baler").read_bytes())
    assert made[0] == made[1]
    assert len(made[2]) <= len(made[0])


def test_a_column_that_the_model_codes_badly_is_left_to_classic() -> None:
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 9, 3000).astype("u1"), np.repeat(np.arange(30), 100).astype("u1")]
    specs = [SymbolSpec(column.dtype, len(column)) for column in columns]
    model = random_model([("a", b"", columns[0]), ("b", b"", columns[1])], [(), (0,)], histograms=(0, 1))
    plain, _ = Classic().encode(columns, specs)
    codec = ConditionalCodec({b"m" * 32: model}, b"m" * 32, (0, 1), compare=True)
    payload, shares = codec.encode(columns, specs)
    assert len(payload) <= len(plain) + 1
    assert sum(shares) == pytest.approx(len(payload))
    found = codec.decode(memoryview(payload), specs)
    assert all(np.array_equal(found[at], column) for at, column in enumerate(columns))


def test_no_model_file_of_models_that_save_nothing(tmp_path: Path, make_root: Make) -> None:
    rng = np.random.default_rng(0)
    source = make_root("noise.root", Events={"a": rng.normal(size=3000), "b": rng.normal(size=3000)})
    with quick_level(), pytest.raises(ConfigError, match="no model saves more bytes than it takes"):
        baler_root.train(source, tmp_path / "m.balermodel")
    assert not list(tmp_path.glob("*balermodel*"))


@pytest.mark.parametrize("entries", [5, 20, 40, 80, 200, 1000])
def test_small_files_are_no_larger_at_the_default_level(
    entries: int, make_root: Make, tmp_path: Path
) -> None:
    """Many small tables: a page for each would take more than adaptive mixing saves."""
    rng = np.random.default_rng(entries)
    columns: dict[str, Any] = {"run": np.arange(entries), "met": rng.exponential(30, entries)}
    for table in "abcdef":
        counts = rng.integers(0, 3, entries)
        pt = rng.exponential(20, counts.sum())
        columns[f"{table}_pt"] = ak.unflatten(pt, counts)
        columns[f"{table}_e"] = ak.unflatten(pt * rng.normal(1, 0.1, len(pt)), counts)
    source = make_root("small.root", Events=columns)
    sizes = {}
    for name, keywords in {"classic": {"codec": "classic"}, "default": {}}.items():
        made = baler_root.compress(source, tmp_path / f"{name}.baler", **keywords)
        sizes[name] = made.size - made.parts["manifest"]  # which has the level in its provenance
    assert sizes["default"] <= sizes["classic"] + 8
