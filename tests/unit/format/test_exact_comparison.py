"""Exact limits: no rounding decides whether a value keeps its bound, subnormal numbers included."""

from __future__ import annotations

import os
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baler_root.format.binary.exact_comparison import whole_share, within, within_share
from baler_root.format.bounds import ErrorBound, measure, violations

FLOATS = ["f2", "f4", "f8"]
MANY = int(os.environ.get("BALER_ROOT_MANY_VALUES", "10_000_000"))
"""Values of each kind in the long tests."""


def exactly(x: NDArray[Any], y: NDArray[Any], bound: ErrorBound) -> list[bool]:
    """Whether each value keeps an `abs` or `rel` bound, in rational arithmetic."""
    limit = Fraction(bound.value)
    return [
        abs(Fraction(a) - Fraction(b)) <= (limit if bound.kind == "abs" else limit * abs(Fraction(a)))
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]


def at_the_limit(
    rng: np.random.Generator, code: str, bound: ErrorBound, size: int, subnormal: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Values of every exponent, or subnormal ones, and values a few units in the last place from their
    limits."""
    dtype = np.dtype(code)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    smallest = int(np.asarray(np.finfo(dtype).smallest_normal).view(unsigned))
    largest = smallest if subnormal else int(np.asarray(np.finfo(dtype).max).view(unsigned))
    x = rng.integers(1, largest, size, dtype=unsigned).view(dtype)
    x *= rng.choice(np.array([-1, 1], dtype), size)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        reach = bound.value if bound.kind == "abs" else np.abs(wide) * bound.value
        y = (wide + reach * rng.choice([-1.0, 1.0], size)).astype(dtype)
        y = (y.view(unsigned) + rng.integers(-2, 3, size).astype(unsigned)).view(dtype)
        finite = np.isfinite(y) & (x != y) & (y != 0)
    return x[finite], y[finite]


@pytest.mark.parametrize("subnormal", [False, True])
@pytest.mark.parametrize(
    "text", ["rel=0.001", "rel=0.3", "rel=3e-16", "rel=1.7e-16", "abs=0.1", "abs=1e-320"]
)
@pytest.mark.parametrize("code", FLOATS)
def test_values_at_the_limit(code: str, text: str, subnormal: bool) -> None:
    bound = ErrorBound.parse(text)
    x, y = at_the_limit(np.random.default_rng(1), code, bound, 4000, subnormal)
    missed = np.ones(len(x), np.bool_)
    missed[np.array(exactly(x, y, bound), np.bool_)] = False
    assert violations(x, y, bound).tolist() == np.flatnonzero(missed).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("subnormal", [False, True])
@pytest.mark.parametrize("text", ["rel", "abs"])
@pytest.mark.parametrize("code", FLOATS)
def test_many_values_at_the_limit(code: str, text: str, subnormal: bool) -> None:
    """Long doubles decide where they can; rational numbers decide the rest."""
    rng = np.random.default_rng(2)
    done = 0
    with np.errstate(all="ignore"):
        while done < MANY:
            if text == "rel":
                least = 0.3 * float(np.finfo(code).eps)
                bound = ErrorBound("rel", float(np.exp(rng.uniform(np.log(least), 0.0))) * 0.999)
            else:
                limits = np.array([1.0, float(np.finfo(code).max)])
                if subnormal:
                    limits = np.array(
                        [float(np.finfo(code).smallest_subnormal), float(np.finfo(code).smallest_normal)]
                    )
                bound = ErrorBound("abs", float(np.exp2(rng.uniform(*np.log2(limits)))))
            x, y = at_the_limit(rng, code, bound, 1 << 18, subnormal)
            error = np.abs(x.astype(np.longdouble) - y.astype(np.longdouble))
            limit = np.longdouble(bound.value)
            if text == "rel":
                limit = limit * np.abs(x.astype(np.longdouble))
            margin = limit * np.longdouble(2.0) ** -60 + error * np.longdouble(2.0) ** -60
            keeps = error < limit
            close = np.flatnonzero(np.abs(error - limit) <= margin)
            keeps[close] = exactly(x[close], y[close], bound)
            assert violations(x, y, bound).tolist() == np.flatnonzero(~keeps).tolist()
            done += 1 << 18


@given(
    st.floats(min_value=5e-324, max_value=1.0, exclude_max=True),
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8),
)
def test_whole_share_is_the_floor_of_the_exact_product(share: float, magnitudes: list[int]) -> None:
    expected = [int(Fraction(share) * magnitude) for magnitude in magnitudes]
    assert whole_share(np.array(magnitudes, np.uint64), share).tolist() == expected


def test_rounding_that_would_decide_wrongly() -> None:
    unit = 2.0**-1074
    x, y = np.array([2e15, 3.4e15, 7.0, 3.0]) * unit, np.array([2e15 + 1, 3.4e15 + 1, 8.0, 4.0]) * unit
    assert within_share(x, y, 3e-16).tolist() == [False, True, False, False]
    assert within_share(x, y, 0.3).tolist() == [True, True, True, False]
    # 1 - 2**-60 isn't a float64; the rounded difference is 1, and so is that of 1 + 2**-60
    x, y = np.array([1.0, 1.0, 1.0]), np.array([2.0**-60, -(2.0**-60), -(2.0**-1074)])
    assert within(x, y, 1.0).tolist() == [True, False, False]
    assert within_share(x, y, 1.0 - 2.0**-53).tolist() == [False, False, False]
    special, other = np.array([np.nan, np.inf, np.inf, 1.0]), np.array([1.0, np.inf, 1.0, -np.inf])
    with np.errstate(all="ignore"):
        assert not within(special, other, 1e308).any()
        assert not within_share(special, other, 0.9).any()


@pytest.mark.parametrize("code", FLOATS)
@pytest.mark.parametrize("bits", [0, 3, 8])
def test_errors_of_bits_are_within_what_is_promised(code: str, bits: int) -> None:
    """Relative to the value, or to the smallest normal number of the type: 2**-(bits + 1) at most."""
    dtype = np.dtype(code)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    smallest = np.finfo(dtype).smallest_normal
    largest = int(np.asarray(np.finfo(dtype).max / 4).view(unsigned))
    rng = np.random.default_rng(3)
    x = rng.integers(1, largest, 5000, dtype=unsigned).view(dtype)
    x[::2] = rng.integers(1, int(np.asarray(smallest).view(unsigned)), 2500, dtype=unsigned).view(dtype)
    drop = np.finfo(dtype).nmant - bits
    y = (((x.view(unsigned).astype(object) + (1 << (drop - 1))) >> drop) << drop).astype(unsigned).view(dtype)
    bound = ErrorBound("bits", bits)
    kept = np.setdiff1d(np.arange(x.size), violations(x, y, bound))  # ties are rounded up here
    assert len(kept) > 4000 if drop > 4 else len(kept)
    stats = measure(x[kept], y[kept], bound)
    assert stats.violations == 0
    assert 0 < stats.max <= 2.0 ** -(bits + 1)
    for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True):
        assert abs(Fraction(a) - Fraction(b)) <= Fraction(1, 2 ** (bits + 1)) * max(
            Fraction(a), Fraction(float(smallest))
        )


def test_the_largest_error_is_not_above_the_bound() -> None:
    """The error of a value that keeps its bound may be rounded up, but not beyond the bound."""
    rng = np.random.default_rng(4)
    for text in ("rel=0.001", "abs=0.3", "rel=3e-16"):
        bound = ErrorBound.parse(text)
        x, y = at_the_limit(rng, "f8", bound, 20_000, False)
        missed = violations(x, y, bound)
        stats = measure(np.delete(x, missed), np.delete(y, missed), bound)
        assert stats.violations == 0
        assert stats.max <= bound.value
