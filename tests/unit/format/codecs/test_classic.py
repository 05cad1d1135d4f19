"""The codec `classic`: each transform and coding where it pays; broken streams are named."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from baler_root.errors import CorruptFileError, FormatError
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.codecs.classic import streams
from baler_root.format.codecs.classic.codec import Classic, encode_column
from baler_root.format.codecs.classic.streams import Coding, Transform
from baler_root.testing.codec_suite import patterns, spec_of
from tests.helpers.processes import run_python


def size_of(values: NDArray[Any], shape: tuple[int, ...] = ()) -> int:
    return len(Classic().encode([values], [spec_of(values, shape)])[0])


def test_constant_columns_are_nearly_free() -> None:
    assert size_of(np.full(10**6, 1.25)) < 16


def test_trigger_bits_cost_no_overhead_each() -> None:
    """600 bits that are rarely set share a frame: less than half of what frames of their own would cost."""
    rng = np.random.default_rng(0)
    bits = [rng.random(100) < 0.02 for _ in range(600)]
    assert len(Classic().encode(bits, [spec_of(column) for column in bits])[0]) < 0.5 * sum(
        map(size_of, bits)
    )


def test_far_repetitions_beat_any_coder_of_single_values() -> None:
    values = np.tile(np.random.default_rng(0).random(5000), 20)
    assert size_of(values) < 1.1 * 5000 * 8


def test_smooth_grids_are_coded_by_their_differences() -> None:
    x, t = np.linspace(0, 3, 50), 0.3 * np.arange(60)[:, None, None]
    wave = np.sin(2 * x[:, None] + t) * np.cos(3 * x[None, :] - t)
    grid = (1e5 * wave + 2e5).astype(np.uint32).reshape(-1)
    assert size_of(grid, (50, 50)) < 0.8 * size_of(grid)


@pytest.mark.parametrize(
    ("transform", "grid"),
    [
        (Transform.LORENZO, np.random.default_rng(0).integers(0, 3, (60, 40)).cumsum(1)),
        (
            Transform.ROWS,
            np.random.default_rng(0).integers(0, 3, (60, 40)).cumsum(0) + 9 * np.arange(40) ** 2,
        ),
    ],
)
def test_arrays_are_coded_by_the_differences_that_suit_them(
    transform: Transform, grid: NDArray[np.int64]
) -> None:
    values = grid.astype(np.uint16).reshape(-1)
    assert encode_column(values, spec_of(values, (40,))).transform is transform


@pytest.mark.parametrize(
    ("transform", "values"),
    [
        (Transform.DELTA, np.arange(1000, dtype=np.uint32) * 3 + 7),
        (Transform.DICTIONARY, np.random.default_rng(0).choice(np.random.default_rng(1).random(50), 5000)),
        (Transform.NONE, np.random.default_rng(0).normal(size=1000)),
    ],
)
def test_each_transform_has_its_column(transform: Transform, values: NDArray[Any]) -> None:
    assert encode_column(values, spec_of(values)).transform is transform


def test_each_coding_has_its_column() -> None:
    rng = np.random.default_rng(0)
    text = np.frombuffer(b"HLT_IsoMu24_v1 HLT_IsoMu27_v3 " * 100, np.uint8)
    found = {
        encode_column(values, spec_of(values)).coding
        for values in (np.zeros(9), text, rng.random(999) < 0.5, rng.normal(size=5000))
    }
    assert found == set(Coding)


def test_pco_runs_and_pages_are_put_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PCO_RUN", 1000)
    monkeypatch.setattr(streams, "PCO_PAGE", 300)
    values = np.random.default_rng(0).normal(size=2750)
    encoded = streams.pco_encode(values)
    assert streams.pco_decode(memoryview(encoded), values.dtype, 2750).tobytes() == values.tobytes()
    for length in (2749, 2751, 1000):
        with pytest.raises(CorruptFileError):
            streams.pco_decode(memoryview(encoded), values.dtype, length)


def classic_payload(code: int, extra: bytes, pool: bytes, stream: bytes = b"") -> memoryview:
    """A payload of one column whose packed part is stored as it is."""
    packed = bytes([1 + len(extra), code]) + extra + pool
    return memoryview(bytes([len(packed) << 1]) + packed + stream)


@pytest.mark.parametrize(
    ("payload", "dtype", "length", "said"),
    [
        (classic_payload(0x04, b"", b""), "u4", 4, "unknown stream code 0x04"),
        (classic_payload(0x60, b"", b""), "u4", 4, "unknown stream code 0x60"),
        (classic_payload(0x00, b"\1\0", b""), "u4", 4, "4 bytes needed, 2 left"),
        (classic_payload(0x01, b"", b"\0" * 15), "u4", 4, "16 bytes needed, 15 left"),
        (classic_payload(0x01, b"", b"\0" * 17), "u4", 4, "1 bytes left over after the pool"),
        (classic_payload(0x02, b"", b"\xff"), "u1", 4, "padding bits are not zero"),
        (classic_payload(0x31, b"\0", b"\0" * 4), "u4", 4, "a dictionary of 0 values"),
        (classic_payload(0x31, b"\1" + bytes(4), b"\0\0\1\0"), "u4", 4, "symbol 1 of a dictionary of 1"),
        (classic_payload(0x30, b"\1" + bytes(4) + b"\5", b""), "u4", 4, "symbol 5 of a dictionary of 1"),
        (classic_payload(0x11, b"", b"\0" * 16), "f4", 4, "differences of float32"),
        (classic_payload(0x21, b"", b"\0" * 4), "?", 4, "differences of bool"),
        (classic_payload(0x03, b"\1", b"", b"\0"), "u4", 4, "a pco stream cannot be decoded"),
        (classic_payload(0x03, b"\2", b"", b"\0"), "u4", 4, "2 bytes needed, 1 left"),
    ],
)
def test_broken_streams_are_named(payload: memoryview, dtype: str, length: int, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        Classic().decode(payload, [SymbolSpec(np.dtype(dtype), length)])


def test_bits_past_one_are_not_taken_for_booleans() -> None:
    """Booleans are bytes in memory; whatever byte a source has comes back."""
    odd = np.array([0, 1, 2, 255, 1, 0], np.uint8).view(bool)
    payload, _ = Classic().encode([odd], [spec_of(odd)])
    assert Classic().decode(memoryview(payload), [spec_of(odd)])[0].tobytes() == odd.tobytes()


HOSTILE = """
import resource, warnings
import numpy as np
from baler_root.testing.codec_suite import decode_hostile, mixed_columns
from baler_root.format.codecs.base import SymbolSpec
from baler_root.format.binary.packed import pack_bytes
from baler_root.format.codecs.registry import get_codec
from baler_root.format.binary.varint import pack_varint

codec = get_codec("classic")
columns, specs = mixed_columns()
payload, _ = codec.encode(columns, specs)
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30,) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for position in range(8 * len(payload)):
    broken = bytearray(payload)
    broken[position // 8] ^= 1 << position % 8
    decode_hostile(codec, bytes(broken), specs)
small = [SymbolSpec(np.dtype("u4"), 4)]
bomb = pack_bytes(bytes(1 << 28))
assert len(bomb) < 100_000
assert decode_hostile(codec, bomb, small)
claim = pack_varint(12 << 1 | 1) + pack_varint(1 << 60) + bytes(10)
assert decode_hostile(codec, claim, small)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_hostile_payloads_allocate_nothing_they_have_not_earned() -> None:
    grown = int(run_python(HOSTILE))
    # ru_maxrss is in kB on Linux; the bomb itself is packed from 256 MB before it is refused
    assert grown < 700_000


@pytest.mark.parametrize("name", ["random bits", "few values"])
def test_shares_tell_which_column_costs(name: str) -> None:
    big = dict(patterns(np.dtype("f8"), 5000))[name]
    flat = np.zeros(5000)
    _, shares = Classic().encode([flat, big], [spec_of(flat), spec_of(big)])
    assert shares[1] > 5 * shares[0]
