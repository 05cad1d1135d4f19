"""The rivals of the benchmarks keep the bound that they are compared at, and give back what they encoded."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from baler_root.format.bounds import LOSSLESS, ErrorBound, violations

pytest.importorskip("pysz", reason="pysz (SZ3) is not installed")
pytest.importorskip("zfpy", reason="zfpy is not installed")
columnwise_compressors = pytest.importorskip(
    "benchmarks.rivals.columnwise_compressors", reason="benchmarks/ is not on the path"
)

from benchmarks.data.columns import Column
from benchmarks.data.sources import Tree
from benchmarks.rivals import native_root_files
from benchmarks.rivals.compressors import lossless

ROWS = 3000
BOUNDS = ["lossless", "rel=1e-2", "rel=1e-3", "rel=1e-4", "rel=1e-6", "abs=1e-2", "abs=1e-5", "bits=10"]


def columns() -> dict[str, np.ndarray]:
    """Ordinary columns, and what breaks wrappers."""
    random = np.random.default_rng(3)
    momenta = random.exponential(30.0, ROWS)
    mixed = random.normal(0.0, 2.0, ROWS)
    mixed[::7], mixed[1], mixed[2], mixed[3], mixed[4] = 0.0, np.nan, np.inf, -0.0, 1e-42
    return {
        "momenta": momenta.astype(np.float32),
        "doubles": momenta,
        "mixed": mixed.astype(np.float32),
        "narrow": (1864.8 + 0.1 * random.random(ROWS)).astype(np.float32),
        "huge": (mixed * 1e37).astype(np.float32),
        "zeros": np.zeros(ROWS, np.float32),
        "single": np.array([2.5], np.float32),
        "sentinels": np.where(random.random(ROWS) < 0.5, -999.0, mixed).astype(np.float32),
        "halves": momenta.astype(np.float16),
    }


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("rival", columnwise_compressors.RIVALS, ids=columnwise_compressors.NAMES)
def test_what_is_counted_keeps_the_bound(rival: columnwise_compressors.Rival, bound: str) -> None:
    """Also from bytes alone: main and side streams are unpacked again."""
    asked = ErrorBound.parse(bound)
    for name, values in columns().items():
        prepared = rival.prepare(values, asked)
        if prepared is None:
            continue
        encoded = columnwise_compressors.with_missed_values(rival.encode(prepared), values, asked)
        if encoded is None:
            continue
        decoded = encoded.decode()
        assert decoded.dtype == values.dtype, name
        assert not violations(values, decoded, asked).size, name
        assert encoded.size > 0


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "f2", "f4", "f8"])
def test_lossless_gives_the_same_bits(dtype: str) -> None:
    raw = np.random.default_rng(1).integers(0, 255, 800, dtype=np.uint8).view(dtype)
    assert lossless(raw).values().tobytes() == raw.tobytes()
    assert lossless(raw[:0]).values().size == 0


def test_most_columns_go_each_rivals_own_way() -> None:
    """Else every rival would be the lossless one in disguise."""
    momenta = columns()["momenta"]
    exact = len(lossless(momenta).data)
    for name, size in columnwise_compressors.sizes(
        [Column("momenta", momenta, ErrorBound.parse("rel=1e-3"))]
    ).items():
        assert size is not None, name
        assert size < 0.8 * exact, name


def test_a_rival_without_means_has_no_size() -> None:
    found = columnwise_compressors.sizes([Column("momenta", columns()["momenta"], LOSSLESS)])
    assert found["sz3"] is None
    assert found["zfp"] is None
    assert found["round+xz"] is not None


@pytest.mark.parametrize("bound", ["lossless", "rel=1e-3", "abs=1e-2"])
def test_root_itself_keeps_the_bound(bound: str) -> None:
    """`native_root_files.size` raises when what ROOT reads back misses it."""
    if why := native_root_files.missing():
        pytest.skip(why)
    found = {name: ak.Array(values) for name, values in columns().items() if values.dtype != np.float16}
    found = {name: array for name, array in found.items() if len(array) == ROWS}
    lengths = np.arange(ROWS) % 3
    found["jagged"] = ak.unflatten(np.linspace(1, 9, lengths.sum()).astype(np.float32), lengths)
    size = native_root_files.size([Tree("t", list(found.items()), [])], lambda _tree, _branch: bound)
    assert size is not None
    assert size > 0
