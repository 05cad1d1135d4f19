"""Histograms: any of them codes any place; what is found by counting is close to the information content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import CorruptFileError
from baler_root.format.codecs.axis import QuantileAxis
from baler_root.format.codecs.conditional.histograms import Histograms
from baler_root.format.entropy import rans_histogram
from baler_root.format.entropy.histogram_table import HistogramTable
from baler_root.training.axis_fit import fit_axis
from baler_root.training.histograms import BinnedColumn, FittedHistograms, fit_histograms
from baler_root.training.mutual_information import Ancestors, information_estimate, rank
from baler_root.training.quantile_bins import quantile_cuts
from tests.helpers.models import random_histograms, uniform_axis


def any_shares(rng: np.random.Generator, places: int, knots: int) -> tuple[HistogramTable, Histograms]:
    """Histograms on any axis, given two parents."""
    p = np.unique(np.concatenate([[0, places], rng.integers(0, places + 1, knots)]))
    s = np.sort(rng.integers(0, (1 << 24) + 1, len(p)))
    s[0], s[-1] = 0, 1 << 24
    axis = QuantileAxis(0, p, s)
    found = random_histograms(rng, (0, 1), axis)
    return HistogramTable(axis.cumulative, found.cells, found.roots), found


@st.composite
def cases(draw: st.DrawFn) -> tuple[HistogramTable, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    histogram_table, found = any_shares(
        rng, draw(st.sampled_from([1, 2, 3, 17, 1000, 1 << 20])), draw(st.integers(0, 9))
    )
    rows = draw(st.integers(0, 300))
    contexts = rng.integers(0, len(found.roots), rows).astype(np.int32)
    return histogram_table, rng.integers(0, len(histogram_table.below) - 1, rows), contexts


@given(cases())
def test_every_place_comes_back(case: tuple[HistogramTable, np.ndarray, np.ndarray]) -> None:
    histogram_table, places, contexts = case
    assert np.array_equal(
        rans_histogram.decode(
            rans_histogram.encode(places, contexts, histogram_table), contexts, histogram_table
        ),
        places,
    )


@given(st.integers(0, 1 << 32), st.sampled_from([2, 3, 60, 3000]))
def test_shares_add_up_and_none_is_empty(seed: int, places: int) -> None:
    """C as in the text of the format: strictly increasing from 0 to 2**30, in every context."""
    histogram_table, _ = any_shares(np.random.default_rng(seed), places, 5)
    assert histogram_table.edges[:, 0].tolist() == [0] * len(histogram_table.roots)
    assert histogram_table.edges[:, -1].tolist() == [1 << 30] * len(histogram_table.roots)
    cell = np.searchsorted(histogram_table.cells, np.arange(places), side="right") - 1
    inside = histogram_table.below[:-1] - histogram_table.below[histogram_table.cells[cell]]
    for starts, slopes in zip(histogram_table.starts, histogram_table.slopes, strict=True):
        c = (
            np.arange(places) + ((starts[cell] + (inside * slopes[cell] >> 28)) * ((1 << 30) - places) >> 28)
        ).tolist()
        assert np.all(np.diff([*c, 1 << 30]) > 0)


@given(st.binary(min_size=16, max_size=64).filter(lambda data: len(data) % 4 == 0), st.integers(0, 1 << 32))
def test_any_bytes_end_in_places_or_an_error(data: bytes, seed: int) -> None:
    histogram_table, found = any_shares(np.random.default_rng(seed), 1 << 20, 3)
    contexts = (np.arange(20) % len(found.roots)).astype(np.int32)
    try:
        places = rans_histogram.decode(data, contexts, histogram_table)
    except CorruptFileError:
        return
    assert rans_histogram.encode(places, contexts, histogram_table) == data


@pytest.mark.parametrize(("cut", "more"), [(-4, b""), (None, bytes(4)), (-1, b""), (8, b""), (0, b"")])
def test_wrong_length_is_found(cut: int | None, more: bytes) -> None:
    histogram_table = HistogramTable(
        uniform_axis(100).cumulative, np.array([0, 100]), np.ones((1, 1), np.uint8)
    )
    contexts = np.zeros(100, np.int32)
    data = rans_histogram.encode(np.arange(100), contexts, histogram_table)
    with pytest.raises(CorruptFileError, match="stream of"):
        rans_histogram.decode(data[:cut] + more, contexts, histogram_table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cuts": ((3,),)}, "not those that are cut"),
        ({"cuts": ((3, 3), (0,))}, "do not increase"),
        ({"cuts": ((-2048,), (0,))}, "do not increase"),
        ({"cuts": ((2048,), (0,))}, "do not increase"),
        ({"cells": np.array([0, 5, 5])}, "do not increase"),
        ({"cells": np.array([1, 5])}, "do not increase"),
        ({"cells": np.arange(300)}, "too many"),
        ({"roots": np.zeros((4, 3), np.uint8)}, "not as large"),
    ],
)
def test_histograms_that_contradict_themselves(change: dict[str, object], message: str) -> None:
    right = {
        "parents": (0, 1),
        "cuts": ((3,), (0,)),
        "cells": np.array([0, 2, 5]),
        "roots": np.zeros((4, 2), np.uint8),
    }
    Histograms(**right)  # type: ignore[arg-type]
    with pytest.raises(CorruptFileError, match=message):
        Histograms(**{**right, **change})  # type: ignore[arg-type]


def test_contexts_are_counted_as_the_text_says() -> None:
    found = Histograms((4, 2), ((-3, 7), (0,)), np.array([0, 1]), np.zeros((6, 1), np.uint8))
    codes = {
        4: np.array([-2048, -4, -3, 6, 7, 2047], np.int16),
        2: np.array([-1, 0, -2048, 2047, -1, 0], np.int16),
    }
    assert found.contexts(codes, slice(0, 6)).tolist() == [0, 1, 2, 3, 4, 5]
    assert found.contexts(codes, slice(2, 4)).tolist() == [2, 3]


def test_buckets_have_about_equal_content() -> None:
    assert np.diff([0, *quantile_cuts(np.ones(100), 4), 100]).tolist() == [25] * 4
    assert quantile_cuts(np.array([0, 1, 5, 0, 2]), 8).tolist() == [
        2,
        4,
    ]  # each value one, empty ones with the last
    spike = np.ones(100)
    spike[30] = 1000
    assert {30, 31} <= set(quantile_cuts(spike, 8).tolist())
    assert quantile_cuts(np.array([7]), 8).tolist() == []
    rng = np.random.default_rng(0)
    for _ in range(50):
        counts = rng.poisson(0.7, 60) ** 3
        counts[5] += 1
        cuts = quantile_cuts(counts, 10)
        assert len(cuts) < 10
        assert np.all(np.diff([0, *cuts, 60]) > 0)
        assert all(part.sum() > 0 for part in np.split(counts, cuts))


def found_for(columns: list[np.ndarray], number: int, weight: float = 1.0) -> FittedHistograms | None:
    bucketed = []
    for column in columns:
        axis = fit_axis(column)
        bucketed.append(BinnedColumn.of(axis, axis.places(column)))
    held = np.arange(len(columns[0])) % 4 == 0
    ranked = rank([column.bins for column in bucketed])
    return fit_histograms(bucketed, number, ranked[number], Ancestors(), held, weight)


def test_what_is_saved_is_the_mutual_information() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 8, (2, 40_000))
    noise = rng.integers(0, 1000, 40_000)
    c = (a + b) % 8
    found = found_for([noise, a, b, c], 3)
    assert found is None or found.histograms.parents != (1, 2)  # neither alone predicts anything
    c = np.where(rng.random(40_000) < 0.8, a, b)
    joint = np.zeros((64, 8))
    np.add.at(joint, (8 * a + b, c), 1 / 40_000)
    told = (joint * np.log2(np.maximum(joint, 1e-12) / joint.sum(1, keepdims=True) / joint.sum(0))).sum()
    found = found_for([noise, a, b, c], 3)
    assert found is not None
    assert found.histograms.parents == (1, 2)
    assert found.saved == pytest.approx(told, abs=0.05)
    assert found_for([noise, a, b, c], 1) is None


def test_few_rows_get_small_histograms() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=200_000)
    y = (x + 0.3 * rng.normal(size=200_000)) * 100
    sizes = []
    for rows in (2000, 20_000, 200_000):
        found = found_for([np.round(x[:rows] * 100).astype(int), np.round(y[:rows]).astype(int)], 1)
        assert found is not None
        sizes.append(found.size)
    assert sizes[0] < sizes[1] < sizes[2] < 6000


def test_parents_are_those_that_tell() -> None:
    rng = np.random.default_rng(2)
    a, b, c, d = rng.integers(0, 16, (4, 20_000))
    mixed = np.where(rng.random(20_000) < 0.8, a, b)
    assert rank([a, b, mixed, c, d]) == [[], [], [0, 1], [], []]
    assert information_estimate(a, a)[0] == pytest.approx(4, abs=0.02)
    few = [rng.integers(0, 32, 2000) for _ in range(60)]
    assert sum(map(len, rank(few))) < 20  # of 1770 pairs


def test_ancestors_are_bounded() -> None:
    ancestors = Ancestors(limit=3)
    assert ancestors.choose(1, [0], 5) == [0]
    assert ancestors.choose(2, [1, 0], 5) == [0, 1]
    assert ancestors.choose(3, [2, 1], 5) == [1, 2]
    assert ancestors.choose(4, [3, 2, 1], 1) == [2]
    assert ancestors.choose(5, [3, 4, 1], 5) == [1]
    assert ancestors.of([3]) == {0, 1, 2, 3}
