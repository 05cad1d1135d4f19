"""Portable functions: right to the last bits that they promise."""

from __future__ import annotations

import numpy as np

from baler_root.format.binary import portable_math


def test_elementary_functions_are_right() -> None:
    x = np.concatenate([np.linspace(-20, 20, 4001), np.random.default_rng(0).normal(size=2000) * 1e-3])
    for name in ("exp", "cosh", "sinh", "cos", "sin"):
        mine, theirs = getattr(portable_math, name)(x), getattr(np, name)(x)
        assert np.all(
            np.abs(mine - theirs)
            <= 4e-16 * np.maximum(np.abs(theirs), 1.0 if name in ("cos", "sin") else 0.0)
        )


def test_inverse_functions_are_right() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [np.sinh(rng.uniform(-20, 20, 4000)), rng.normal(size=2000) * 1e-3, [0.0, -0.0, 1e150]]
    )
    y = np.concatenate([rng.normal(size=6000), [0.0, -0.0, 0.0]])
    for mine, theirs in (
        (portable_math.arcsinh(x), np.arcsinh(x)),
        (portable_math.arctan2(y, x), np.arctan2(y, x)),
        (portable_math.arctan2(x, y), np.arctan2(x, y)),
    ):
        assert np.all(np.abs(mine - theirs) <= 4 * np.spacing(np.abs(theirs)))
        assert np.array_equal(np.signbit(mine), np.signbit(theirs))
    quarters = portable_math.arctan2(
        np.array([0.0, -0.0, 0.0, 1.0, -1.0]), np.array([-1.0, -1.0, 0.0, 0.0, 0.0])
    )
    assert quarters.tolist() == [np.pi, -np.pi, 0.0, np.pi / 2, -np.pi / 2]
