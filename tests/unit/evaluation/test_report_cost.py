"""Cost in a report: rounded floats keep the bound of their branch or field, and energy is measured."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_root
from baler_root.evaluation.report.energy_meter import Meter, counters
from baler_root.evaluation.report.pairs import FilePair
from baler_root.evaluation.report.rounded_floats import rounded_array, rounded_values
from baler_root.evaluation.report.rounding_offsets import scaled_rules
from baler_root.format.bounds import ErrorBound, violations


@pytest.mark.parametrize("text", ["rel=1e-3", "rel=0.3", "abs=0.01", "bits=7"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounded_rivals_hold_the_bounds(text: str, dtype: type) -> None:
    x = np.random.default_rng(11).normal(0.0, 100.0, 5000).astype(dtype)
    x[:6] = [np.nan, np.inf, 0.0, -0.0, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max]
    bound = ErrorBound.parse(text)
    rounded = rounded_values(x, bound)
    assert not len(violations(x, rounded, bound))
    assert len(np.unique(rounded)) < len(np.unique(x))


@pytest.fixture
def record_pair(tmp_path: Path) -> tuple[Path, Path]:
    """A ROOT file with a list of records, and the `.baler` file with a bound for each field."""
    random = np.random.default_rng(12)
    fields = {"x": random.exponential(size=600), "y": random.exponential(size=600), "n": np.arange(600)}
    particles = ak.unflatten(ak.zip(fields), np.full(200, 3))
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mkrntuple("Events", {"p": particles}).extend({"p": particles})
    bounds = {"p.x": "rel=1e-2", "p.y": "abs=1e-4"}
    baler_root.compress(tmp_path / "in.root", tmp_path / "in.baler", bounds=bounds, codec="classic")
    return tmp_path / "in.root", tmp_path / "in.baler"


def test_fields_of_a_record_are_rounded_within_their_bounds(record_pair: tuple[Path, Path]) -> None:
    with FilePair(*record_pair) as pair:
        bounds = pair.bounds()["Events"]
    assert bounds == {"p.x": "rel=0.01", "p.y": "abs=0.0001", "p.n": "lossless"}
    with uproot.open(record_pair[0]) as file:
        particles = file["Events"]["p"].array()
    rounded = rounded_array(particles, lambda field: ErrorBound.parse(bounds[f"p.{field}"]))
    assert rounded.type == particles.type
    for name in ("x", "y", "n"):
        before, after = (ak.to_numpy(ak.flatten(array[name])) for array in (particles, rounded))
        assert not len(violations(before, after, ErrorBound.parse(bounds[f"p.{name}"])))
        assert (len(np.unique(after)) < len(np.unique(before))) == (name != "n")


def test_rounding_offsets_scale_the_bound_of_each_field(
    record_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    with FilePair(*record_pair) as pair:
        rules = scaled_rules(pair.bounds()["Events"], 0.98)
    baler_root.compress(record_pair[0], tmp_path / "scaled.baler", rules=rules, codec="classic")
    with FilePair(record_pair[0], tmp_path / "scaled.baler") as pair:
        assert pair.bounds()["Events"] == {"p.x": "rel=0.0098", "p.y": "abs=9.8e-05", "p.n": "lossless"}


def test_energy_is_read_from_the_machine(tmp_path: Path) -> None:
    for name, value in (("intel-rapl:0", 5_000_000), ("intel-rapl:0:0", 1), ("intel-rapl:1", 9_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("10000000\n")
    assert sorted(counters(tmp_path).values()) == [5_000_000, 9_000_000]
    meter = Meter(tmp_path)
    with meter:
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text("7000000")
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text("500000")  # went round
    assert meter.total().joules == pytest.approx(2.0 + 1.5)
    assert meter.total().source.startswith("measured")


def test_energy_that_nobody_measures_is_called_an_estimate(tmp_path: Path) -> None:
    meter = Meter(tmp_path)
    with meter:
        sum(range(1000))
    assert meter.total().source.startswith("estimated")
    assert meter.total().joules == pytest.approx(10 * meter.cpu)
