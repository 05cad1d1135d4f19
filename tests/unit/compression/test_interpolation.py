"""Interpolated columns: bounds hold, exact values stay exact, and they are used where they are smaller."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baler_root.compression.cluster_encoder import encode_cluster
from baler_root.compression.interpolation import UNITS, with_interpolation
from baler_root.compression.plan import Plan, plan_columns
from baler_root.compression.quantisation.quantise import quantise
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.errors import CorruptFileError
from baler_root.format.binary.bit_patterns import patterns
from baler_root.format.binary.varint import Cursor
from baler_root.format.bounds import ErrorBound, violations
from baler_root.format.codecs.classic.codec import Classic
from baler_root.format.columns.form_columns import Column
from baler_root.format.columns.to_columns import plain_form
from baler_root.format.encodings.interpolated import InterpolatedEncoding
from baler_root.format.encodings.interpolation import LIMIT, Interpolation, Rows, passes
from baler_root.format.page import EncodedColumn, Page, pack_page
from baler_root.format.schema import Branch, Tree
from tests.independent_reader.interpolation import Interpolation as ByTheText
from tests.independent_reader.reader import Bytes

SHAPES = [(4,), (1, 5), (7, 3), (2, 9, 4), (17,), (1,), (3, 1, 1, 2)]
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, -999.0, -1.0, 1e30, 5e-324]

ways = st.builds(
    Interpolation,
    st.sampled_from([1e-300, 1e-9, 0.01, 1.0, 1e9, 1e300]),
    st.sampled_from(Rows),
    st.sampled_from([*UNITS, (1,), (1 << 20, 1, 3)]),
)


@st.composite
def grids(draw: Callable[[Any], Any]) -> tuple[NDArray[Any], tuple[int, ...]]:
    """Flat values of some rows of a shape: smooth, or noise, or anything."""
    shape, rows = draw(st.sampled_from(SHAPES)), draw(st.sampled_from([0, 1, 2, 3, 8, 21]))
    size, dtype = rows * math.prod(shape), np.dtype(draw(st.sampled_from(["f4", "f8"])))
    if draw(st.booleans()):
        return draw(hnp.arrays(dtype, size)), shape
    places = np.indices((rows, *shape)).reshape(len(shape) + 1, -1)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = np.sin(rng.normal(0, 0.2, len(places)) @ places) * draw(st.sampled_from([1e-30, 1.0, 1e30]))
    values += rng.normal(0, draw(st.sampled_from([0.0, 1e-3, 1.0])), size)
    values[rng.random(size) < draw(st.sampled_from([0.0, 0.1]))] = draw(st.sampled_from(SPECIAL))
    with np.errstate(over="ignore"):
        return values.astype(dtype), shape


def column_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> Column:
    return Column(0, "0-data", "data", dtype, 0, shape)


def decoded(column: EncodedColumn, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The values that a page with this column alone gives."""
    payload, _ = pack_page(Classic(), [column])
    page = Page(memoryview(payload), [column_of(dtype, shape)])
    return page.values(page.symbols(Classic()))[0]


@given(grids(), ways)
def test_symbols_lead_back_to_within_half_a_unit(
    made: tuple[NDArray[Any], tuple[int, ...]], way: Interpolation
) -> None:
    values, shape = made
    symbols = way.symbols(values, shape)
    wide, half = values.astype(np.float64), way.step * max(way.units) / 2
    with np.errstate(over="ignore", invalid="ignore"):
        points = np.abs(wide / way.step)
        lattice = points < LIMIT // 2
        guess = way.step * points.max(
            initial=0.0, where=lattice
        )  # what is wanted is rounded to its last digit
        room = half + (np.abs(wide) + half) * np.finfo(values.dtype).eps + guess * 2.0**-50
        near = lattice & (np.abs(wide) + room < np.finfo(values.dtype).max)
    if symbols is None:  # only where values are far beyond all that a bound leaves open
        assert np.nanmax(points) * max(way.units) > LIMIT / 8
        return
    assert symbols.dtype.kind == "u"
    assert len(symbols) == len(values)
    found = way.values(symbols, shape, values.dtype).astype(np.float64)
    assert (np.abs(found[near] - wide[near]) <= room[near] + np.finfo(values.dtype).tiny).all()


@given(grids(), ways)
def test_both_readers_agree_on_every_bit(
    made: tuple[NDArray[Any], tuple[int, ...]], way: Interpolation
) -> None:
    values, shape = made
    symbols = way.symbols(values, shape)
    if symbols is not None:
        head = way.to_bytes() + bytes([symbols.dtype.itemsize])
        found = ByTheText(Bytes(head), values.dtype, shape).values(symbols)
        assert found.tobytes() == way.values(symbols, shape, values.dtype).tobytes()


@given(grids(), ways, st.integers(0, 63), st.integers(0, 9))
def test_any_symbols_are_values_or_refused_by_both_readers(
    made: tuple[NDArray[Any], tuple[int, ...]], way: Interpolation, bits: int, seed: int
) -> None:
    values, shape = made
    rng = np.random.default_rng(seed)
    symbols = rng.integers(0, 1 << bits, len(values), np.uint64, endpoint=True)
    text = ByTheText(Bytes(way.to_bytes() + b"\x08"), values.dtype, shape)
    try:
        found = way.values(symbols, shape, values.dtype)
    except CorruptFileError:
        with pytest.raises(Exception):  # noqa: B017, PT011 - it makes no promise about the kind
            text.values(symbols)
        return
    assert found.tobytes() == text.values(symbols).tobytes()


@given(grids(), st.sampled_from([1e-40, 1e-6, 1e-3, 0.1, 3.0, 1e25]))
def test_columns_keep_their_bound_and_what_must_stay_exact(
    made: tuple[NDArray[Any], tuple[int, ...]], tolerance: float
) -> None:
    values, shape = made
    if not len(values):
        return
    bound, sentinels = ErrorBound("abs", tolerance), (*SENTINELS, 0.25)
    plain = EncodedColumn.of(quantise(values, bound, sentinels), shape)
    cell = with_interpolation(plain, values, bound, sentinels)
    found = decoded(cell, values.dtype, shape)
    assert found.dtype == values.dtype
    assert violations(values, found, bound).size == 0
    with np.errstate(over="ignore"):
        kept = np.isin(values, np.array(sentinels).astype(values.dtype)) | ~np.isfinite(values)
    assert np.array_equal(patterns(found)[kept], patterns(values)[kept])
    assert size(cell) <= size(plain)


def size(column: EncodedColumn) -> int:
    """Bytes of a page with only this column."""
    return len(pack_page(Classic(), [column])[0])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.booleans())
def test_passes_predict_every_point_once_from_earlier_points(shape: list[int], first: bool) -> None:
    axes = (*range(1, len(shape)), 0) if first else tuple(range(1, len(shape)))
    told = np.zeros(shape, int)
    told[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(len(shape)))] = 1
    for each in passes(shape, axes):
        assert each.known_points(told).min(initial=1) == 1
        wanted = each.targets(told)
        assert wanted.size
        wanted += 1
    assert (told == 1).all()


# Choice of interpolation


def smooth(rows: int = 40, side: int = 16, dtype: str = "f8") -> NDArray[Any]:
    t, y, x = np.arange(rows)[:, None, None], np.arange(side)[:, None], np.arange(side)
    return (np.sin(t / 9 + y / 5) * np.cos(x / 6 - t / 11) + 0.3).astype(dtype)


def interpolation_of(column: EncodedColumn) -> Interpolation | None:
    """The interpolation of a column; None if it has none."""
    return column.encoding.interpolation if isinstance(column.encoding, InterpolatedEncoding) else None


def chosen(values: NDArray[Any], bound: str) -> EncodedColumn:
    asked = ErrorBound.parse(bound)
    flat = values.reshape(-1)
    column = EncodedColumn.of(quantise(flat, asked), values.shape[1:])
    return with_interpolation(column, flat, asked, SENTINELS)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bound", ["abs=0.02", "abs=1e-3", "abs=1e-5"])
def test_smooth_grids_are_interpolated(dtype: str, bound: str) -> None:
    values = smooth(dtype=dtype)
    cell = chosen(values, bound)
    interpolation = interpolation_of(cell)
    assert interpolation is not None
    assert interpolation.rows is not Rows.INDEPENDENT
    plain = EncodedColumn.of(quantise(values.reshape(-1), ErrorBound.parse(bound)), values.shape[1:])
    assert size(cell) < 0.9 * size(plain)


def test_independent_rows_are_interpolated_separately() -> None:
    rng = np.random.default_rng(0)
    waves = np.cos(np.arange(64) / rng.uniform(9, 25, (200, 1)) + rng.uniform(0, 6, (200, 1)))
    cell = chosen(waves, "abs=1e-3")
    interpolation = interpolation_of(cell)
    assert interpolation is not None
    assert interpolation.rows is Rows.INDEPENDENT


def test_residuals_are_interpolated_where_neighbours_have_similar_ones() -> None:
    rng = np.random.default_rng(0)
    flickering = smooth(60, 32) * rng.uniform(0.9, 1.1, (60, 1, 1))
    trembling = smooth(60, 32) + rng.normal(0, 0.01, (60, 32, 32))
    alike, noise = (
        interpolation_of(chosen(flickering, "abs=1e-3")),
        interpolation_of(chosen(trembling, "abs=0.02")),
    )
    assert alike is not None
    assert noise is not None
    assert (alike.rows, noise.rows) == (Rows.ERRORS_INTERPOLATED, Rows.PREDICTED)


def test_coarse_points_are_nearer_where_the_bound_is_wide() -> None:
    values = smooth(60, 32)
    wide, tight = interpolation_of(chosen(values, "abs=0.05")), interpolation_of(chosen(values, "abs=1e-6"))
    assert wide is not None
    assert tight is not None
    assert len(wide.units) > 1 == len(tight.units)


def test_a_region_of_exact_zeros_costs_little() -> None:
    values = smooth(60, 32)
    whole = size(chosen(values, "abs=1e-3"))
    values[:, 10:16, 10:16] = 0.0
    cell = chosen(values, "abs=1e-3")
    assert interpolation_of(cell) is not None
    assert cell.encoding.outlier_count >= 60 * 36
    assert size(cell) < 1.3 * whole


@pytest.mark.parametrize(
    ("values", "bound"),
    [
        (np.random.default_rng(0).normal(size=(200, 16)), "abs=0.01"),
        (np.random.default_rng(0).exponential(1, (90, 5, 5)), "abs=1e-3"),
        (smooth(), "rel=1e-3"),
        (smooth(), "lossless"),
        (smooth(dtype="f2"), "abs=0.01"),
        (smooth()[:, :3, 0], "abs=1e-3"),
        ((smooth() * 1000).astype("i4"), "abs=3"),
        (np.round(smooth() * 8) / 8, "abs=1e-3"),
    ],
    ids=["noise", "peaks", "rel", "lossless", "half", "short", "integers", "steps"],
)
def test_columns_that_are_not_smooth_are_not_interpolated(values: NDArray[Any], bound: str) -> None:
    assert interpolation_of(chosen(values, bound)) is None


def test_a_cluster_interpolates_what_its_codec_leaves_to_classic() -> None:
    array = ak.Array(smooth())
    tree = Tree("t", 1, "TTree", "", len(array), (Branch("x", None, "any", form=plain_form(array)),))
    plan = Plan(tree, plan_columns(tree, [ErrorBound("abs", 1e-3)]), (1,))
    encoded = encode_cluster(plan, {0: array}, len(array))
    page = Page(memoryview(encoded.pages[0].payload), plan.columns)
    assert isinstance(page.encodings[0], InterpolatedEncoding)
    assert encoded.records["max_error"][0] <= 1e-3
    assert encoded.records["outliers"][0] == page.encodings[0].outlier_count


# What cannot be


def test_arrays_that_are_not_whole_are_refused() -> None:
    way = Interpolation(1.0, Rows.PREDICTED, (1,))
    for length, shape in ((5, (2, 3)), (4, (0,)), (1, (2,))):
        with pytest.raises(CorruptFileError, match="not a whole number of arrays"):
            way.values(np.zeros(length, np.uint8), shape, np.dtype("f8"))
    assert len(way.values(np.zeros(0, np.uint8), (0,), np.dtype("f4"))) == 0


def test_more_axes_than_numpy_has() -> None:
    """Axes of length 1 change nothing; a column can have at most 28 others."""
    way = Interpolation(1.0, Rows.PREDICTED, (2, 1))
    symbols = np.arange(24, dtype=np.uint8)
    many = way.values(symbols, (1,) * 70 + (2,) + (1,) * 9 + (3,), np.dtype("f8"))
    assert np.array_equal(many, way.values(symbols, (2, 3), np.dtype("f8")))
    assert way.values(np.zeros(1 << 20, np.uint8), (2,) * 20, np.dtype("f4")).sum() == 0


def test_points_at_the_limits_need_no_more_than_64_bits() -> None:
    """The widest swings that a reader accepts: predictions overshoot, and are still exact."""
    largest = float(LIMIT // 2 - 1)
    for shape in ((9,), (5, 5), (33, 3)):
        signs = 1.0 - 2.0 * (np.indices((9, *shape)).sum(0) // 2 % 2)
        for unit, rows in itertools.product((1, 1 << 20), Rows):
            way = Interpolation(1.0, rows, (unit,))
            symbols = way.symbols((signs * largest).reshape(-1), shape)
            assert symbols is not None
            text = ByTheText(Bytes(way.to_bytes() + bytes([symbols.dtype.itemsize])), np.dtype("f8"), shape)
            found = way.values(symbols, shape, np.dtype("f8"))
            assert np.array_equal(found, text.values(symbols))
            assert np.abs(found - signs.reshape(-1) * largest).max() <= unit / 2


def test_values_beyond_their_type_become_infinite() -> None:
    """A writer finds such values and keeps them exactly."""
    way = Interpolation(1e300, Rows.PREDICTED, (1,))
    assert way.values(np.array([0, 1 << 40], np.uint64), (2,), np.dtype("f4")).tolist() == [0.0, np.inf]


def test_a_description_comes_back() -> None:
    for way in (
        Interpolation(0.1, Rows.ERRORS_INTERPOLATED, UNITS[1]),
        Interpolation(5e-324, Rows.INDEPENDENT, (1,) * 32),
    ):
        cursor = Cursor(way.to_bytes())
        assert Interpolation.from_bytes(cursor) == way
        cursor.finish("it")


def test_files_say_what_was_done(tmp_path: Path) -> None:
    import uproot

    import baler_root

    values = smooth()
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("t", {"x": (values.dtype, values.shape[1:])})
        file["t"].extend({"x": values})
    summary = baler_root.compress(
        tmp_path / "in.root", tmp_path / "out.baler", bound="abs=1e-3", cluster_size=9
    )
    (branch,) = summary.trees[0].branches
    assert 0 < branch.max_error <= 1e-3
    with baler_root.open(tmp_path / "out.baler") as file:
        tree = file["t"]
        whole = tree["x"].array(library="np")
        assert np.abs(whole - values).max() <= 1e-3
        for start, stop in ((0, 1), (8, 10), (39, 40), (5, 5)):
            part = tree["x"].array(library="np", entry_start=start, entry_stop=stop)
            assert part.tobytes() == whole[start:stop].tobytes()
    assert baler_root.verify(tmp_path / "out.baler").ok
