"""Residuals of formulas: any formula of any columns comes back within its bound."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.relations.fit import PlannedRelation, droppable_bits
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.formula import Formula
from baler_root.format.encodings.residual import apply_residual, residual
from tests.helpers.momenta import FORMULAS
from tests.vectors.source import Source

FLOATS = st.one_of(st.floats(-1e3, 1e3, width=32), st.floats(width=32))


@given(
    st.lists(st.tuples(FLOATS, FLOATS, FLOATS, FLOATS), min_size=1, max_size=30),
    st.sampled_from(["rel=1e-3", "rel=0.1", "abs=0.01", "bits=5", "lossless"]),
    st.sampled_from(["f4", "f8"]),
    st.sampled_from([None, 0, 9]),
    st.sampled_from(FORMULAS),
)
def test_any_formula_of_anything_keeps_its_bound(
    rows: list[tuple[float, ...]], bound: str, dtype: str, dropped_bits: int | None, formula: Formula
) -> None:
    """The formula gives all values but some; `encode_cluster` raises where one misses its bound."""
    *sources, other = (np.array(column, dtype) for column in zip(*rows, strict=True))
    values = formula.values([sources[source] for source in formula.sources], np.dtype(dtype))
    values[::3] = other[::3]
    arrays = {f"c{n}": ak.Array(column) for n, column in enumerate([*sources, values])}
    bounds = dict.fromkeys(arrays, bound)
    plan = Source("Events", arrays, bounds, relations={3: PlannedRelation(formula, dropped_bits)}).plan()
    assert encode_cluster(plan, dict(enumerate(arrays.values())), len(rows)).entries == len(rows)


@given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20),
    st.sampled_from([("f4", 0), ("f4", 14), ("f4", 23), ("f8", 0), ("f8", 43)]),
)
def test_residuals_come_back(pairs: list[tuple[float, float]], kind: tuple[str, int]) -> None:
    dtype, dropped_bits = kind
    values, predicted = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    back = apply_residual(predicted, residual(values, predicted, dropped_bits), dropped_bits)
    mantissa = 23 if dtype == "f4" else 52
    with np.errstate(all="ignore"):
        near = np.abs(back.astype("f8") - values) <= np.abs(values) * 2.0 ** (dropped_bits - mantissa - 1)
    small = np.abs(values) < np.finfo(dtype).tiny
    assert np.all(near | small | ~np.isfinite(values) | np.isinf(back))
    if dropped_bits == 0:
        whole = np.isfinite(values)
        assert back[whole].tobytes() == values[whole].tobytes()


@pytest.mark.parametrize("value", [1e-3, 1e-2, 1e-6, 0.9])
def test_dropped_bits_meet_the_bound(value: float) -> None:
    for dtype, mantissa in ((np.dtype("f4"), 23), (np.dtype("f8"), 52)):
        dropped_bits = droppable_bits(ErrorBound("rel", value), dtype)
        assert dropped_bits is not None
        assert dropped_bits == 0 or 2.0 ** (dropped_bits - mantissa - 1) <= value
        assert dropped_bits == mantissa or 2.0 ** (dropped_bits - mantissa) > value, (
            "one bit more would not do"
        )


@given(
    st.lists(st.floats(), min_size=1, max_size=8),
    st.sampled_from(["f4", "f8", "i1", "u4", "i8", "u8", "?"]),
    st.sampled_from(FORMULAS),
)
def test_any_source_gives_a_column(values: list[float], dtype: str, formula: Formula) -> None:
    made = formula.values([np.array(values)] * len(formula.sources), np.dtype(dtype))
    assert made.dtype == dtype
    assert len(made) == len(values)
    if made.dtype.kind == "f":
        nan = made[np.isnan(made)]
        assert nan.tobytes() == np.full(len(nan), np.nan, dtype).tobytes(), "one NaN, whatever the processor"
