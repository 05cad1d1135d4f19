"""Packets and framing: as the text says, every bit back, every flipped bit found."""

from __future__ import annotations

import json
import zlib
from itertools import accumulate
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import ConfigError
from baler_root.fpga.wire.framing import Framing
from baler_root.fpga.wire.ordering import Incident
from baler_root.fpga.wire.packets import Flag, PacketLayout, pack_fields, unpack_fields, words_of
from baler_root.fpga.wire.stream import Stream
from tests.helpers.wire import link
from tests.independent_reader import wire as independent_wire
from tests.vectors import wire as wire_vectors
from tests.vectors.wire import LAYOUT, STREAM, WINDOW

ABOUT = {"model": LAYOUT.digest.hex(), "latents": LAYOUT.latents, "inputs": LAYOUT.inputs}


def golden() -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(STREAM.with_suffix(".json").read_text(encoding="utf-8"))
    return expected


def end_of(layout: PacketLayout) -> Any:
    """One end of a wire without a model: no latent ever saturates."""
    nothing = lambda values: np.zeros(len(values), np.bool_)
    return SimpleNamespace(layout=layout, latents=lambda values: values, saturated=nothing)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[int, ...], list[list[int]]]:
    """Fields of any width, and rows of values for them."""
    widths = tuple(draw(st.lists(st.integers(1, 64), min_size=1, max_size=20)))
    value = st.tuples(*(st.integers(-(1 << (width - 1)), (1 << (width - 1)) - 1) for width in widths))
    return widths, [list(row) for row in draw(st.lists(value, min_size=1, max_size=5))]


@given(tables())
def test_fields_of_any_width_come_back(table: tuple[tuple[int, ...], list[list[int]]]) -> None:
    widths, rows = table
    words = pack_fields(np.array(rows, np.int64), widths)
    assert words.shape == (len(rows), words_of(widths))
    assert unpack_fields(words, widths).tolist() == rows
    assert [independent_wire.fields(row.tobytes(), widths) for row in words] == rows


@given(
    st.lists(st.integers(1, 16), min_size=1, max_size=12),
    st.integers(1, 20),
    st.integers(0, (1 << 34) - 1),
    st.integers(0, 1 << 32),
)
def test_packets_are_as_the_text_says(widths: list[int], events: int, counter: int, seed: int) -> None:
    layout = PacketLayout(bytes(range(32)), tuple(widths), (12,) * 3)
    events = min(events, layout.max_events)
    half = np.array([1 << (width - 1) for width in widths])
    values = np.random.default_rng(seed).integers(-half, half, (4, events, len(widths)))
    counters = counter + events * np.arange(4)
    packed = layout.pack(counters, values, np.zeros(4, np.uint8))
    assert independent_wire.packets(b"".join(packed)) == packed
    for number, packet in enumerate(packed):
        assert packet[:8] == bytes([0xB4, 1, events, words_of(layout.latents * events), 0, 1, 2, 3])
        assert int.from_bytes(packet[8:12], "little") == int(counters[number]) % (1 << 32)
        assert independent_wire.fields(packet[12:-4], widths * events) == values[number].reshape(-1).tolist()


def test_example_of_the_text() -> None:
    text = (STREAM.parents[1] / "wire.md").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("b4 11 02 01")]
    layout = PacketLayout(bytes(range(32)), (7, 12), (12,))
    values = np.array([[[-3, 100], [63, -2048]]])
    (packet,) = layout.pack(np.array([5]), values, np.array([Flag.SATURATED], np.uint8))
    assert packet == bytes.fromhex(line.replace(" ", ""))


def test_checksum_is_the_one_named() -> None:
    assert zlib.crc32(b"123456789") == 0xCBF43926
    (packet,) = LAYOUT.pack(np.array([0]), np.zeros((1, 1, 8), np.int64), np.zeros(1, np.uint8))
    reverse = 0xFFFFFFFF  # bit by bit, by the polynomial of the text
    for byte in packet[:-4]:
        reverse ^= byte
        for _ in range(8):
            reverse = reverse >> 1 ^ (0xEDB88320 if reverse & 1 else 0)
    assert packet[-4:] == (reverse ^ 0xFFFFFFFF).to_bytes(4, "little")


def test_golden_packets_are_made_again() -> None:
    stream, expected = wire_vectors.document()
    assert stream == STREAM.read_bytes()
    assert json.loads(json.dumps(expected)) == golden()


def test_golden_stream_is_read() -> None:
    expected = golden()
    stream = Stream(end_of(LAYOUT), "wire.bin", WINDOW)
    rows = np.concatenate([stream.feed(STREAM.read_bytes()), stream.finish()])
    lengths = np.where(rows["flags"] & Flag.RAW, len(LAYOUT.inputs), len(LAYOUT.latents))
    values = [row[:length].tolist() for row, length in zip(rows["values"], lengths, strict=True)]
    assert rows["entry"].tolist() == [number for number, _, _ in expected["events"]]
    assert (rows["flags"] & Flag.RAW).tolist() == [flags & 2 for _, flags, _ in expected["events"]]
    assert values == [fields for _, _, fields in expected["events"]]
    statistics = stream.statistics()
    assert (statistics.run, statistics.foreign) == (expected["run"], expected["foreign"])
    incidents = stream.ordering.take_incidents()
    for kind in (Incident.LOST, Incident.REPEATED, Incident.REORDERED, Incident.LATE):
        records = incidents[incidents["kind"] == kind]
        listed = [
            n
            for first, stop in zip(records["first"], records["stop"], strict=True)
            for n in range(first, stop)
        ]
        assert listed == expected[kind.name.lower()]
    damaged = incidents[incidents["kind"] == Incident.DAMAGED]
    assert [[int(row[name]) for name in ("first", "stop", "bytes")] for row in damaged] == expected["damaged"]


def test_every_flipped_bit_is_found() -> None:
    random = np.random.default_rng(1)
    values = random.integers(-1, 1, (6, 2, 8))
    packets = [*LAYOUT.pack(2 * np.arange(6), values, np.zeros(6, np.uint8)), LAYOUT.pack_end(12)]
    whole = b"".join(packets)
    ends = list(accumulate(map(len, packets)))
    for bit in range(8 * len(whole)):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        hit = next(number for number, end in enumerate(ends) if bit // 8 < end)
        stream = Stream(end_of(LAYOUT), "flipped")
        rows = np.concatenate([stream.feed(bytes(data)), stream.finish()])
        expected = [n for n in range(12) if n // 2 != hit]
        assert rows["entry"].tolist() == expected
        assert (rows["values"][:, :8] == values.reshape(12, 8)[expected]).all()
        statistics = stream.statistics()
        assert (statistics.damaged, statistics.damaged_bytes) == (1, len(packets[hit]))
        assert statistics.lost == (2 if hit < 6 else 0)
        assert (statistics.run is None) == (hit == 6)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_framing_of_anything_in_any_pieces(noise: bytes, step: int) -> None:
    values = np.zeros((2, 1, 8), np.int64)
    packets = LAYOUT.pack(np.arange(2), values, np.zeros(2, np.uint8))
    data = noise + packets[0] + noise[:7] + packets[1] + noise
    framing = Framing()
    framed = [framing.feed(data[start : start + step]) for start in range(0, len(data), step)]
    framed.append(framing.finish())
    packets_found = [
        part.data[a : a + n] for part in framed for a, n in zip(part.starts, part.sizes, strict=True)
    ]
    expected = independent_wire.packets(data)
    assert packets_found == [packet for packet in expected if isinstance(packet, bytes)]
    assert [size for part in framed for _, size in part.skipped] == [
        n for n in expected if isinstance(n, int)
    ]


def test_packets_that_would_be_too_long() -> None:
    with pytest.raises(ConfigError, match="a packet carries at most 16320"):
        PacketLayout(bytes(32), (12,) * 8, (12,) * 1361)
    assert PacketLayout(bytes(32), (12,) * 14, (12,) * 24).max_events == 97


def test_widths_are_those_of_the_definition() -> None:
    ends = link()
    assert ends.layout.inputs == (12,) * 4
    # latents are codes of 12 bits divided by 8, rounded half up and limited to 9 bits
    assert ends.layout.latents == (9, 9, 9)
    codes = np.random.default_rng(0).integers(-2048, 2048, (1000, 4))
    assert (ends.latents(codes) == ends.definition(codes)).all()
