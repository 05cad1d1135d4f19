"""Arrays of numbers for the quantiser."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baler_root.format.encodings.quantised import Quantised, dequantise

FLOATS = ["f2", "f4", "f8"]


INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


BOUNDS = [
    "lossless",
    "abs=0.3",
    "abs=1e-5",
    "abs=40",
    "abs=1e300",
    "rel=1e-3",
    "rel=0.5",
    "rel=1e-9",
    "bits=4",
    "bits=20",
]


FLOAT_EXTREMES = [
    0.0,
    -0.0,
    np.nan,
    np.inf,
    -np.inf,
    -999.0,
    1.0,
    1e-45,
    5e-324,
    3.4028234663852886e38,
    65504.0,
    6e-8,
]


def back(quantised: Quantised) -> NDArray[Any]:
    return dequantise(quantised.symbols, quantised.quantiser, quantised.positions, quantised.outliers)


def numbers(dtype: np.dtype[Any]) -> st.SearchStrategy[NDArray[Any]]:
    """Arrays of any patterns, of numbers of like size, of few distinct ones, and mixtures of these."""
    wild = hnp.arrays(dtype, st.integers(0, 40))
    if dtype.kind == "b":
        return wild
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            special = np.array(FLOAT_EXTREMES).astype(dtype)
    else:
        info = np.iinfo(dtype)
        special = np.array([info.min, info.max, 0, 1, 99, 100, info.max - 1], dtype)

    def bulk(seed: int, size: int, scale: int, mixed: bool, extra: NDArray[Any]) -> NDArray[Any]:
        rng = np.random.default_rng(seed)
        with np.errstate(all="ignore"):
            values = (
                np.rint(rng.normal(0, 100, size)) * 2.0**scale
                if seed % 3
                else rng.normal(0, 2.0**scale, size)
            )
            values = (np.abs(values) if dtype.kind == "u" else values).clip(-1e9, 1e9).astype(dtype)
        if mixed:
            values = np.concatenate([values, special, extra])
        rng.shuffle(values)
        return values

    return wild | st.builds(
        bulk, st.integers(0, 2**32), st.integers(0, 400), st.integers(-20, 20), st.booleans(), wild
    )
