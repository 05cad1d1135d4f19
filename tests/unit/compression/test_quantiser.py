"""The quantiser: every bound kept for any values, nothing spent that need not be, and the same bits everywhere."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from baler_root.compression.quantisation.quantise import quantise
from baler_root.compression.quantisation.special_values import SENTINELS
from baler_root.errors import FormatError
from baler_root.format.bounds import LOSSLESS, ErrorBound, measure
from baler_root.format.encodings.grid import MAX_STEPS, Grid, octave_tables
from baler_root.format.encodings.quantised import Quantised, dequantise
from baler_root.format.encodings.quantiser import Quantiser

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


def entropy(values: NDArray[Any]) -> float:
    """Order-0 entropy [bits per value] of the bit patterns."""
    counts = np.unique(values.view(f"u{values.dtype.itemsize}"), return_counts=True)[1] / values.size
    return float(-np.sum(counts * np.log2(counts)))


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


def samples() -> list[Quantised]:
    """One column per kind of recipe, with atoms and outliers."""
    rng = np.random.default_rng(9)
    floats = np.concatenate([rng.normal(0, 10, 300), [-999.0, np.inf, np.nan, 0.0, -0.0]]).astype(np.float32)
    whole = rng.integers(-50_000, 50_000, 300).astype(np.int32)
    bounds = ("rel=0.01", "abs=0.05", "bits=4", "lossless")
    return [quantise(floats, ErrorBound.parse(text)) for text in bounds] + [
        quantise(whole, ErrorBound.parse(text)) for text in ("rel=0.01", "abs=50", "bits=4")
    ]


@pytest.mark.parametrize("quantised", samples(), ids=lambda q: f"{q.quantiser.kind}-{q.quantiser.dtype}")
def test_damaged_recipes_are_refused_or_make_sense(quantised: Quantised) -> None:
    """Every truncation is found; every changed byte gives a FormatError or a recipe that decodes."""
    data = quantised.quantiser.to_bytes()
    for size in range(len(data)):
        with pytest.raises(FormatError):
            Quantiser.from_bytes(data[:size])
    for position in range(len(data)):
        for byte in {*range(0, 256, 7), 1, 127, 128, 255, data[position] ^ 1, data[position] ^ 128}:
            changed = bytearray(data)
            changed[position] = byte
            try:
                quantiser, _ = Quantiser.from_bytes(bytes(changed))
                values = dequantise(quantised.symbols, quantiser, quantised.positions, quantised.outliers)
            except FormatError:
                continue
            assert values.dtype == quantiser.dtype
            assert values.shape == quantised.symbols.shape


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_make_sense(data: bytes) -> None:
    for kind in range(4):
        for dtype in range(12):
            try:
                quantiser, _ = Quantiser.from_bytes(bytes([kind, dtype]) + data)
            except FormatError:
                continue
            if quantiser.span:
                ends = np.array([0, quantiser.span - 1], np.uint64)
                assert (
                    dequantise(ends, quantiser, np.zeros(0, np.int64), np.zeros(0, quantiser.dtype)).size == 2
                )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x09\x0a", "unknown kind 9"),
        (b"\x01\x63", "unknown dtype 99"),
        (b"\x02\x0a" + struct.pack("<d", np.nan) + bytes(3), "step nan"),
        (b"\x02\x0a" + struct.pack("<d", -1.0) + bytes(3), "step -1.0"),
        (b"\x02\x04" + struct.pack("<Q", 0) + bytes(3), "step 0"),
        (b"\x03\x0a\x00" + bytes(4), "0 steps per octave"),
        (b"\x03\x0a\x81\x80\x80\x02" + bytes(4), "4194305 steps per octave"),
        (b"\x03\x04\x05" + bytes(4), "for int64"),
        (b"\x01\x0a\x18" + bytes(4), "24 bits dropped"),
        (b"\x02\x00" + struct.pack("<d", 1.0) + bytes(3), "booleans"),
        (b"\x02\x01" + struct.pack("<Q", 3) + b"\x00\x64\x00", "outside -42 to 42"),
        (b"\x01\x01\x32\x00\x00\xff\x3f\x00", "values outside int8"),
        (b"\x01\x0a\x00\x00\x00\x00\xff\xff\xff\xff\x7f", "ends early"),
        (b"\x01\x0a" + b"\xff" * 12, "longer than ten bytes"),
        (b"\x01\x0a\x01\x00\x00\x01\x01\x02\x00\x00\x00\x00", "atom symbol 2 of 2"),
    ],
)
def test_nonsense_recipes_are_named(data: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        Quantiser.from_bytes(data)


def test_symbols_and_outliers_must_fit() -> None:
    quantised = samples()[0]
    quantiser, none, nothing = quantised.quantiser, np.zeros(0, np.int64), np.zeros(0, np.float32)
    with pytest.raises(FormatError, match="symbol 60000"):
        dequantise(np.array([60_000], np.uint16), quantiser, none, nothing)
    with pytest.raises(FormatError, match="not unsigned"):
        dequantise(np.array([1.0]), quantiser, none, nothing)
    two = np.zeros(2, np.uint8)
    for positions in ([1, 1], [1, 0], [-1, 0], [0, 2]):
        with pytest.raises(FormatError, match="positions"):
            dequantise(two, quantiser, np.array(positions), np.zeros(2, np.float32))
    with pytest.raises(FormatError, match="outlier positions for"):
        dequantise(two, quantiser, np.array([1]), nothing)
    with pytest.raises(FormatError, match="outliers are"):
        dequantise(two, quantiser, np.array([1]), np.zeros(1, np.float64))
    with pytest.raises(FormatError, match="exact values"):
        dequantise(two, Quantiser("exact", np.dtype(np.float32)), none, nothing)


def test_a_table_and_direct_decoding_give_the_same_bits() -> None:
    values = np.random.default_rng(8).normal(0, 1, 20_000).astype(np.float32)
    for text in ("rel=1e-3", "abs=1e-3", "bits=8"):
        quantised = quantise(values, ErrorBound.parse(text))
        few = quantised.symbols[:100]  # too few for a table
        none = np.zeros(0, np.int64)
        direct = dequantise(few, quantised.quantiser, none, np.zeros(0, np.float32))
        assert direct.tobytes() == back(quantised)[:100].tobytes()


@pytest.mark.parametrize(
    ("steps", "digest"),
    [
        (1, "6cffbdcfb84a8f11"),
        (35, "57c0865a6639b4e2"),
        (347, "120962c7019a75ac"),
        (3468, "1c8516c703fae142"),
        (368541, "c5a526f85ee6ee97"),
        (MAX_STEPS, "8d3f5e2a6812a0fe"),
    ],
)
def test_log_grids_have_the_same_bits_everywhere(steps: int, digest: str) -> None:
    """Recorded from one machine; any other must agree."""
    low, high = -160 * steps, 130 * steps
    index = np.linspace(low, high, 20_011).astype(np.int64)
    wide = Grid("log", np.dtype(np.float64), steps).values(index)
    values = Grid("log", np.dtype(np.float32), steps).values(index)
    tables = b"".join(table.tobytes() for table in octave_tables(steps))
    assert xxhash.xxh3_64_hexdigest(tables + wide.tobytes() + values.tobytes()) == digest


def test_octave_tables_hold_the_nearest_doubles() -> None:
    """2**j lies between the powers of the doubles' upper and lower half-ulp neighbours, in exact integers."""
    for steps in (2, 7, 347):
        _, fine = octave_tables(steps)
        for j in (1, min(steps, 256) - 1):
            value = int(fine[j] * 2**52)
            assert (2 * value - 1) ** steps < 2**j * 2 ** (53 * steps) < (2 * value + 1) ** steps
