"""Resources estimated by yosys, module by module in parallel. A vendor's tool packs LUTs differently."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_root.errors import ToolFailedError
from baler_root.fpga.build import packetiser, rtl
from baler_root.fpga.tools import YOSYS, run

FLAGS = "-flatten -noiopad -noclkbuf"
"""Options of `synth_xilinx`."""


KINDS = {
    "luts": re.compile(r"LUT[1-6]$"),
    "carries": re.compile(r"CARRY[48]$"),
    "flip_flops": re.compile(r"FD[RSCP]E(_1)?$"),
    "shift_registers": re.compile(r"SRL(16E|C32E)$"),
    "memories": re.compile(r"RAM\d+\w*$"),
    "dsps": re.compile(r"DSP48"),
}
"""Cell types of each attribute of `CellCounts`."""


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Numbers of an FPGA's cells."""

    luts: int
    carries: int
    """CARRY4 cells; UltraScale has CARRY8 instead, of which half as many are needed."""
    flip_flops: int
    shift_registers: int
    memories: int
    """Cells of distributed memory, each of several LUTs."""
    dsps: int


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Cells that yosys needs for the Verilog."""

    network: CellCounts
    link: CellCounts
    """Cells outside the network: valid bits, delays, groups of events, queue, framing."""
    tool: str
    seconds: float


def synthesise(folder: Path, family: str, seconds: float) -> Synthesis:
    """Synthesise a project; raises MissingToolError, and ToolFailedError after `seconds`."""
    yosys, started = YOSYS.path(), time.monotonic()
    files = sorted(folder.glob(f"{rtl.NETWORK}_stage*.v"), key=lambda path: -path.stat().st_size)
    stages = [path.stem for path in files]  # the largest first, so that it does not run alone at the end
    tops = [*stages, rtl.NETWORK, rtl.TOP, packetiser.TOP]
    library = [path.stem for path in folder.glob("*.v") if path.stem not in tops]

    def count(top: str) -> Counter[str]:
        remaining = max(0.0, seconds - (time.monotonic() - started))
        with TemporaryDirectory(prefix="baler-root-yosys-") as name:
            modules = [top, *library] if top in stages else [top]
            opaque = {rtl.NETWORK: stages, rtl.TOP: [rtl.NETWORK], packetiser.TOP: [rtl.TOP]}.get(top, [])
            lines = [f"read_verilog {_path(folder, module)}" for module in modules]
            lines += [f"read_verilog -lib {_path(folder, module)}" for module in opaque]
            lines += [f"synth_xilinx -family {family} -top {top} {FLAGS}", "tee -o stat.json stat -json"]
            script = Path(name) / "synthesise.ys"
            script.write_text("\n".join(lines) + "\n", encoding="utf-8")
            try:
                run([yosys, "-q", "-s", str(script)], Path(name), remaining)
            except ToolFailedError:
                if time.monotonic() - started < seconds:
                    raise
                raise ToolFailedError(
                    f"yosys was not done after {seconds:g} s (--synthesis-seconds)"
                ) from None
            try:
                return _cells((Path(name) / "stat.json").read_text(encoding="utf-8"), top)
            except (OSError, ValueError, KeyError) as error:
                raise ToolFailedError(f"yosys gave no readable statistics of {top} ({error})") from None

    with ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        counts = dict(zip(tops, pool.map(count, tops), strict=True))
    network: Counter[str] = sum((counts[top] for top in [*stages, rtl.NETWORK]), Counter())
    link = counts[rtl.TOP] + counts[packetiser.TOP]
    tool = f"{YOSYS.version()}, synth_xilinx -family {family} {FLAGS}, module by module"
    return Synthesis(_cell_counts(network), _cell_counts(link), tool, time.monotonic() - started)


def _path(folder: Path, module: str) -> str:
    return f'"{(folder / f"{module}.v").resolve()}"'


def _cells(text: str, top: str) -> Counter[str]:
    """Number of cells of each type in a module."""
    modules = json.loads(text[text.index("{") :])["modules"]
    return Counter(modules[f"\\{top}"]["num_cells_by_type"])


def _cell_counts(cells: Counter[str]) -> CellCounts:
    return CellCounts(
        **{
            kind: sum(count for cell, count in cells.items() if pattern.match(cell))
            for kind, pattern in KINDS.items()
        }
    )
