"""Golden files of the codec `classic`: transforms, codings, interpolated arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.vectors.source import Made, Source, flat, write_trees


def frames(target: Path) -> Made:
    """Arrays that change little from entry to entry: differences along entries, alone and with those along
    axes.
    """
    rng = np.random.default_rng(10)
    still = rng.integers(0, 999, (6, 7)) + rng.integers(0, 3, (30, 6, 7)).cumsum(0)
    moving = rng.integers(0, 3, (30, 6, 7)).cumsum(0).cumsum(1).cumsum(2)
    arrays = {"rows": flat(still, "i4"), "grid": flat(moving, "u2")}
    return write_trees(target, Source("Events", arrays))


def grids(target: Path) -> Made:
    """Arrays predicted from coarse to fine: along rows and without, of one to three axes, of two types, with
    outliers.
    """
    rng = np.random.default_rng(28)
    t, y, x = np.arange(26.0)[:, None, None], np.arange(9.0)[:, None], np.arange(7.0)
    drifting = np.round(np.sin(t / 9 + y / 4) * np.cos(x / 3 - t / 12), 4)
    holes = np.round(drifting * 512) / 512
    holes[:, 3:5, 2:4] = 0.0
    holes[5, 0, :3], holes[9, 8, 6] = (np.nan, -np.inf, -999.0), -0.0
    waves = np.cos(np.arange(33) / rng.uniform(9, 25, (26, 1)) + rng.uniform(0, 6, (26, 1)))
    volume = np.sin(t[..., None] / 9 + x[:3, None, None] / 3) * np.cos(y[:6] / 4 + x[:5] / 5)
    arrays = {"drifting": flat(drifting, "f8"), "holes": flat(holes, "f4")}
    arrays |= {"waves": flat(np.round(waves, 4), "f8"), "volume": flat(np.round(volume * 512) / 512, "f4")}
    bounds = {"drifting": "abs=0.0005", "holes": "abs=0.01", "waves": "abs=0.004", "volume": "abs=0.1"}
    return write_trees(target, Source("Events", arrays, bounds, cuts=(25, 1), groups=(1, 2, 1)))


def transforms(target: Path) -> Made:
    """Columns with each transform and coding as the smallest: dictionary, delta, bits, planes, constant."""
    rng = np.random.default_rng(8)
    arrays = {"dictionary": flat(rng.choice([1.5, -2.25e-3, 7e20, np.pi], 400), "f8")}
    arrays["delta"] = flat(np.cumsum(rng.choice([1, 1, 1, 1, 2], 400)) * 3 + 70000, "u4")
    arrays |= {f"trigger{i}": flat(rng.random(400) < 0.02 * i, "bool") for i in range(12)}
    arrays["constant"] = flat(np.full(400, -7), "i2")
    arrays["planes"] = flat(np.tile(rng.integers(0, 2**31, 20), 20), "i4")
    arrays["noise"] = flat(rng.normal(0, 300, 400), "i2")
    return write_trees(target, Source("Events", arrays))


def pco(target: Path) -> Made:
    """A pco stream of two chunks, the first of many pages."""
    return write_trees(target, Source("Events", {"event": flat(np.arange((1 << 22) + (1 << 18) + 5), "u4")}))
