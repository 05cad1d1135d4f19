"""Streams: lost, repeated, reordered, late and damaged packets are counted exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_root.errors import ConfigError
from baler_root.fpga.wire.ordering import INCIDENT, Incident
from baler_root.fpga.wire.packets import PacketLayout
from baler_root.fpga.wire.stream import Stream, StreamStatistics
from tests.independent_reader import wire as independent_wire
from tests.unit.fpga.test_wire_packets import ABOUT, end_of
from tests.vectors.wire import LAYOUT

EVENTS = 60
VALUES = np.random.default_rng(7).integers(-1, 1, (EVENTS, 1, 8))
PACKETS = LAYOUT.pack(np.arange(EVENTS), VALUES, np.zeros(EVENTS, np.uint8))


def read(data: bytes, window: int, step: int = 1 << 20) -> tuple[Any, StreamStatistics, Any]:
    """Events, statistics and incidents of a stream that arrives in pieces."""
    stream = Stream(end_of(LAYOUT), "stream", window)
    rows, incidents = [], []
    for start in range(0, len(data), step):
        rows.append(stream.feed(data[start : start + step]))
        incidents.append(stream.ordering.take_incidents())
    rows.append(stream.finish())
    incidents.append(stream.ordering.take_incidents())
    return np.concatenate(rows), stream.statistics(), np.concatenate([np.zeros(0, INCIDENT), *incidents])


def event_numbers(incidents: Any, kind: Incident) -> list[int]:
    records = incidents[incidents["kind"] == kind]
    return sorted(
        n for first, stop in zip(records["first"], records["stop"], strict=True) for n in range(first, stop)
    )


@given(
    st.lists(st.integers(0, EVENTS - 1), max_size=90),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 1 << 20)), max_size=6),
    st.booleans(),
    st.integers(1, 30),
    st.integers(8, 700),
)
def test_statistics_are_exact(
    order: list[int], flips: list[tuple[int, int]], ended: bool, window: int, step: int
) -> None:
    sent = [bytearray(PACKETS[number]) for number in order]
    for index, bit in flips:
        if index < len(sent):
            sent[index][bit // 8 % len(sent[index])] ^= 1 << bit % 8
    data = b"".join(map(bytes, sent)) + (LAYOUT.pack_end(EVENTS) if ended else b"")
    story = independent_wire.read(data, ABOUT, window)
    rows, statistics, incidents = read(data, window, step)
    assert rows["entry"].tolist() == [event.number for event in story.events]
    assert rows["values"][:, :8].tolist() == [event.values for event in story.events]
    assert statistics.run == story.run
    for kind in (Incident.LOST, Incident.REPEATED, Incident.REORDERED, Incident.LATE):
        expected = sorted(getattr(story, kind.name.lower()))
        assert event_numbers(incidents, kind) == expected
        assert getattr(statistics, kind.name.lower()) == len(expected)
    damaged = incidents[incidents["kind"] == Incident.DAMAGED]
    assert [tuple(map(int, row)) for row in damaged[["first", "stop", "bytes"]].tolist()] == story.damaged
    assert statistics.damaged == len(story.damaged)
    assert statistics.damaged_bytes == sum(size for _, _, size in story.damaged)
    # nothing is lost silently, and nothing is invented
    assert (
        len(rows) + statistics.lost
        == max([*order_of(rows), *event_numbers(incidents, Incident.LOST), -1]) + 1
    )


def order_of(rows: Any) -> list[int]:
    entries: list[int] = rows["entry"].tolist()
    assert entries == sorted(set(entries))
    return entries


def test_cut_off_anywhere() -> None:
    data = b"".join(PACKETS[:5]) + LAYOUT.pack_end(5)
    size = len(PACKETS[0])
    for length in range(len(data) + 1):
        rows, statistics, _ = read(data[:length], 8)
        whole = min(length // size, 5)
        assert rows["entry"].tolist() == list(range(whole))
        assert statistics.damaged_bytes == (0 if length == len(data) else length - whole * size)
        assert statistics.run == (5 if length == len(data) else None)


def test_counters_that_wrap_around() -> None:
    start = (1 << 32) - 30
    counters = start + np.arange(EVENTS)
    packets = LAYOUT.pack(counters, VALUES, np.zeros(EVENTS, np.uint8))
    packets[28], packets[33] = packets[33], packets[28]
    data = b"".join(packets) + LAYOUT.pack_end(start + EVENTS + 2)
    rows, statistics, _ = read(data, 16)
    assert rows["entry"].tolist() == counters.tolist()
    assert statistics.run == start + EVENTS + 2
    assert statistics.lost == start + 2  # the run began before the recording


def test_stream_of_another_model_is_refused() -> None:
    other = PacketLayout(b"\xaa\xbb\xcc\xdd" + bytes(28), LAYOUT.latents, LAYOUT.inputs)
    foreign = other.pack(np.arange(EVENTS), VALUES, np.zeros(EVENTS, np.uint8))
    with pytest.raises(ConfigError, match="packets of the model aabbccdd…, not of 97ff8a35…"):
        read(b"".join(foreign), 8)
    # further on they are left out, and counted
    rows, statistics, _ = read(b"".join([*PACKETS[:3], *foreign[3:5], *PACKETS[5:9]]), 8)
    assert rows["entry"].tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert (statistics.foreign, statistics.lost) == (2, 2)


def test_another_length_under_the_same_name_is_refused() -> None:
    longer = PacketLayout(LAYOUT.digest, (12,) * 30, LAYOUT.inputs)
    data = b"".join(longer.pack(np.arange(2), np.zeros((2, 1, 30), np.int64), np.zeros(2, np.uint8)))
    with pytest.raises(ConfigError, match="of another version or length"):
        read(data, 8)


def test_no_window() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Stream(end_of(LAYOUT), "stream", 0)
