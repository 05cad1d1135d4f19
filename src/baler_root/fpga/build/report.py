"""The report of a build: figures, each with its origin, as Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from baler_root import __version__
from baler_root.fpga.build.agreement import Agreement
from baler_root.fpga.build.packetiser import events_per_packet
from baler_root.fpga.build.published import PUBLISHED_RESULTS
from baler_root.fpga.build.rtl import Pipeline
from baler_root.fpga.build.synthesis import Synthesis
from baler_root.fpga.build.target import Target
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.wire.packets import CRC_SIZE, HEAD_SIZE, PacketLayout, words_of
from baler_root.fpga.wire.traffic import Traffic

Origin = Literal["by definition", "measured", "estimated by yosys", "estimated by da4ml", "not known here"]
"""Origin of a figure."""


OPEN_FIGURES = (
    "Whether the clock is met, the LUTs after packing, the power, and all figures of the HLS project: "
    "`rtl/build.tcl` and `hls/README.md` have the commands."
)
"""The report's text about figures that only a vendor's tool can provide."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the report."""

    name: str
    value: float | None
    unit: str
    origin: Origin
    note: str = ""

    @property
    def text(self) -> str:
        """Value and unit for people."""
        if self.value is None:
            return "—"
        number = (
            f"{self.value:,.0f}".replace(",", " ") if self.value == int(self.value) else f"{self.value:.3g}"
        )
        return f"{number} {self.unit}".strip()

    def to_json(self) -> dict[str, Any]:
        """The entry in `report.json`."""
        names = {"name": "what", "origin": "how"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is known of firmware after its build."""

    definition: EncoderDefinition
    target: Target
    clock: float
    """Requested clock frequency [MHz]."""
    options: Mapping[str, Any]
    agreement: Agreement
    pipeline: Pipeline | None
    synthesis: Synthesis | None
    gaps: tuple[str, ...] = ()
    """Steps that could not be done, with the reason."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    traffic: Traffic | None = None
    """Traffic of the rows of a data file; None without one."""

    @property
    def network(self) -> list[int]:
        """Number of inputs, and outputs of each layer."""
        return [self.definition.width, *(len(layer.weights) for layer in self.definition.layers)]

    @property
    def latency_cycles(self) -> int | None:
        """Clock cycles from codes to latents; None if unknown."""
        return self.agreement.latency_cycles or (self.pipeline.latency_cycles if self.pipeline else None)

    @property
    def latency(self) -> float | None:
        """Latency [ns] at the requested clock; None if unknown."""
        return None if self.latency_cycles is None else self.latency_cycles * 1000 / self.clock

    def figures(self) -> list[Figure]:
        """All figures, in the order of the table."""
        return [*self._bits(), *self._traffic(), *self._resources(), *self._time()]

    def _bits(self) -> list[Figure]:
        definition = self.definition
        layout = PacketLayout.of(definition)
        group = events_per_packet(layout)
        words = words_of(layout.latents * group)
        wire = 8 * (HEAD_SIZE + CRC_SIZE + 8 * words) / group
        bits_in, bits_out = definition.input_bits, definition.latent_bits
        stored = sum(
            8 * np.dtype(entry.column.dtype).itemsize * entry.values_per_row for entry in definition.inputs
        )
        codes = f"{definition.width} codes of {definition.input}"
        latents = f"{len(definition.latents)} latents"
        packets = f"packets of {group} rows, headers and checksums counted, no row sent raw"
        return [
            Figure(
                "bits of the branches, per row", stored, "bits", "by definition", "as ROOT has them in memory"
            ),
            Figure("bits in, per row", bits_in, "bits", "by definition", codes),
            Figure("bits out, per row", bits_out, "bits", "by definition", latents),
            Figure("ratio", bits_out / bits_in, "", "by definition", "bits out / bits in"),
            Figure("bits on the wire, per row", wire, "bits", "by definition", packets),
        ]

    def _traffic(self) -> list[Figure]:
        names, traffic = ("rows sent raw", "bits on the wire with these, per row"), self.traffic
        if traffic is None:
            return [Figure(name, None, "", "not known here", "needs rows: --data") for name in names]
        reasons = (
            f"{traffic.raw} of {traffic.rows} rows of --data: a latent saturates in {traffic.saturated}, a value has "
            f"no code of its own in {traffic.out_of_range}"
        )
        packets = "mean of the packets of these rows"
        return [
            Figure(names[0], 100 * traffic.raw_share, "%", "measured", reasons),
            Figure(names[1], traffic.bits, "bits", "measured", packets),
        ]

    def _resources(self) -> list[Figure]:
        figures, target = [], self.target
        if self.pipeline is not None:
            pipeline = self.pipeline
            note = f"{100 * pipeline.luts / target.luts:.2g} % of {target.name}"
            figures.append(Figure("LUT, network", pipeline.luts, "", "estimated by da4ml", note))
            figures.append(Figure("FF, network", pipeline.flip_flops, "", "estimated by da4ml"))
        if self.synthesis is not None:
            for part, cells in (("network", self.synthesis.network), ("packets", self.synthesis.link)):
                note = f"{100 * cells.luts / target.luts:.2g} % of {target.name}; not packed in pairs"
                figures += [
                    Figure(f"LUT, {part}", cells.luts, "", "estimated by yosys", note),
                    Figure(f"carry, {part}", cells.carries, "CARRY4", "estimated by yosys"),
                    Figure(f"FF, {part}", cells.flip_flops, "", "estimated by yosys"),
                    Figure(f"DSP, {part}", cells.dsps, "", "estimated by yosys"),
                ]
                if memory := cells.shift_registers + cells.memories:
                    figures.append(Figure(f"LUT memory, {part}", memory, "cells", "estimated by yosys"))
        else:
            names = ("LUT, network", "carry, network", "FF, network", "DSP, network")
            figures += [Figure(name, None, "", "not known here", "no synthesis") for name in names]
        hls = "LUT, FF, DSP of the HLS project"
        return [*figures, Figure(hls, None, "", "not known here", "needs the vendor's tool")]

    def _time(self) -> list[Figure]:
        cycles = self.latency_cycles
        origin: Origin = "not known here"
        if self.agreement.latency_cycles is not None:
            origin = "measured"
        elif cycles:
            origin = "estimated by da4ml"
        condition = f"edges at {self.clock:g} MHz as asked; whether that clock is met is not known here"
        figures = [
            Figure("clock cycles, codes to latents", cycles, "", origin),
            Figure("initiation interval", 1 if cycles else None, "clock", origin, "a row at every clock"),
            Figure("latency", self.latency, "ns", origin, condition),
        ]
        if self.pipeline is not None:
            levels = self.pipeline.adder_levels
            figures.append(Figure("adders between registers", levels, "at most", "estimated by da4ml"))
        return [
            *figures,
            Figure("clock that is met", None, "MHz", "not known here", "needs placement and routing"),
            Figure("latency of the HLS project", None, "ns", "not known here", "needs the vendor's tool"),
        ]

    def to_json(self) -> dict[str, Any]:
        """The content of `report.json`."""
        return {
            "baler_root": __version__,
            "model": self.definition.digest.hex(),
            "network": self.network,
            "target": asdict(self.target),
            "clock_MHz": self.clock,
            "options": dict(self.options),
            "figures": [figure.to_json() for figure in self.figures()],
            "traffic": None if self.traffic is None else self.traffic.to_json(),
            "agreement": self.agreement.to_json(),
            "tools": self.tools(),
            "gaps": list(self.gaps),
            "seconds": dict(self.seconds),
            "anchors": [asdict(result) for result in PUBLISHED_RESULTS],
        }

    def tools(self) -> list[str]:
        """Names and versions of the tools used, sorted."""
        tools = [f"baler-root {__version__}", *(path.tool for path in self.agreement.paths)]
        tools += [result.tool for result in (self.pipeline, self.synthesis) if result is not None]
        tools += [str(self.options["hls4ml"])] if self.options.get("hls4ml") else []
        return sorted({tool for tool in tools if tool})

    def write(self, folder: Path) -> None:
        """Write `report.json` and `report.md`."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
        (folder / "report.md").write_text(self.markdown(), encoding="utf-8")

    def markdown(self) -> str:
        """The report as a Markdown page."""
        definition, agreement = self.definition, self.agreement
        figures = [(f.name, f.text, f.origin, f.note) for f in self.figures()]
        saturating = ", ".join(f"{count} in layer {n}" for n, count in enumerate(agreement.saturating))
        published = [(result.work, result.figures, result.source) for result in PUBLISHED_RESULTS]
        sources = (
            f"{agreement.data_rows} of a data file, the others corner cases"
            if agreement.data_rows
            else "corner cases"
        )
        parts = [
            f"# Firmware of the network {'→'.join(map(str, self.network))}",
            f"Model `{definition.digest.hex()}`, tree `{definition.tree}`; {self.target.part} at {self.clock:g} MHz.",
            "![Bits, cells and latency](report.png)",
            "## Figures",
            _table(("", "", "how it is known", ""), figures),
            "## Agreement",
            f"{agreement.rows} rows ({sources}). Rows that saturate: {saturating}.",
            _table(("path", "rows identical", "tool"), agreement.table()),
        ]
        if agreement.packets is not None:
            parts.append(
                f"Packets under Verilator: {agreement.packets} bytes, all identical to those of formats/wire.md."
            )
        if self.gaps:
            parts += ["## Skipped steps", "\n".join(f"- {gap}" for gap in self.gaps)]
        parts += [
            "## Open until a vendor's tool has run",
            OPEN_FIGURES,
            "## Published results for comparison",
            _table(("work", "figures", "source"), published),
            "These are other networks with other tasks, after a vendor's place and route, or in silicon.",
            "## Tools",
            "\n".join(f"- {tool}" for tool in self.tools()),
        ]
        return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
