"""What is known of firmware: figures, each with how it is known; as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from baler_root import __version__
from baler_root.fpga.build.agreement import Agreement
from baler_root.fpga.build.packetiser import together
from baler_root.fpga.build.published import ANCHORS
from baler_root.fpga.build.rtl import Pipeline
from baler_root.fpga.build.synthesis import Synthesis
from baler_root.fpga.build.target import Target
from baler_root.fpga.encoder import Definition
from baler_root.fpga.wire.packets import CRC_SIZE, HEAD_SIZE, Layout, words_of
from baler_root.fpga.wire.traffic import Traffic

How = Literal["by definition", "measured", "estimated by yosys", "estimated by da4ml", "not known here"]


ASK = "`rtl/build.tcl` and `hls/README.md` have the commands"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number."""

    what: str
    value: float | None
    unit: str
    how: How
    note: str = ""

    @property
    def text(self) -> str:
        """For people."""
        if self.value is None:
            return "—"
        number = (
            f"{self.value:,.0f}".replace(",", " ") if self.value == int(self.value) else f"{self.value:.3g}"
        )
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    definition: Definition
    target: Target
    clock: float
    """MHz, as asked."""
    options: Mapping[str, Any]
    agreement: Agreement
    pipeline: Pipeline | None
    synthesis: Synthesis | None
    gaps: tuple[str, ...] = ()
    """What could not be done here, and why."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    traffic: Traffic | None = None
    """Of rows of a data file, if there was one."""

    @property
    def edges(self) -> int | None:
        """Clock edges from codes to latents."""
        return self.agreement.edges or (self.pipeline.edges if self.pipeline else None)

    @property
    def latency(self) -> float | None:
        """In ns, at the clock that was asked for."""
        return None if self.edges is None else self.edges * 1000 / self.clock

    def figures(self) -> list[Figure]:
        """In the order of the table."""
        return [*self._bits(), *self._resources(), *self._time()]

    def _bits(self) -> list[Figure]:
        definition = self.definition
        layout = Layout.of(definition)
        group = together(layout)
        words = words_of(layout.latents * group)
        wire = 8 * (HEAD_SIZE + CRC_SIZE + 8 * words) / group
        inside, outside = definition.input_bits, definition.latent_bits
        stored = sum(8 * np.dtype(entry.column.dtype).itemsize * entry.each for entry in definition.inputs)
        return [
            Figure(
                "bits of the branches, per row", stored, "bits", "by definition", "as ROOT has them in memory"
            ),
            Figure(
                "bits in, per row",
                inside,
                "bits",
                "by definition",
                f"{definition.width} codes of {definition.input}",
            ),
            Figure(
                "bits out, per row", outside, "bits", "by definition", f"{len(definition.latents)} latents"
            ),
            Figure("ratio", outside / inside, "", "by definition", "bits out / bits in"),
            Figure(
                "bits on the wire, per row",
                wire,
                "bits",
                "by definition",
                f"packets of {group} rows, headers and checksums counted, no row sent raw",
            ),
            *self._traffic(),
        ]

    def _traffic(self) -> list[Figure]:
        names, found = ("rows sent raw", "bits on the wire with these, per row"), self.traffic
        if found is None:
            return [Figure(name, None, "", "not known here", "needs rows: --data") for name in names]
        why = (
            f"{found.raw} of {found.rows} rows of --data: a latent saturates in {found.saturated}, a value has no code "
            f"of its own in {found.odd}"
        )
        packets = "mean of the packets of these rows"
        return [
            Figure(names[0], 100 * found.rate, "%", "measured", why),
            Figure(names[1], found.bits, "bits", "measured", packets),
        ]

    def _resources(self) -> list[Figure]:
        out, target = [], self.target
        if self.pipeline is not None:
            pipeline = self.pipeline
            note = f"{100 * pipeline.luts / target.luts:.2g} % of {target.name}"
            out.append(Figure("LUT, network", pipeline.luts, "", "estimated by da4ml", note))
            out.append(Figure("FF, network", pipeline.flip_flops, "", "estimated by da4ml"))
        if self.synthesis is not None:
            for where, cells in (("network", self.synthesis.network), ("packets", self.synthesis.link)):
                note = f"{100 * cells.luts / target.luts:.2g} % of {target.name}; not packed in pairs"
                out += [
                    Figure(f"LUT, {where}", cells.luts, "", "estimated by yosys", note),
                    Figure(f"carry, {where}", cells.carries, "CARRY4", "estimated by yosys"),
                    Figure(f"FF, {where}", cells.flip_flops, "", "estimated by yosys"),
                    Figure(f"DSP, {where}", cells.dsps, "", "estimated by yosys"),
                ]
                if cells.shift_registers + cells.memories:
                    both = cells.shift_registers + cells.memories
                    out.append(Figure(f"LUT memory, {where}", both, "cells", "estimated by yosys"))
        else:
            names = ("LUT, network", "carry, network", "FF, network", "DSP, network")
            out += [Figure(name, None, "", "not known here", "no synthesis") for name in names]
        out.append(
            Figure("LUT, FF, DSP of the HLS project", None, "", "not known here", "needs the vendor's tool")
        )
        return out

    def _time(self) -> list[Figure]:
        measured = self.agreement.edges is not None
        how: How = "measured" if measured else "estimated by da4ml" if self.edges else "not known here"
        asked = f"edges at {self.clock:g} MHz as asked; whether that clock is met is not known here"
        out = [
            Figure("clock edges, codes to latents", self.edges, "", how),
            Figure("initiation interval", 1 if self.edges else None, "clock", how, "a row at every clock"),
            Figure("latency", self.latency, "ns", how, asked),
        ]
        if self.pipeline is not None:
            levels = self.pipeline.adder_levels
            out.append(Figure("adders between registers", levels, "at most", "estimated by da4ml"))
        out.append(Figure("clock that is met", None, "MHz", "not known here", "needs placement and routing"))
        out.append(
            Figure("latency of the HLS project", None, "ns", "not known here", "needs the vendor's tool")
        )
        return out

    def to_json(self) -> dict[str, Any]:
        """As `report.json`."""
        return {
            "baler_root": __version__,
            "model": self.definition.digest.hex(),
            "network": [self.definition.width, *(len(layer.weights) for layer in self.definition.layers)],
            "target": asdict(self.target),
            "clock_MHz": self.clock,
            "options": dict(self.options),
            "figures": [asdict(figure) for figure in self.figures()],
            "traffic": None if self.traffic is None else asdict(self.traffic),
            "agreement": asdict(self.agreement),
            "tools": self.tools(),
            "gaps": list(self.gaps),
            "seconds": dict(self.seconds),
            "anchors": [asdict(anchor) for anchor in ANCHORS],
        }

    def tools(self) -> list[str]:
        """Names and versions."""
        found = [f"baler-root {__version__}", *(path.tool for path in self.agreement.paths)]
        found += [some.tool for some in (self.pipeline, self.synthesis) if some is not None]
        found += [str(self.options["hls4ml"])] if self.options.get("hls4ml") else []
        return sorted({tool for tool in found if tool})

    def write(self, folder: Path) -> None:
        """As `report.json` and `report.md`."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (folder / "report.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """For people."""
        definition, agreement = self.definition, self.agreement
        shape = "→".join(str(n) for n in self.to_json()["network"])
        figures = [(f.what, f.text, f.how, f.note) for f in self.figures()]
        saturating = ", ".join(f"{count} in layer {n}" for n, count in enumerate(agreement.saturating))
        known = [(f.work, f.figures, f.source) for f in ANCHORS]
        origin = (
            f"{agreement.physics} of a data file, the others corner cases"
            if agreement.physics
            else "corner cases"
        )
        parts = [
            f"# Firmware of the network {shape}",
            f"Model `{definition.digest.hex()}`, tree `{definition.tree}`; {self.target.part} at {self.clock:g} MHz.",
            "![What it takes](report.png)",
            "## Figures",
            _table(("", "", "how it is known", ""), figures),
            "## Agreement",
            f"{agreement.rows} rows ({origin}). Rows that saturate: {saturating}.",
            _table(("path", "rows identical", "tool"), agreement.table()),
        ]
        if agreement.packets is not None:
            parts.append(
                f"Packets under Verilator: {agreement.packets} bytes, all as formats/wire.md has them."
            )
        if self.gaps:
            parts += ["## Not done here", "\n".join(f"- {gap}" for gap in self.gaps)]
        parts += [
            "## What only a vendor's tool can tell",
            f"Whether the clock is met, the LUTs after packing, the power, and all figures of the HLS project: {ASK}.",
            "## Beside others",
            _table(("work", "figures", "source"), known),
            "These are other networks with other tasks, after a vendor's place and route, or in silicon.",
            "## Tools",
            "\n".join(f"- {tool}" for tool in self.tools()),
        ]
        return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
