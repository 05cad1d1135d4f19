"""Tests that every codec must pass, for packages that provide one.

    from baler_root.testing import CodecSuite

    class TestMine(CodecSuite):
        codec = Mine()

Pytest then runs every check below. A codec that passes keeps the promises of
`baler_root.format.codecs.base.Codec`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from baler_root.errors import FormatError
from baler_root.format.codecs.base import Codec, SymbolSpec

DTYPES = [np.dtype(code) for code in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]
LENGTHS = [0, 1, 2, 7, 100, 5000]
LONG = 300_000

Columns = list[NDArray[Any]]


def spec_of(values: NDArray[Any], shape: tuple[int, ...] = ()) -> SymbolSpec:
    """The spec of one column."""
    return SymbolSpec(values.dtype, len(values), shape)


def patterns(dtype: np.dtype[Any], length: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Columns of one dtype and length by name; any bit pattern may occur."""
    rng = np.random.default_rng(length)
    size = length * dtype.itemsize
    if dtype.kind == "b":
        yield "random", rng.random(length) < 0.5
        yield "sparse", rng.random(length) < 0.01
        yield "true", np.ones(length, dtype)
        yield "false", np.zeros(length, dtype)
        return
    noise = np.frombuffer(rng.bytes(size), dtype)
    yield "random bits", noise
    yield "constant", np.repeat(noise[:1], length)
    yield "few values", rng.choice(noise[:5], length) if length else noise
    yield "zeros", np.zeros(length, dtype)
    yield "one odd", np.where(np.arange(length) == length // 2, dtype.type(1), dtype.type(0))
    yield "counts", rng.poisson(2.0, length).astype(dtype)
    yield "flags", (rng.random(length) < 0.3).astype(dtype)
    yield "sorted", np.arange(length).astype(np.int64).astype(dtype)
    row = np.frombuffer(rng.bytes(max(1, length // 7) * dtype.itemsize), dtype)
    yield "repeated far apart", np.resize(row, length)
    if dtype.kind == "f":
        yield "smooth", np.sin(np.linspace(0, 9, length)).astype(dtype)
        special = np.array(
            [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).smallest_subnormal], dtype
        )
        yield "special", np.resize(special, length)
    else:
        info = np.iinfo(dtype)
        yield "extremes", np.resize(np.array([info.min, info.max], dtype), length)


def mixed_columns(length: int = 64) -> tuple[Columns, list[SymbolSpec]]:
    """A few columns of different dtype and kind, one of them fixed-size arrays."""
    rng = np.random.default_rng(7)
    columns = [
        rng.normal(size=length).astype(np.float32),
        rng.random(length) < 0.1,
        np.full(length, 3, np.uint16),
        rng.choice(np.array([-1, 1], np.int32), length),
        (np.arange(8)[:, None] + np.arange(8)[None]).astype(np.uint32).reshape(-1),
        np.cumsum(rng.integers(0, 9, length)).astype(np.uint64),
        np.zeros(0, np.float64),
        np.frombuffer(b"some text, some text, some more text", np.uint8),
    ]
    shapes = [(), (), (), (), (8, 8), (), (), ()]
    return columns, [spec_of(column, shape) for column, shape in zip(columns, shapes, strict=True)]


def assert_same(found: NDArray[Any], expected: NDArray[Any], what: object = "") -> None:
    """Same dtype, same length, same bits."""
    assert found.dtype == expected.dtype, what
    assert found.shape == expected.shape, what
    assert found.tobytes() == expected.tobytes(), what


def decode_hostile(codec: Codec, payload: bytes, specs: Sequence[SymbolSpec]) -> bool:
    """Whether a payload is refused. Only a FormatError, or columns as the specs say, is allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            out = codec.decode(memoryview(payload), specs)
        except FormatError:
            return True
    assert sorted(out) == list(range(len(specs)))
    for number, spec in enumerate(specs):
        assert (out[number].dtype, out[number].shape) == (spec.dtype, (spec.length,))
    return False


class CodecSuite:
    """Inherit, and set `codec`."""

    codec: Codec

    def round_trip(self, columns: Columns, specs: Sequence[SymbolSpec]) -> bytes:
        """The payload, once the columns have come back from it bit for bit."""
        payload, shares = self.codec.encode(columns, specs)
        assert isinstance(payload, bytes)
        assert len(shares) == len(columns)
        assert sum(shares) == pytest.approx(len(payload), abs=1.0) or not columns
        out = self.codec.decode(memoryview(payload), specs)
        assert sorted(out) == list(range(len(columns)))
        for number, column in enumerate(columns):
            assert_same(out[number], column, specs[number])
            assert out[number].flags.writeable
        return payload

    def test_id_is_a_short_word(self) -> None:
        assert self.codec.id.isidentifier()
        assert isinstance(self.codec, Codec)

    @pytest.mark.parametrize("length", LENGTHS)
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_columns_come_back(self, dtype: np.dtype[Any], length: int) -> None:
        named = dict(patterns(dtype, length))
        for name, values in named.items():
            payload, _ = self.codec.encode([values], [spec_of(values)])
            out = self.codec.decode(memoryview(payload), [spec_of(values)])
            assert_same(out[0], values, name)
        together = list(named.values())
        self.round_trip(together, [spec_of(values) for values in together])

    @pytest.mark.parametrize("dtype", [np.dtype(code) for code in ("?", "u1", "u4", "i8", "f4")], ids=str)
    def test_long_columns_come_back(self, dtype: np.dtype[Any]) -> None:
        wanted = ("sparse", "few values", "sorted", "smooth", "repeated far apart")
        columns = [values for name, values in patterns(dtype, LONG) if name in wanted]
        self.round_trip(columns, [spec_of(values) for values in columns])

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    @pytest.mark.parametrize("shape", [(3,), (50, 50), (2, 3, 4), (1,), (1, 7)], ids=str)
    def test_fixed_size_arrays_come_back(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        axes = np.meshgrid(*(np.arange(size) for size in (3, *shape)), indexing="ij")
        total = sum(((i + 1) * axis for i, axis in enumerate(axes)), np.zeros((), np.int64))
        grid = total.astype(dtype).reshape(-1)
        noise = next(iter(patterns(dtype, grid.size)))[1]
        self.round_trip([grid, noise], [spec_of(grid, shape), spec_of(noise, shape)])

    @pytest.mark.parametrize("code", ["f2", "f4", "f8"])
    def test_every_kind_of_nan_comes_back(self, code: str) -> None:
        unsigned = np.dtype(f"u{code[1]}")
        exponent = np.array(np.inf, code).view(unsigned)
        payloads = np.arange(1, 300, dtype=unsigned)
        sign = unsigned.type(1) << unsigned.type(8 * unsigned.itemsize - 1)
        values = np.concatenate([payloads | exponent, payloads | exponent | sign]).view(code)
        assert np.isnan(values).all()
        self.round_trip([values], [spec_of(values)])

    def test_no_columns_at_all(self) -> None:
        assert self.codec.decode(memoryview(self.round_trip([], [])), []) == {}

    def test_same_columns_same_bytes(self) -> None:
        columns, specs = mixed_columns()
        first, _ = self.codec.encode(columns, specs)
        again, _ = self.codec.encode([column.copy() for column in columns], specs)
        assert first == again

    def test_input_is_left_alone(self) -> None:
        columns, specs = mixed_columns()
        before = [column.tobytes() for column in columns]
        for column in columns:
            column.flags.writeable = False
        self.codec.encode(columns, specs)
        assert [column.tobytes() for column in columns] == before

    def test_some_columns_are_the_same_as_of_all(self) -> None:
        columns, specs = mixed_columns()
        payload = memoryview(self.codec.encode(columns, specs)[0])
        for wanted in ([], [0], [3], [7, 1], list(range(len(columns)))):
            out = self.codec.decode(payload, specs, wanted)
            assert sorted(out) == sorted(wanted)
            for number in wanted:
                assert_same(out[number], columns[number])

    def test_every_truncation_is_refused_or_decodes(self) -> None:
        columns, specs = mixed_columns()
        payload, _ = self.codec.encode(columns, specs)
        refused = [decode_hostile(self.codec, payload[:size], specs) for size in range(len(payload))]
        assert all(refused)

    def test_every_flipped_bit_is_refused_or_decodes(self) -> None:
        columns, specs = mixed_columns()
        payload, _ = self.codec.encode(columns, specs)
        for position in range(8 * len(payload)):
            broken = bytearray(payload)
            broken[position // 8] ^= 1 << position % 8
            decode_hostile(self.codec, bytes(broken), specs)

    def test_extra_bytes_are_refused(self) -> None:
        columns, specs = mixed_columns()
        payload, _ = self.codec.encode(columns, specs)
        assert decode_hostile(self.codec, payload + b"\0", specs)

    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_other_specs_are_refused_or_obeyed(self, dtype: np.dtype[Any]) -> None:
        """A directory that contradicts the payload, as in a file put together by an attacker."""
        columns, specs = mixed_columns()
        payload, _ = self.codec.encode(columns, specs)
        for number, spec in enumerate(specs):
            for other in (
                SymbolSpec(dtype, spec.length, spec.shape),
                SymbolSpec(dtype, 1 + 2 * spec.length, spec.shape),
                SymbolSpec(spec.dtype, spec.length, (5, 3)),
                SymbolSpec(spec.dtype, spec.length, (0,)),
            ):
                decode_hostile(self.codec, payload, [*specs[:number], other, *specs[number + 1 :]])

    def test_noise_is_refused_or_decodes(self) -> None:
        _, specs = mixed_columns()
        rng = np.random.default_rng(11)
        for size in (0, 1, 2, 16, 1000):
            for _ in range(20):
                decode_hostile(self.codec, rng.bytes(size), specs)
