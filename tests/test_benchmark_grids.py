"""The estimates for grids count bytes from which the frames could be had again."""

from __future__ import annotations

import numpy as np
import pytest

grids = pytest.importorskip("benchmarks.grids", reason="benchmarks/ is not on the path")

from benchmarks import interpolation
from benchmarks.fluids import Fluid


def frames(number: int = 12) -> np.ndarray:
    """A few of a young fluid."""
    return np.concatenate(list(Fluid(side=20, warm_up=1.0).frames(number, chunk=5)))


def test_a_fluid_has_as_many_frames_as_asked_and_the_same_each_time() -> None:
    found = frames()
    assert found.shape == (12, 20, 20)
    assert np.isfinite(found).all()
    assert found.std() > 0
    assert np.array_equal(found, frames())


@pytest.mark.parametrize("shape", [(12, 20, 20), (1, 7, 5), (9, 1, 1), (240, 20), (1, 1, 1)])
@pytest.mark.parametrize("share", [1e-1, 1e-3, 1e-6])
def test_interpolation_comes_back_within_the_bound(shape: tuple[int, ...], share: float) -> None:
    values = frames().reshape(-1)[: np.prod(shape)].reshape(shape)
    tolerance = share * float(np.ptp(frames()))
    symbols = interpolation.encode(values, tolerance)
    assert sum(len(part) for part in symbols) == values.size
    decoded = interpolation.decode(symbols, shape, tolerance)
    assert np.abs(decoded - values).max() <= tolerance * (1 + 1e-9)
    assert interpolation.size(symbols) > 0


def test_differences_can_be_summed_again() -> None:
    """Along entries, and along the axes after that."""
    symbols = (np.arange(300) ** 2 % 251).astype(np.uint8)
    found = grids.differences(symbols, (5, 6))
    entries = found["entries"].reshape(-1, 30)
    assert np.array_equal(np.cumsum(entries, axis=0, dtype=np.uint8).reshape(-1), symbols)
    assert np.array_equal(grids.streams.lorenzo_decode(found["axes and entries"], (5, 6)), found["entries"])
