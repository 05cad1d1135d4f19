"""Verilog that makes packets of latents, and the packets that it must make (formats/wire.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_root.fpga.build.templating import fill
from baler_root.fpga.encoder import Codes, Definition
from baler_root.fpga.wire.packets import SYNC, VERSION, Flag, Layout, words_of
from baler_root.fpga.wire.software_board import pieces

TOP = "baler_link"


TOGETHER = 8
"""Events in a packet at most: headers then take 16 bits of each."""


def together(layout: Layout) -> int:
    """Events in a packet of the firmware at most."""
    return min(TOGETHER, layout.most)


def write_packetiser(definition: Definition, edges: int, folder: Path) -> None:
    """Write `baler_link.v`, for an encoder of so many clock edges; raises ConfigError where packets would be too long."""
    layout = Layout.of(definition)
    payload = max(words_of(layout.inputs), words_of(layout.latents * together(layout)))
    text = fill(
        f"{TOP}.v",
        version=VERSION,
        sync=SYNC.hex(),
        digest=definition.digest.hex(),
        model=f"{layout.model:08x}",
        code_bits=definition.input_bits,
        latent_bits=definition.latent_bits,
        payload_bits=64 * payload,
        together=together(layout),
        edges=edges,
        saturated=_saturated(definition),
    )
    (folder / f"{TOP}.v").write_text(text, encoding="ascii")


def expected_packets(definition: Definition, codes: Codes, raw: NDArray[np.bool_]) -> bytes:
    """The packets of rows whose counters are their numbers, those of `raw` as they are, and of the end of the run."""
    layout, latents = Layout.of(definition), definition(codes)
    limits = definition.output
    saturated = ((latents == limits.low) | (latents == limits.high)).any(axis=1)
    alone = raw | saturated
    out = []
    for start, count in zip(*pieces(alone, together(layout)), strict=True):
        rows = slice(start, start + count)
        flags = np.array([Flag.SATURATED if saturated[rows].any() else Flag.NONE], np.uint8)
        values = (codes if alone[start] else latents)[None, rows]
        out += layout.pack(np.array([start]), values, flags, bool(alone[start]))
    return b"".join([*out, layout.pack_end(len(codes))])


def _saturated(definition: Definition) -> str:
    """In Verilog, whether a latent is at a limit of the last layer; those that cannot get there are left out."""
    tests, at = [], 0
    for latent in definition.latents:
        bits = f"latents[{at + latent.width - 1}:{at}]"
        tests += [
            f"{bits} == {latent.width}'d{limit & ((1 << latent.width) - 1)}"
            for limit in (definition.output.low, definition.output.high)
            if latent.low <= limit <= latent.high
        ]
        at += latent.width
    return " || ".join(tests) or "1'b0"
