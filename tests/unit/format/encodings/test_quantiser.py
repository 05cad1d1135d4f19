"""Stored quantisers: damaged ones are refused or make sense, and decoding gives the same bits everywhere."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from baler_root.compression.quantisation.quantise import quantise
from baler_root.errors import FormatError
from baler_root.format.bounds import ErrorBound
from baler_root.format.encodings.grid import MAX_STEPS, Grid, octave_tables
from baler_root.format.encodings.quantised import Quantised, dequantise
from baler_root.format.encodings.quantiser import Quantiser
from tests.helpers.numbers import back


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
