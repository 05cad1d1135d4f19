"""Statistics in the file equal those of a comparison of source and file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import baler_root
from baler_root.dataset.reader.file_reader import open_file
from baler_root.errors import CorruptFileError, FormatError
from baler_root.format.bounds import ErrorStats
from baler_root.format.statistics import RECORD, merge_errors, pack_statistics, record, unpack_statistics
from baler_root.format.values_digest import values_digest
from tests.conftest import flat_columns, jagged_columns

BOUNDS = ["lossless", "rel=1e-2", "rel=1e-3", "rel=1e-6", "abs=1e-3", "abs=10", "bits=10", "bits=3"]


def flat(array: ak.Array) -> NDArray[Any]:
    return ak.to_numpy(ak.flatten(array, axis=None))


def errors(x: NDArray[Any], y: NDArray[Any], bound: str) -> NDArray[np.float64]:
    """Errors as the promise words them: absolute for `abs`, else relative to the value, zeros left out; for
    `bits`, subnormal values count as the smallest normal number."""
    wide, back = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        error = back - wide
        if not bound.startswith("abs"):
            least = (
                np.finfo(x.dtype).smallest_normal if bound.startswith("bits") and x.dtype.kind == "f" else 0
            )
            error = (error / np.maximum(np.abs(wide), float(least)))[wide != 0]
    return error[np.isfinite(error)]


def statistics(path: Path, tree: int, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """(records of the one data column of a branch by cluster, its values)."""
    with open_file(path) as file:
        reader = file.trees[tree]
        branch = [b.name for b in reader.schema.branches].index(name)
        number = next(c for c in reader.columns_of(branch) if reader.columns[c].role == "data")
        values = reader.read([branch], 0, reader.schema.num_entries)[branch]
        return reader.statistics[:, number], flat(values)


@pytest.mark.parametrize("bound", BOUNDS)
def test_records_are_what_comparing_finds(bound: str, make_root: Callable[..., Path], tmp_path: Path) -> None:
    columns = {**flat_columns(3000), "Muon": jagged_columns(3000)["Muon"]}
    root = make_root("a.root", Events=columns)
    target = tmp_path / "a.baler"
    baler_root.compress(root, target, bound=bound, bounds={"weight": bound})
    with uproot.open(root) as file:
        for name in ("energy", "special", "weight", "Muon_pt", "i32", "u8", "trigger"):
            original = flat(file["Events"][name].array())
            (found,), values = statistics(target, 0, name)
            asked = "lossless" if original.dtype.kind != "f" else bound
            made = errors(original, values, asked)
            assert found["length"] == len(values) == len(original)
            assert found["nan_count"] == (np.isnan(values).sum() if values.dtype.kind == "f" else 0)
            ordered = values[~np.isnan(values)] if values.dtype.kind == "f" else values
            for side, edge in (("minimum", ordered.min()), ("maximum", ordered.max())):
                assert float(found[side]) == pytest.approx(float(edge), rel=2e-7)
            assert float(found["minimum"]) <= float(ordered.min())
            assert float(found["maximum"]) >= float(ordered.max())
            largest = float(np.abs(made).max(initial=0.0))
            assert largest <= float(found["max_error"]) <= largest * (1 + 1e-6)
            assert found["rms_error"] == pytest.approx(np.sqrt(np.mean(made**2)), rel=1e-5, abs=1e-30)
            assert found["mean_error"] == pytest.approx(np.mean(made), rel=1e-5, abs=largest * 1e-7)
            kind, _, number = asked.partition("=")
            assert kind in ("lossless", "bits") or largest <= float(number)
            assert kind != "lossless" or largest == 0
            if kind == "bits":
                assert largest <= 2.0 ** -(int(number) + 1)


@pytest.mark.parametrize("bound", ["rel=1e-2", "rel=1e-3", "abs=1e-2", "bits=8"])
@pytest.mark.parametrize("seed", range(3))
def test_errors_are_unbiased(bound: str, seed: int, make_root: Callable[..., Path], tmp_path: Path) -> None:
    """The signed mean of n errors is within a few standard deviations of zero, and far below their RMS."""
    rng = np.random.default_rng(seed)
    n = 100_000
    columns = {"pt": rng.exponential(30.0, n).astype(np.float32), "eta": rng.normal(size=n)}
    baler_root.compress(make_root("a.root", t=columns), tmp_path / "a.baler", bound=bound)
    for name in columns:
        (found,), _ = statistics(tmp_path / "a.baler", 0, name)
        assert found["rms_error"] > 0
        assert abs(found["mean_error"]) < 5 * found["rms_error"] / np.sqrt(n)


def test_clusters_are_put_together_by_their_lengths(make_root: Callable[..., Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    root = make_root("a.root", t={"x": rng.normal(size=2500)})
    summaries = []
    for size in (2500, 1000, 400):
        baler_root.compress(root, tmp_path / "a.baler", bound="abs=1e-3", cluster_size=size, overwrite=True)
        (branch,) = baler_root.inspect(tmp_path / "a.baler")["trees"][0]["branches"]
        with uproot.open(root) as file, baler_root.open(tmp_path / "a.baler") as again:
            made = errors(flat(file["t/x"].array()), flat(again["t"]["x"].array()), "abs")
        assert branch["max_error"] == pytest.approx(np.abs(made).max(), rel=1e-6)
        assert branch["rms_error"] == pytest.approx(np.sqrt(np.mean(made**2)), rel=1e-5)
        assert branch["mean_error"] == pytest.approx(np.mean(made), rel=1e-4, abs=1e-9)
        summaries.append(branch)
    assert {summary["raw_size"] for summary in summaries} == {2500 * 8}


@st.composite
def sources(draw: Callable[[Any], Any]) -> dict[str, object]:
    """Columns of a small tree: floats of any bits, plain or in lists."""
    n = draw(st.integers(0, 40))
    columns: dict[str, object] = {}
    for number, code in enumerate(draw(st.lists(st.sampled_from(["f4", "f8"]), min_size=1, max_size=3))):
        unsigned = hnp.arrays(f"u{code[1]}", n, elements=st.integers(0, 2 ** (8 * int(code[1])) - 1))
        special = st.sampled_from([0.0, -0.0, 1.0, -999.0, 1e-30, 3e38, np.inf, np.nan, 0.1])
        plain = hnp.arrays(code, n, elements=st.one_of(special, st.floats(-1e6, 1e6, width=32)))
        values = draw(unsigned).view(code) if draw(st.booleans()) else draw(plain)
        if draw(st.booleans()):
            counts = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 3)))
            columns[f"b{number}"] = ak.unflatten(np.resize(values, counts.sum()).astype(code), counts)
        else:
            columns[f"b{number}"] = values
    return columns


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(columns=sources(), bound=st.sampled_from(BOUNDS), size=st.sampled_from([7, 1000]))
def test_any_file_keeps_its_bound(columns: dict[str, object], bound: str, size: int, tmp_path: Path) -> None:
    root, target = tmp_path / "any.root", tmp_path / "any.baler"
    with uproot.recreate(root) as file:
        types = {k: v.dtype if isinstance(v, np.ndarray) else ak.type(v).content for k, v in columns.items()}
        file.mktree("t", types)
        file["t"].extend(columns)
    baler_root.compress(root, target, bound=bound, cluster_size=size, overwrite=True)
    result = baler_root.verify(target, root)
    assert result.problems == []
    assert result.values >= sum(len(flat(ak.Array(values))) for values in columns.values())


def test_recorded_in_provenance(flat_root: Path, tmp_path: Path) -> None:
    baler_root.compress(flat_root, tmp_path / "a.baler", bound="abs=1e-3", bounds={"energy": "bits=7"})
    info = baler_root.inspect(tmp_path / "a.baler")
    asked = {branch["path"]: (branch["bound"], branch["reason"]) for branch in info["trees"][0]["branches"]}
    assert asked["energy"] == ("bits=7", "rule 'energy'")
    assert asked["special"] == ("abs=0.001", "default")
    assert asked["weight"][0] == asked["event"][0] == "lossless"
    assert info["provenance"]["rules"]["default"] == "abs=0.001"


# The records themselves

NOTHING = ErrorStats(0.0, 0.0, 0.0, 0, None)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (np.array([0.1, 0.7]), 0.1, 0.7),
        (np.array([2**53 + 1, 2**63 - 1]), 2**53 + 1, 2**63 - 1),
        (np.array([2**64 - 1], np.uint64), 2**64 - 1, 2**64 - 1),
        (np.array([-(2**63), -(2**53) - 1]), -(2**63), -(2**53) - 1),
        (np.array([-1e300, 1e300]), -1e300, 1e300),
        (np.array([np.nan, 3.0, np.inf]), 3.0, np.inf),
        (np.array([True, False]), 0, 1),
    ],
)
def test_ranges_are_rounded_outward(values: NDArray[Any], low: float, high: float) -> None:
    row = dict(zip(RECORD.names or (), record(values, NOTHING, 0, 1.0), strict=True))
    assert row["minimum"] <= low
    assert row["maximum"] >= high
    with np.errstate(over="raise"):
        stored = np.array([tuple(row.values())], RECORD)[0]
    assert stored["minimum"] == row["minimum"]
    assert row["minimum"] >= low - abs(low) * 2**-23 or np.isinf(row["minimum"])
    assert row["nan_count"] == np.isnan(values.astype(float)).sum()


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_largest_error_is_rounded_up(largest: float, rms: float, mean: float) -> None:
    row = record(np.zeros(1), ErrorStats(abs(largest), rms, mean, 0, None), 0, 0.0)
    assert row[0] >= abs(largest)
    assert np.array([row], RECORD)["max_error"][0] == row[0]


def test_empty_columns_have_no_range() -> None:
    row = record(np.zeros(0, np.float32), NOTHING, 0, 0.0)
    assert np.isnan(row[3])
    assert row[5:8] == (0, 0, 0)


@given(st.integers(0, 5), st.integers(0, 7), st.randoms(use_true_random=False))
def test_records_come_back(clusters: int, columns: int, random: Any) -> None:
    raw = random.randbytes(clusters * columns * RECORD.itemsize)
    records = np.frombuffer(raw, RECORD).reshape(clusters, columns)
    packed = pack_statistics(records)
    assert unpack_statistics(memoryview(packed), clusters, columns).tobytes() == raw
    with pytest.raises(FormatError):
        unpack_statistics(memoryview(packed), clusters + 1, columns + 1)


def test_records_of_another_number_are_corrupt() -> None:
    packed = pack_statistics(np.zeros((2, 3), RECORD))
    with pytest.raises(CorruptFileError, match="clusters of 4 columns"):
        unpack_statistics(memoryview(packed), 2, 4)


def test_merged_errors_weigh_by_length() -> None:
    records = np.zeros((2, 2), RECORD)
    records["length"] = [[1, 9], [3, 9]]
    records["max_error"] = [[0.5, 9], [0.25, 9]]
    records["rms_error"] = [[0.5, 9], [0.25, 9]]
    records["mean_error"] = [[-0.5, 9], [0.25, 9]]
    records["outliers"] = [[1, 9], [2, 9]]
    largest, rms, mean, outliers = merge_errors(records, [0])
    assert (largest, outliers) == (0.5, 3)
    assert rms == pytest.approx(np.sqrt((0.25 + 3 * 0.0625) / 4))
    assert mean == pytest.approx((-0.5 + 3 * 0.25) / 4)
    assert merge_errors(records[:0], [0]) == (0.0, 0.0, 0.0, 0)


def test_digest_is_of_the_bytes_one_after_another() -> None:
    values = np.arange(10, dtype=np.int16)
    assert values_digest([values]) == values_digest([values[:3], values[3:]])
    assert values_digest([values]) != values_digest([values.astype(np.int32)])
    assert values_digest([]) == 0x2D06800538D394C2
