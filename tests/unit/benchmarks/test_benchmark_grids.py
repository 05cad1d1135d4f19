"""Frames to compress are the same each time, and what is written without interpolation is measured beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler_root.format.bounds import ErrorBound

grids = pytest.importorskip("benchmarks.run.grids", reason="benchmarks/ is not on the path")

from benchmarks.data.fluids import Fluid


def frames(number: int = 12) -> np.ndarray:
    """A few of a young fluid."""
    return np.concatenate(list(Fluid(side=20, warm_up=1.0).frames(number, chunk=5)))


def test_a_fluid_has_as_many_frames_as_asked_and_the_same_each_time() -> None:
    found = frames()
    assert found.shape == (12, 20, 20)
    assert np.isfinite(found).all()
    assert found.std() > 0
    assert np.array_equal(found, frames())


def test_differences_alone_are_what_classic_writes_without_interpolation(tmp_path: Path) -> None:
    source = tmp_path / "frames.root"
    _, span = grids.write([frames()], source)
    bound = ErrorBound("abs", 1e-2 * span)
    alone = grids.differences(source, bound)
    assert 0 < grids.baler(source, str(bound), {"codec": "classic"})["pages"] <= alone + 64
