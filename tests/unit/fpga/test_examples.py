"""The worked examples of firmware: their geometry, showers, codes, and what they compare with."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="scipy is not installed (pip install 'baler-root[report]')")

from examples.econt import geometry, physics, rivals, sample, showers


def particles(count: int, energy: float, light: bool, event: int | None = None) -> sample.Particles:
    rng = np.random.default_rng(0)
    number = np.arange(count) if event is None else np.full(count, event)
    x, y = geometry.RADIUS * np.ones(count), rng.normal(0, 3, count)
    flags = np.full(count, light)
    return sample.Particles(number, x, y, np.full(count, energy), flags, flags)


def test_cells_tile_the_module() -> None:
    places = geometry.centres()
    assert np.array_equal(geometry.cell_of(*places.T), np.arange(geometry.CELLS))
    cells = geometry.cell_of(*geometry.uniform(np.random.default_rng(0), 48_000))
    counts = np.bincount(cells, minlength=48)
    assert counts.min() > 850
    assert counts.max() < 1150
    assert geometry.cell_of(np.array([geometry.SIDE * 1.01]), np.array([0.0])) == -1


def test_codes_of_seven_bits() -> None:
    counts = np.arange(1, 200_000)
    codes = sample.code_of(counts)
    assert codes.max() <= 127
    assert np.all(np.diff(codes) >= 0)
    assert np.array_equal(sample.code_of(np.arange(16)), np.arange(16))
    back = sample.mips_of(codes) / sample.UNIT
    below = codes < 127
    assert np.all(np.abs(back - counts)[below] <= counts[below] / 8)
    assert sample.mips_of(np.array([0])) == 0


def test_showers_are_of_the_right_size() -> None:
    rng = np.random.default_rng(1)
    energy = np.full(4000, 50.0)
    part = showers.electromagnetic(energy, np.full(4000, showers.DEPTH), rng) / energy
    assert 0.04 < part.mean() < 0.15  # of a radiation length near the maximum
    assert 0.02 < part.std() / part.mean() < 0.4
    whole = sum(
        showers.electromagnetic(energy, np.full(4000, depth + 0.5), np.random.default_rng(1)).mean()
        for depth in range(40)
    )
    assert whole == pytest.approx(50.0, rel=0.01)
    inside = showers.radii(energy, np.full(4000, showers.DEPTH), rng) < showers.MOLIERE
    assert 0.75 < inside.mean() < 0.97
    owner, dx, dy, mips = showers.deposits(energy[:50], np.ones(50, bool), np.ones(50, bool), rng)
    assert set(owner) == set(range(50))
    assert len(dx) == len(dy) == len(mips)
    assert np.bincount(owner, mips).mean() == pytest.approx((part * energy).mean() / showers.MIP, rel=0.2)
    owner, *_, mips = showers.deposits(np.full(999, 0.5), np.ones(999, bool), np.zeros(999, bool), rng)
    assert 0.8 < np.median(np.bincount(owner, mips)) < 1.2  # most are tracks


def test_modules_have_what_was_put_in_and_are_the_same_again() -> None:
    library = sample.Library(
        particles(3000, 2.0, False), particles(200, 100.0, True), particles(200, 40.0, False)
    )
    first, again = (sample.modules(library, 300, np.random.default_rng(4)) for _ in range(2))
    for name, column in first.items():
        assert np.array_equal(column, again[name])
    codes = np.stack([first[f"tc_{n:02d}"] for n in range(geometry.CELLS)], axis=1)
    total = sample.mips_of(codes).sum(axis=1)
    electron = (first["kind"] == sample.ELECTRON) & (first["energy"] > 100)
    assert electron.sum() > 40
    assert np.median(total[electron] / (first["energy"] + first["pile_up"])[electron]) == pytest.approx(
        1, abs=0.15
    )
    nothing = first["kind"] == sample.NONE
    assert not first["energy"][nothing].any()
    centre = physics.clusters(sample.mips_of(codes))[1][electron]
    off = np.hypot(centre[:, 0] - first["x"][electron], centre[:, 1] - first["y"][electron])
    assert np.median(off) < 1.5


def test_rivals_use_no_more_than_their_bits() -> None:
    codes = np.random.default_rng(0).integers(0, 100, (500, 48))
    best = rivals.best_choice(codes, 96)
    assert (best > 0).sum(axis=1).max() == 96 // 13
    assert np.array_equal(best.max(axis=1), sample.mips_of(codes).max(axis=1))
    assert len(np.unique(rivals.truncated(codes, 96))) <= 4
    assert np.allclose(rivals.truncated(codes, 7 * 48), sample.mips_of(codes))
    total = rivals.sums(codes)
    assert np.all(np.abs(total / sample.mips_of(codes).sum(axis=1) - 1) < 1 / 8)
    assert np.allclose(rivals.scaled(best, total).sum(axis=1), total)


def test_all_bits_measure_best() -> None:
    library = sample.Library(
        particles(3000, 2.0, False), particles(200, 100.0, True), particles(200, 40.0, False)
    )
    columns = sample.modules(library, 1500, np.random.default_rng(4))
    codes = np.stack([columns[f"tc_{n:02d}"] for n in range(geometry.CELLS)], axis=1)
    exact = sample.mips_of(codes)
    coarse = rivals.truncated(codes, 48)
    methods = {"exact": (exact, exact.sum(axis=1)), "coarse": (coarse, coarse.sum(axis=1))}
    result = physics.measure(methods, columns)["methods"]
    good = [
        (a, b) for a, b in zip(*(result[n]["electron_position"] for n in methods), strict=True) if a and b
    ]
    assert good
    assert all(a < b for a, b in good)
    assert result["exact"]["pile_up_sum"] > result["coarse"]["pile_up_sum"]
