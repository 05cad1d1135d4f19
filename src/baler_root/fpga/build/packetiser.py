"""Verilog that makes packets of latents, and the packets it is expected to make (formats/wire.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_root.fpga.build.templating import fill
from baler_root.fpga.encoder import Codes, EncoderDefinition
from baler_root.fpga.wire.packets import SYNC, VERSION, Flag, PacketLayout, words_of
from baler_root.fpga.wire.software_board import packet_groups

TOP = "baler_link"


EVENTS_PER_PACKET = 8
"""Most events in a packet: header and checksum then add 16 bits per event."""


def events_per_packet(layout: PacketLayout) -> int:
    """Most events in a packet of the firmware."""
    return min(EVENTS_PER_PACKET, layout.max_events)


def write_packetiser(definition: EncoderDefinition, latency_cycles: int, folder: Path) -> None:
    """Write `baler_link.v` for an encoder of this latency.

    Raises ConfigError if packets would be too long.
    """
    layout = PacketLayout.of(definition)
    payload = max(words_of(layout.inputs), words_of(layout.latents * events_per_packet(layout)))
    text = fill(
        f"{TOP}.v",
        version=VERSION,
        sync=SYNC.hex(),
        digest=definition.digest.hex(),
        model=f"{layout.model_id:08x}",
        code_bits=definition.input_bits,
        latent_bits=definition.latent_bits,
        payload_bits=64 * payload,
        together=events_per_packet(layout),
        edges=latency_cycles,
        saturated=_saturated(definition),
    )
    (folder / f"{TOP}.v").write_text(text, encoding="ascii")


def expected_packets(definition: EncoderDefinition, codes: Codes, raw: NDArray[np.bool_]) -> bytes:
    """The packets of rows numbered from 0, those marked in `raw` sent raw, and the end packet."""
    layout, latents = PacketLayout.of(definition), definition(codes)
    limits = definition.output
    saturated = ((latents == limits.low) | (latents == limits.high)).any(axis=1)
    is_raw = raw | saturated
    packets = []
    for start, count in zip(*packet_groups(is_raw, events_per_packet(layout)), strict=True):
        rows = slice(start, start + count)
        flags = np.array([Flag.SATURATED if saturated[rows].any() else Flag.NONE], np.uint8)
        values = (codes if is_raw[start] else latents)[None, rows]
        packets += layout.pack(np.array([start]), values, flags, bool(is_raw[start]))
    return b"".join([*packets, layout.pack_end(len(codes))])


def _saturated(definition: EncoderDefinition) -> str:
    """Verilog expression: a latent is at a limit of the last layer.

    Latents that never reach it are left out.
    """
    tests, start = [], 0
    for latent in definition.latents:
        bits = f"latents[{start + latent.width - 1}:{start}]"
        tests += [
            f"{bits} == {latent.width}'d{limit & ((1 << latent.width) - 1)}"
            for limit in (definition.output.low, definition.output.high)
            if latent.low <= limit <= latent.high
        ]
        start += latent.width
    return " || ".join(tests) or "1'b0"
