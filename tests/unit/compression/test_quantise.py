"""Quantising: every value obeys its bound, special values survive, and symbols stay small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.format.bounds import LOSSLESS, ErrorBound, measure
from baler_root.format.encodings.quantised import dequantise
from baler_root.format.encodings.quantiser import Quantiser
from tests.helpers.numbers import BOUNDS, FLOATS, INTEGERS, back, numbers


def entropy(values: NDArray[Any]) -> float:
    """Order-0 entropy [bits per value] of the bit patterns."""
    counts = np.unique(values.view(f"u{values.dtype.itemsize}"), return_counts=True)[1] / values.size
    return float(-np.sum(counts * np.log2(counts)))


@pytest.mark.parametrize("text", BOUNDS)
@pytest.mark.parametrize("code", FLOATS + INTEGERS + ["?"])
def test_every_value_obeys_its_bound(code: str, text: str) -> None:
    bound = ErrorBound.parse(text)

    @settings(max_examples=25)
    @given(numbers(np.dtype(code)))
    def check(values: NDArray[Any]) -> None:
        quantised = quantise(values, bound)
        quantiser = quantised.quantiser
        decoded = back(quantised)
        assert decoded.dtype == values.dtype
        assert measure(values, decoded, bound).violations == 0
        if bound == LOSSLESS or code == "?":
            assert decoded.tobytes() == values.tobytes()
        if quantiser.kind == "exact":
            assert quantised.symbols.dtype == values.dtype
        elif values.size:
            assert quantised.symbols.dtype == np.min_scalar_type(quantiser.span - 1)
        again, end = Quantiser.from_bytes(b"xyz" + quantiser.to_bytes() + b"abc", 3)
        assert end == 3 + len(quantiser.to_bytes())
        assert again.to_bytes() == quantiser.to_bytes()
        fresh = dequantise(quantised.symbols, again, quantised.positions, quantised.outliers)
        assert fresh.tobytes() == decoded.tobytes()

    check()


@pytest.mark.parametrize("bound", ["rel=1e-3", "rel=1e-5", "abs=1e-3", "abs=1", "bits=6", "lossless"])
@pytest.mark.parametrize("code", FLOATS)
def test_rare_sentinels_survive_exactly(code: str, bound: str) -> None:
    """-999 once in 100 000 values is as exact as if it were frequent."""
    values = np.random.default_rng(3).normal(40, 9, 100_000).astype(code)
    with np.errstate(over="ignore"):
        sentinels = np.array(SENTINELS).astype(code)
    values[1000 * np.arange(len(SENTINELS)) + 17] = sentinels
    decoded = back(quantise(values, ErrorBound.parse(bound)))
    assert decoded[1000 * np.arange(len(SENTINELS)) + 17].tobytes() == sentinels.tobytes()
    assert not np.isin(decoded[np.isfinite(values) & (values != -999)], [-999.0]).any()


def test_integer_sentinels_survive_exactly() -> None:
    values = np.random.default_rng(3).integers(0, 100_000, 100_000).astype(np.int32)
    values[[5, 77_777]] = [-999, -2147483648]
    for text in ("abs=40", "rel=0.01", "bits=3"):
        decoded = back(quantise(values, ErrorBound.parse(text)))
        assert decoded[[5, 77_777]].tolist() == [-999, -2147483648]


def test_a_frequent_value_survives_exactly() -> None:
    rng = np.random.default_rng(5)
    values = np.where(rng.random(50_000) < 0.03, 0.1234567, rng.exponential(1, 50_000)).astype(np.float32)
    decoded = back(quantise(values, ErrorBound.parse("rel=0.01")))
    assert np.array_equal(decoded == np.float32(0.1234567), values == np.float32(0.1234567))


def test_own_sentinels_may_be_named() -> None:
    values = np.random.default_rng(5).normal(0, 1, 10_000)
    values[123] = -123.456
    assert back(quantise(values, ErrorBound.parse("rel=0.1"), (-123.456,)))[123] == -123.456


@pytest.mark.parametrize("text", ["rel=1e-1", "rel=1e-2", "rel=1e-3", "abs=0.01", "bits=5", "bits=9"])
@pytest.mark.parametrize("shape", ["uniform", "exponential", "normal"])
def test_errors_are_unbiased(shape: str, text: str) -> None:
    """The signed mean is noise, up to the curvature of a log cell (eps**2 / 6)."""
    bound = ErrorBound.parse(text)
    values = getattr(np.random.default_rng(7), shape)(size=200_000).astype(np.float32)
    stats = measure(values, back(quantise(values, bound)), bound)
    curvature = bound.value**2 / 2 if bound.kind == "rel" else 0.0
    assert abs(stats.mean) < 4 * stats.rms / values.size**0.5 + curvature
    assert stats.rms > 0


@pytest.mark.parametrize(
    ("code", "text"), [("f4", "rel=1e-4"), ("f4", "rel=1e-6"), ("f8", "rel=1e-7"), ("f8", "rel=1e-12")]
)
def test_rounding_to_the_dtype_costs_no_flood_of_outliers(code: str, text: str) -> None:
    values = np.random.default_rng(2).exponential(50, 100_000).astype(code)
    quantised = quantise(values, ErrorBound.parse(text))
    assert quantised.quantiser.kind != "exact"
    assert quantised.positions.size < 1e-3 * values.size


@pytest.mark.parametrize(
    ("code", "text"), [("f4", "abs=1e-4"), ("f4", "abs=1e-5"), ("f8", "abs=1e-13"), ("f4", "rel=5e-8")]
)
def test_a_bound_below_the_spacing_of_the_floats_is_met_losslessly(code: str, text: str) -> None:
    """The mass of a D0, 1864 MeV within 0.1: float32 leaves no room for 1e-4."""
    values = np.random.default_rng(2).uniform(1864.8, 1864.9, 20_000).astype(code)
    quantised = quantise(values, ErrorBound.parse(text))
    assert back(quantised).tobytes() == values.tobytes()
    assert not quantised.positions.size


@pytest.mark.parametrize(
    "text", ["lossless", "rel=1e-2", "rel=1e-3", "rel=1e-5", "abs=1e-6", "bits=10", "bits=20"]
)
@pytest.mark.parametrize("mantissa", [6, 10])
def test_a_truncated_column_costs_no_more_than_it_holds(mantissa: int, text: str) -> None:
    values = np.random.default_rng(4).normal(0, 30, 50_000).astype(np.float32)
    values = (values.view(np.uint32) & np.uint32(0xFFFFFFFF << (23 - mantissa) & 0xFFFFFFFF)).view(np.float32)
    quantised = quantise(values, ErrorBound.parse(text))
    assert quantised.symbols.dtype == np.uint16
    assert not quantised.positions.size
    assert entropy(quantised.symbols) <= entropy(values) + 1e-9
    if mantissa == 6 and text != "rel=1e-2":  # where 35 steps per octave undercut 64
        assert back(quantised).tobytes() == values.tobytes()


@pytest.mark.parametrize("text", ["lossless", "abs=0.01", "rel=1e-6", "bits=18"])
def test_counts_stored_as_floats_become_small_integers(text: str) -> None:
    values = np.random.default_rng(4).integers(0, 60_000, 50_000).astype(np.float32)
    quantised = quantise(values, ErrorBound.parse(text))
    assert (quantised.quantiser.kind, quantised.quantiser.size) == ("linear", 1.0)
    assert back(quantised).tobytes() == values.tobytes()


def test_symbols_grow_with_the_values() -> None:
    rng = np.random.default_rng(6)
    values = np.concatenate(
        [rng.normal(0, 10, 5000), [-999.0, 99.0, np.inf, -np.inf, 0.0, -0.0, np.nan] * 50]
    )
    for text in ("rel=0.01", "abs=0.05", "bits=4"):
        quantised = quantise(values, ErrorBound.parse(text))
        decoded = back(quantised)[np.argsort(quantised.symbols, kind="stable")]
        number = ~np.isnan(decoded)
        assert np.all(np.diff(np.flatnonzero(number)) == 1)  # NaNs last
        assert np.all(decoded[number][:-1] <= decoded[number][1:])


def test_integer_grids_are_exact_beyond_float64() -> None:
    values = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 5000, endpoint=True)
    for text in ("abs=1000", "abs=1e15", "rel=1e-12", "bits=30"):
        for column in (values, values.view(np.uint64)):
            quantised = quantise(column, ErrorBound.parse(text))
            assert quantised.quantiser.kind != "exact"
            assert quantised.positions.size <= 2
            assert measure(column, back(quantised), ErrorBound.parse(text)).violations == 0


def test_many_nan_payloads_fall_back_to_outliers_or_exact() -> None:
    values = np.random.default_rng(1).normal(5, 1, 20_000).astype(np.float32)
    values.view(np.uint32)[:900] = 0x7FC00000 + np.arange(900)
    for text in ("rel=1e-2", "abs=1e-2", "bits=4"):
        quantised = quantise(values, ErrorBound.parse(text))
        assert back(quantised)[:900].tobytes() == values[:900].tobytes()
        assert quantised.quantiser.kind != "exact"


@pytest.mark.parametrize("code", FLOATS + INTEGERS + ["?"])
def test_empty_columns(code: str) -> None:
    for text in BOUNDS:
        quantised = quantise(np.zeros(0, code), ErrorBound.parse(text))
        assert back(quantised).dtype == np.dtype(code)
        assert back(quantised).size == 0


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2)), np.zeros(3, ">f8"), np.zeros(3, "c16"), np.zeros(3, "M8[s]")]
)
def test_other_arrays_are_a_mistake(values: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="cannot quantise"):
        quantise(values, LOSSLESS)
