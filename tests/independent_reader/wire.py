"""A second reader of packets, written from formats/wire.md alone: slow, and of big integers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Event:
    number: int
    flags: int
    values: list[int]


@dataclass
class Story:
    """Events and incidents of a stream."""

    events: list[Event] = field(default_factory=list)
    run: int | None = None
    lost: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)
    reordered: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    damaged: list[tuple[int, int, int]] = field(default_factory=list)
    """First event, the one behind the last, bytes."""
    foreign: int = 0


def fields(payload: bytes, widths: Sequence[int]) -> list[int]:
    """The fields in a payload, whose other bits must be 0."""
    number = int.from_bytes(payload, "little")
    out = []
    for width in widths:
        value = number & ((1 << width) - 1)
        out.append(value - (1 << width) if value >> (width - 1) else value)
        number >>= width
    assert number == 0
    return out


def packets(data: bytes) -> list[bytes | int]:
    """The packets in a stream, and between them the sizes of stretches that are none."""
    out: list[bytes | int] = []
    at = skipped = 0
    while at < len(data):
        size = 16 + 8 * data[at + 3] if data[at] == 0xB4 and at + 3 < len(data) else 0
        packet = data[at : at + size]
        if size and len(packet) == size and zlib.crc32(packet[:-4]) == int.from_bytes(packet[-4:], "little"):
            out += [skipped, packet] if skipped else [packet]
            at, skipped = at + size, 0
        else:
            at, skipped = at + 1, skipped + 1
    return [*out, skipped] if skipped else out


def read(data: bytes, about: dict[str, Any], window: int) -> Story:
    """Content of a stream; `about` has the `model` in hexadecimal, and the bits of `latents` and `inputs`."""
    story, seen = Story(), dict[int, Event]()
    highest, end, waiting = -1, None, list[int]()
    for packet in packets(data):
        if isinstance(packet, int):
            waiting.append(packet)
            continue
        version, flags, events = packet[1] & 15, packet[1] >> 4, packet[2]
        if packet[4:8] != bytes.fromhex(about["model"])[:4] or version != 1:
            story.foreign += 1
            continue
        counter = int.from_bytes(packet[8:12], "little")
        if flags & 4:
            end = counter
            continue
        raw = bool(flags & 2)
        widths = about["inputs"] if raw else about["latents"]
        values = fields(packet[12:-4], widths * events)
        for place in range(events):
            number = counter + place
            if highest >= 0:
                number = highest + (number - highest + (1 << 31)) % (1 << 32) - (1 << 31)
            story.damaged += [(highest + 1, max(highest + 1, number), size) for size in waiting]
            waiting.clear()
            event = Event(number, flags, values[place * len(widths) :][: len(widths)])
            if number <= highest - window or number < 0:
                story.late.append(number)
            elif number in seen:
                story.repeated.append(number)
            else:
                if number < highest:
                    story.reordered.append(number)
                seen[number] = event
            highest = max(highest, number)
    if end is not None:
        story.run = highest + (end - highest + (1 << 31)) % (1 << 32) - (1 << 31) if highest >= 0 else end
    story.damaged += [(highest + 1, max(highest + 1, story.run or 0), size) for size in waiting]
    story.events = [seen[number] for number in sorted(seen)]
    story.lost = [n for n in range(max(highest + 1, story.run or 0)) if n not in seen]
    return story
