"""Error bounds: what their text means, and that `measure` finds every value that misses one."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baler_root.errors import ConfigError
from baler_root.format.binary.bit_patterns import round_mantissa
from baler_root.format.bounds import LOSSLESS, ErrorBound, measure, violations

FLOATS = ["f2", "f4", "f8"]
INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
BOUNDS = [
    "lossless",
    "abs=0.3",
    "abs=2.5",
    "abs=1e30",
    "rel=1e-3",
    "rel=0.3",
    "rel=1e-16",
    "bits=3",
    "bits=10",
]
MANTISSA = {2: 10, 4: 23, 8: 52}


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("lossless", "lossless", 0.0),
        ("rel=1e-3", "rel", 1e-3),
        (" abs = 0.25 ", "abs", 0.25),
        ("abs=1e300", "abs", 1e300),
        ("bits=0", "bits", 0.0),
        ("bits=52", "bits", 52.0),
    ],
)
def test_parse(text: str, kind: str, value: float) -> None:
    bound = ErrorBound.parse(text)
    assert (bound.kind, bound.value) == (kind, value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rel=-1e-3", "negative"),
        ("abs=0", "lossless"),
        ("abs=1e-400", "lossless"),
        ("rel=nan", "finite"),
        ("abs=inf", "finite"),
        ("abs=1e400", "finite"),
        ("rel=1", "below 1"),
        ("bits=3.5", "integer from 0 to 52"),
        ("bits=-1", "integer from 0 to 52"),
        ("bits=53", "integer from 0 to 52"),
        ("bits=inf", "finite"),
        ("lossles", "did you mean 'lossless'"),
        ("ab=3", "did you mean 'abs'"),
        ("lossless=3", "takes no value"),
        ("rel", "is not a number"),
        ("rel=small", "is not a number"),
        ("", "unknown kind"),
        ("1e-3", "the kind of error is missing"),
    ],
)
def test_parse_teaches(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        ErrorBound.parse(text)
    assert repr(text) in str(caught.value)


def test_built_directly_it_is_checked_too() -> None:
    with pytest.raises(ConfigError, match="negative"):
        ErrorBound("abs", -1.0)


@given(st.floats(min_value=5e-324, max_value=1, exclude_max=True))
def test_text_comes_back(value: float) -> None:
    for bound in (LOSSLESS, ErrorBound("rel", value), ErrorBound("abs", value), ErrorBound("bits", 7)):
        assert ErrorBound.parse(str(bound)) == bound
    assert str(ErrorBound.parse("rel=1e-3")) == "rel=0.001"
    assert str(ErrorBound.parse("bits=10.0")) == "bits=10"


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("code", FLOATS + INTEGERS + ["?"])
def test_measure_agrees_with_exact_arithmetic(code: str, bound: str) -> None:
    @settings(max_examples=40)
    @given(pairs(np.dtype(code)))
    def check(pair: tuple[NDArray[Any], NDArray[Any]]) -> None:
        x, y = pair
        parsed = ErrorBound.parse(bound)
        expected = [not holds(a, b, parsed) for a, b in zip(x, y, strict=True)]
        stats = measure(x, y, parsed)
        assert stats.violations == sum(expected)
        assert stats.first_violation == (expected.index(True) if any(expected) else None)
        assert violations(x, y, parsed).tolist() == np.flatnonzero(expected).tolist()

    check()


def pairs(dtype: np.dtype[Any]) -> st.SearchStrategy[tuple[NDArray[Any], NDArray[Any]]]:
    """Two arrays of one length: equal, near, just within or beyond one of `BOUNDS`, or unrelated."""
    arrays = hnp.arrays(dtype, st.shared(st.integers(0, 8), key="length"))

    def near(x: NDArray[Any], steps: NDArray[np.int8]) -> tuple[NDArray[Any], NDArray[Any]]:
        if dtype.kind == "b":
            return x, x ^ (steps > 0)
        return x, (x.view(f"u{dtype.itemsize}") + steps.astype(f"u{dtype.itemsize}")).view(dtype)

    def beside(x: NDArray[Any], factor: float, offset: float) -> tuple[NDArray[Any], NDArray[Any]]:
        low = 0 if dtype.kind == "u" else -90
        x = np.nan_to_num(x.astype(np.float64)).clip(low, 90).astype(dtype)
        y = x.astype(np.float64) * (1 + factor) + offset
        return x, (y if dtype.kind == "f" else np.rint(y).clip(low, 127)).astype(dtype)

    def edge(x: NDArray[Any], bound: str, up: bool, steps: NDArray[np.int8]) -> tuple[Any, Any]:
        parsed = ErrorBound.parse(bound)
        with np.errstate(all="ignore"):
            wide = x.astype(np.float64)
            reach = parsed.value if parsed.kind == "abs" else parsed.value * np.abs(wide)
            y = np.nan_to_num(wide + (reach if up else -reach))
            if dtype.kind in "iu":
                y = y.clip(np.iinfo(dtype).min / 2, np.iinfo(dtype).max / 2)
            y = y.astype(dtype)
        return near(x, steps)[0], near(y, steps // 64)[1]

    steps = hnp.arrays(np.int8, st.shared(st.integers(0, 8), key="length"))
    edges = st.sampled_from([text for text in BOUNDS if "=" in text and "bits" not in text])
    factors = st.sampled_from([0.0, 0.00098, -0.00098, 0.00102, -0.00102, 0.29, -0.29, 0.31, -0.31])
    offsets = st.sampled_from([0.0, 0.29, -0.29, 0.31, -0.31, 2.4, -2.4, 2.6, -2.6])
    either = st.tuples(factors, st.just(0.0)) | st.tuples(st.just(0.0), offsets)
    return st.one_of(
        st.tuples(arrays, arrays),
        st.builds(near, arrays, steps),
        st.builds(lambda x, move: beside(x, *move), arrays, either),
        *([] if dtype.kind == "b" else [st.builds(edge, arrays, edges, st.booleans(), steps)]),
    )


def holds(x: Any, y: Any, bound: ErrorBound) -> bool:
    """The promise, value by value, in exact arithmetic."""
    if x.tobytes() == y.tobytes():
        return True
    if bound.kind == "lossless" or x.dtype.kind == "b" or x == 0:
        return False
    if x.dtype.kind == "f" and not (math.isfinite(x) and math.isfinite(y)):
        return False
    if bound.kind == "bits":
        return bool(
            rounded(x, int(bound.value)) == Fraction(y.item()) and (x < 0) == (np.signbit(y) or y < 0)
        )
    error = abs(Fraction(x.item()) - Fraction(y.item()))
    limit = Fraction(bound.value)
    return error <= (limit if bound.kind == "abs" else limit * abs(Fraction(x.item())))


def rounded(x: Any, bits: int) -> Fraction:
    """x rounded to `bits` mantissa bits, ties to even; subnormals on the grid of the smallest normals."""
    exact = abs(Fraction(x.item()))
    exponent = math.floor(math.log2(exact.numerator) - math.log2(exact.denominator))
    exponent += (Fraction(2) ** (exponent + 1) <= exact) - (Fraction(2) ** exponent > exact)
    if x.dtype.kind == "f":
        bits = min(bits, MANTISSA[x.dtype.itemsize])
        exponent = max(exponent, {2: -14, 4: -126, 8: -1022}[x.dtype.itemsize])
    else:
        bits = min(bits, exponent)
    unit = Fraction(2) ** (exponent - bits)
    return round(exact / unit) * unit * (1 if x > 0 else -1)


@pytest.mark.parametrize("bound", ["abs=1e9", "rel=0.99", "bits=0"])
@pytest.mark.parametrize("code", FLOATS)
def test_special_values_must_survive(code: str, bound: str) -> None:
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], code)
    assert measure(special, special.copy(), ErrorBound.parse(bound)).violations == 0
    for wrong in (np.roll(special, 1), np.full(5, 3.0, code), -special):
        assert measure(special, wrong, ErrorBound.parse(bound)).violations == 5
    finite = np.full(5, np.finfo(code).max)
    assert (
        measure(
            finite, np.array([np.inf, np.nan, -np.inf, np.inf, np.nan], code), ErrorBound.parse(bound)
        ).violations
        == 5
    )


def test_nan_payloads_are_told_apart() -> None:
    x = np.array([0x7FC00000, 0x7FC00000], np.uint32).view(np.float32)
    y = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)
    assert measure(x, y, LOSSLESS).first_violation == 1
    assert measure(x, y, ErrorBound.parse("rel=0.5")).first_violation == 1


def test_large_integers_are_not_rounded_into_agreement() -> None:
    x = np.array([2**63, 2**64 - 1, 2**53 + 1], np.uint64)
    y = x - np.array([3, 3, 3], np.uint64)
    assert measure(x, y, ErrorBound.parse("abs=2.9")).violations == 3
    assert measure(x, y, ErrorBound.parse("abs=3")).violations == 0
    low = np.array([-(2**63)], np.int64)
    assert measure(low, np.array([2**63 - 1], np.int64), ErrorBound.parse("abs=1e19")).violations == 1
    assert measure(low, np.array([2**63 - 1], np.int64), ErrorBound.parse("abs=1.9e19")).violations == 0


def test_statistics() -> None:
    x = np.array([1.0, 2.0, -4.0, 0.0, np.nan, np.inf])
    y = np.array([1.5, 2.0, -5.0, 0.0, np.nan, np.inf])
    absolute = measure(x, y, ErrorBound.parse("abs=1"))
    assert absolute.violations == 0
    assert absolute.max == 1.0
    assert absolute.rms == pytest.approx(math.sqrt(1.25 / 4))
    assert absolute.mean == pytest.approx(-0.5 / 4)
    relative = measure(x, y, ErrorBound.parse("rel=0.5"))
    assert relative.max == 0.5
    assert relative.rms == pytest.approx(math.sqrt((0.25 + 0.0625) / 3))
    assert relative.mean == pytest.approx((0.5 - 0.25) / 3)
    assert measure(x, x, LOSSLESS).rms == 0.0


def test_statistics_of_extreme_errors_do_not_overflow() -> None:
    x = np.array([1e300, -1e300])
    assert measure(x, np.array([0.0, 0.0]), ErrorBound.parse("abs=1e301")).rms == pytest.approx(1e300)
    tiny = np.array([3e-300, 4e-300])
    assert measure(tiny, np.array([0.0, 0.0]), ErrorBound.parse("abs=1")).rms == pytest.approx(
        5e-300 / 2**0.5
    )


def test_positions_are_right_in_long_arrays() -> None:
    x = np.ones(100_000, np.float32)
    y = x.copy()
    y[[40_000, 99_999]] = 2.0
    assert violations(x, y, ErrorBound.parse("rel=0.5")).tolist() == [40_000, 99_999]
    assert measure(x, y, ErrorBound.parse("rel=0.5")).first_violation == 40_000


def test_arrays_of_different_form_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="differ in form"):
        measure(np.zeros(3), np.zeros(2), LOSSLESS)
    with pytest.raises(ValueError, match="differ in form"):
        measure(np.zeros(3), np.zeros(3, np.float32), LOSSLESS)


def test_a_bound_implies_looser_ones_of_its_kind() -> None:
    cases = {
        ("rel=1e-3", "rel=1e-3"): True,
        ("rel=5e-4", "rel=1e-3"): True,
        ("rel=1e-3", "rel=5e-4"): False,
        ("abs=1e-3", "rel=1e-3"): False,
        ("lossless", "lossless"): True,
        ("bits=10", "bits=9"): False,
    }
    for (tight, loose), implied in cases.items():
        assert ErrorBound.parse(tight).implies(ErrorBound.parse(loose)) == implied


@pytest.mark.parametrize("code", FLOATS)
@pytest.mark.parametrize(
    "text",
    ["rel=0.3", "rel=0.5", "rel=0.25", "rel=1e-2", "rel=1e-3", "bits=0", "bits=7", "bits=30", "lossless"],
)
def test_mantissa_bits_are_the_fewest_that_keep_a_bound(text: str, code: str) -> None:
    bound, dtype = ErrorBound.parse(text), np.dtype(code)
    values = np.linspace(1, 2, 4001).astype(dtype)
    bits = bound.mantissa_bits(dtype)
    assert bits is not None
    assert violations(values, round_mantissa(values, bits), bound).size == 0
    if bits > 0 and values.size > 1 << bits:
        assert violations(values, round_mantissa(values, bits - 1), bound).size > 0


def test_mantissa_bits_of_a_bound_between_powers_of_two() -> None:
    """A bound just below a power of two needs one bit more, however little it is below."""
    double = np.dtype("f8")
    assert ErrorBound("rel", 0.25).mantissa_bits(double) == 1
    assert ErrorBound("rel", math.nextafter(0.25, 0)).mantissa_bits(double) == 2
    assert ErrorBound("abs", 0.25).mantissa_bits(double) is None
    assert ErrorBound("rel", 1e-9).mantissa_bits(np.dtype("f4")) == 23
    assert ErrorBound("rel", 1e-3).mantissa_bits(np.dtype("i4")) == 9


def test_scaled_bounds_and_largest_errors() -> None:
    assert ErrorBound("abs", 0.3).scaled(1 / 3, digits=3) == ErrorBound("abs", 0.1)
    assert ErrorBound("rel", 0.5).scaled(0.5).largest_error == 0.25
    for bound in (LOSSLESS, ErrorBound("bits", 9)):
        assert bound.scaled(0.1) == bound
        assert not bound.is_scalable
    assert ErrorBound("bits", 9).largest_error == 2.0**-10
    assert LOSSLESS.largest_error == 0.0
