"""The golden stream `formats/vectors/wire.bin`: `python -m tests.vectors.wire` writes it once."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.fpga.wire.packets import Flag, PacketLayout
from tests.independent_reader import wire as independent_wire

STREAM = Path(__file__).parents[2] / "formats" / "vectors" / "wire.bin"
LAYOUT = PacketLayout(sha256(b"a model").digest(), (7, 1, 12, 5, 12, 9, 12, 12), (12,) * 11)
WINDOW = 16


def build() -> tuple[bytes, list[dict[str, Any]]]:
    """A stream with one of each incident, and its packets, damaged or not."""
    rng = np.random.default_rng(6)
    packets: list[dict[str, Any]] = []
    out: list[bytes] = []

    def packet(counter: int, events: int, flags: int = 0, raw: bool = False) -> bytes:
        widths = LAYOUT.inputs if raw else LAYOUT.latents
        half = np.array([1 << (width - 1) for width in widths])
        values = rng.integers(-half, half, (1, events, len(widths)))
        values[0, 0, :3], values[0, -1, :3] = -half[:3], half[:3] - 1
        made = LAYOUT.pack(np.array([counter]), values, np.array([flags], np.uint8), raw)[0]
        about = {"counter": counter, "flags": flags | Flag.RAW * raw, "values": values[0].tolist()}
        packets.append({**about, "hex": made.hex()})
        return made

    out += [packet(0, 3), packet(3, 1), packet(4, 1, raw=True), packet(5, 2, Flag.SATURATED)]
    out += [packet(8, 1), packet(7, 1), packet(9, 4), out[-1], packet(13, 1, Flag.SATURATED, raw=True)]
    broken = bytearray(packet(14, 3))
    broken[20] ^= 4
    out += [bytes(broken), packet(17, 1), b"noise \xb4 \xb4\x11\x01\x02", packet(40, 8), packet(18, 1)]
    other = PacketLayout(sha256(b"another model").digest(), LAYOUT.latents, LAYOUT.inputs)
    out += [other.pack(np.array([48]), np.zeros((1, 1, 8), np.int64), np.zeros(1, np.uint8))[0]]
    out += [packet(48, 2), LAYOUT.pack_end(52), packet(50, 1)[:-3]]
    return b"".join(out), packets


def document() -> tuple[bytes, dict[str, Any]]:
    """The stream and its sidecar; the events and incidents are those of the second reader."""
    stream, packets = build()
    about = {"model": LAYOUT.digest.hex(), "latents": LAYOUT.latents, "inputs": LAYOUT.inputs}
    story = independent_wire.read(stream, about, WINDOW)
    events = [[event.number, event.flags & 3, event.values] for event in story.events]
    names = ("run", "lost", "repeated", "reordered", "late", "damaged", "foreign")
    return stream, {
        "about": "Packets with latents and raw ones; lost, repeated, reordered, late, damaged, foreign ones; cut off",
        **about,
        "window": WINDOW,
        "packets": packets,
        "events": events,
        **{name: getattr(story, name) for name in names},
    }


if __name__ == "__main__":
    if STREAM.exists():
        sys.exit(f"{STREAM} exists; golden files are never overwritten")
    stream, sidecar = document()
    STREAM.write_bytes(stream)
    STREAM.with_suffix(".json").write_text(json.dumps(sidecar) + "\n", encoding="utf-8")
