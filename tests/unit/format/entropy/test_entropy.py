"""The entropy coder: every symbol comes back, close to its information content, from integers alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.entropy import probability_tables, rans_mixture
from baler_root.training.axis_fit import fit_axis
from tests.helpers.models import uniform_axis


@pytest.mark.parametrize(
    ("table", "length", "digest"),
    [
        (probability_tables.sigma, 5121, "47e7cc0eeb2049cb"),
        (probability_tables.powers, 256, "fddb182592f57f85"),
        (probability_tables.inverse_scales, 241, "8e7827aa7c2a408d"),
    ],
)
def test_tables_are_what_they_always_were(table: object, length: int, digest: str) -> None:
    values = table()  # type: ignore[operator]
    assert len(values) == length
    assert xxhash.xxh3_64_hexdigest(values.astype("<i8").tobytes()) == digest


def test_tables_follow_their_formulas() -> None:
    sigma = probability_tables.sigma()
    assert np.all(np.diff(sigma) >= 0)
    assert all(abs(sigma[j] - 2**28 / (1 + math.exp(20 - j / 128))) < 0.51 for j in range(0, 5121, 10))
    assert np.array_equal(sigma + sigma[::-1], np.full(5121, 1 << 28))
    assert all(abs(v - 2 ** (15 - d / 16)) < 0.51 for d, v in enumerate(probability_tables.powers()))
    assert all(
        abs(v - 2 ** (8 - t / 16)) < 0.51
        for t, v in enumerate(probability_tables.inverse_scales(), start=-192)
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[QuantileAxis, np.ndarray, np.ndarray]:
    """An axis, symbols on it, and whatever a network may say of each."""
    places = draw(st.sampled_from([1, 2, 3, 17, 1000, 1 << 20]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    rows, components = draw(st.integers(0, 300)), draw(st.integers(0, 6))
    knots = np.unique(np.concatenate([[0, places], rng.integers(0, places + 1, draw(st.integers(0, 9)))]))
    shares = np.sort(rng.integers(0, (1 << 24) + 1, len(knots)))
    shares[0], shares[-1] = 0, 1 << 24
    symbols = rng.integers(0, places, rows)
    span = draw(st.sampled_from([1, 1000, 32767]))
    return (
        QuantileAxis(0, knots, shares),
        symbols,
        rng.integers(-span, span + 1, (rows, 3 * components)).astype(np.int32),
    )


@given(cases())
def test_every_symbol_comes_back(case: tuple[QuantileAxis, np.ndarray, np.ndarray]) -> None:
    axis, symbols, outputs = case
    data = rans_mixture.encode(symbols, axis.edges, outputs)
    assert np.array_equal(rans_mixture.decode(data, axis.edges, outputs), symbols)


@given(st.integers(0, 1 << 32), st.sampled_from([3, 50, 5000]))
def test_shares_add_up_and_none_is_empty(seed: int, places: int) -> None:
    """The decoder searches a strictly increasing function from 0 to 2**30."""
    rng = np.random.default_rng(seed)
    axis = fit_axis(np.concatenate([rng.poisson(places / 3, 500) % places, [0, places - 1]]))
    mixture = np.zeros((3, 4), dtype=np.int64)
    outputs = rng.integers(-20000, 20000, 9).astype(np.int32)
    rans_mixture.set_mixture.py_func(outputs, mixture, probability_tables.mixture_tables())
    assert mixture[0].sum() == 1 << probability_tables.WEIGHT_BITS
    assert mixture[0].min() >= 0
    shares = [
        rans_mixture.cumulative.py_func(i, axis.edges, mixture, probability_tables.sigma())
        for i in range(places + 1)
    ]
    assert shares[0] == 0
    assert shares[-1] == 1 << 30
    assert np.all(np.diff(shares) > 0)


def test_size_is_the_information_content() -> None:
    """Without a network a column costs its entropy; with a mixture that is right, the entropy given that."""
    rng = np.random.default_rng(0)
    symbols = rng.binomial(40, 0.4, 100_000)
    axis = fit_axis(symbols)
    _, counts = np.unique(symbols, return_counts=True)
    entropy = -(counts * np.log2(counts / counts.sum())).sum() / 8
    size = len(rans_mixture.encode(axis.places(symbols), axis.edges, np.zeros((len(symbols), 0), np.int32)))
    assert entropy <= size <= 1.001 * entropy + 16

    means = rng.normal(size=100_000)
    values = means + rng.logistic(scale=0.25, size=100_000)
    places = np.clip(np.floor((values + 8) * 64), 0, 1023).astype(np.int64)
    edges = np.round((np.arange(1025) / 64 - 8) * (1 << 20)).astype(np.int64)
    outputs = np.stack([np.zeros_like(means), means * 1024, np.full_like(means, -2048)], 1).astype(np.int32)
    differential = (2 + math.log(0.25)) / math.log(2) + 6  # of a logistic distribution, in steps of 1/64
    size = len(rans_mixture.encode(places, edges, outputs)) * 8 / len(places)
    assert differential - 0.02 <= size <= differential + 0.02


@pytest.mark.parametrize(("cut", "more"), [(-4, b""), (None, bytes(4)), (-1, b""), (0, b"")])
def test_wrong_length_is_found(cut: int | None, more: bytes) -> None:
    axis, symbols = uniform_axis(100), np.arange(100)
    outputs = np.zeros((100, 0), np.int32)
    data = rans_mixture.encode(symbols, axis.edges, outputs)
    with pytest.raises(CorruptFileError, match="stream of"):
        rans_mixture.decode(data[:cut] + more, axis.edges, outputs)


@given(st.binary(min_size=8, max_size=64).filter(lambda data: len(data) % 4 == 0))
def test_any_bytes_end_in_symbols_or_an_error(data: bytes) -> None:
    axis = uniform_axis(1000)
    try:
        found = rans_mixture.decode(data, axis.edges, np.zeros((20, 3), np.int32))
    except CorruptFileError:
        return
    assert rans_mixture.encode(found, axis.edges, np.zeros((20, 3), np.int32)) == data
