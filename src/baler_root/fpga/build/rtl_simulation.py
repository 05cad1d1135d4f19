"""Simulates the Verilog with Verilator: the latents of a row at every clock, and the packets of some rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_root.errors import CorruptFileError, ToolFailedError
from baler_root.fpga.build.packetiser import TOP
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.vectors import CODES, from_hex
from baler_root.fpga.encoder import Codes, EncoderDefinition
from baler_root.fpga.tools import COMPILER, VERILATOR, run
from baler_root.fpga.wire.packets import PacketLayout, words_of

BUILD_SECONDS = 1200
"""Time limit of compiling, and of running, the simulation [s]."""


PACKET_ROWS = 1000
"""Rows whose packets are compared."""


RAW_PERIOD, RAW_PHASE = 37, 5
"""Rows sent raw are those with `row % RAW_PERIOD == RAW_PHASE`.

The same numbers are in `templates/simulate.cpp`.
"""


QUIET = ("-Wno-lint", "-Wno-fatal", "-Wfuture-WIDTHTRUNC", "-Wfuture-WIDTHEXPAND")
"""Warnings to suppress; `-Wfuture-` declares names in da4ml's Verilog that Verilator 5.006 does not know."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulationResult:
    """Output of the simulated Verilog."""

    latents: Codes
    latency_cycles: int
    """Clock cycles from codes to latents."""
    packets: bytes


def simulate(definition: EncoderDefinition, rtl: Path, bench: Path) -> SimulationResult:
    """Simulate the Verilog in `rtl` with the vectors in `bench`.

    Raises MissingToolError and ToolFailedError.
    """
    verilator, _ = VERILATOR.path(), COMPILER.path()
    with TemporaryDirectory(prefix="baler-root-rtl-") as name:
        work = Path(name)
        sources = sorted(str(path.resolve()) for path in rtl.glob("*.v"))
        main = str((bench / "simulate.cpp").resolve())
        command = [
            verilator,
            "--cc",
            "--exe",
            "--build",
            "-j",
            "2",
            *QUIET,
            "-CFLAGS",
            "-O0",
            "--Mdir",
            "obj",
        ]
        run([*command, "--top-module", TOP, *sources, main], work, BUILD_SECONDS, {"OPT": "-O0"})
        layout = PacketLayout.of(definition)
        between = words_of(layout.inputs) + words_of(layout.latents) + 4
        arguments = [
            str((bench / CODES).resolve()),
            "latents.hex",
            "words.hex",
            str(PACKET_ROWS),
            str(between),
        ]
        output = run([str(work / "obj" / f"V{TOP}"), *arguments], work, BUILD_SECONDS)
        try:
            outcome = json.loads(output)
            latents = from_hex(work / "latents.hex", definition.latents)
            words = [int(word, 16) for word in (work / "words.hex").read_text(encoding="ascii").split()]
        except (ValueError, OSError, CorruptFileError) as error:
            raise ToolFailedError(f"the bench of {rtl} did not run to its end ({error})") from None
    return SimulationResult(
        latents, int(outcome["edges"]), b"".join(word.to_bytes(8, "little") for word in words)
    )


def write_benches(definition: EncoderDefinition, rows: int, folder: Path) -> None:
    """Write a bench in C++ for Verilator, and one in Verilog for any simulator."""
    widths = {"code_bits": definition.input_bits, "latent_bits": definition.latent_bits}
    (folder / "simulate.cpp").write_text(fill("simulate.cpp", **widths), encoding="ascii")
    digits = {
        "code_digits": 2 * -(-definition.input_bits // 8),
        "latent_digits": 2 * -(-definition.latent_bits // 8),
    }
    (folder / "bench.v").write_text(fill("bench.v", rows=rows, **widths, **digits), encoding="ascii")
