"""The Verilog under Verilator: latents of rows that come at every clock, and the packets of some."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_root.errors import CorruptFileError, ToolFailedError
from baler_root.fpga.build.packetiser import TOP
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.tools import COMPILER, VERILATOR, run
from baler_root.fpga.build.vectors import CODES, from_hex
from baler_root.fpga.encoder import Codes, Definition
from baler_root.fpga.wire.packets import Layout, words_of

BUILD_SECONDS = 1200


WIRED = 1000
"""Rows of which packets are made."""


RAW_EVERY, RAW_AT = 37, 5
"""Which of them are sent as they are: those with this remainder (`templates/simulate.cpp`)."""


QUIET = ("-Wno-lint", "-Wno-fatal", "-Wfuture-WIDTHTRUNC", "-Wfuture-WIDTHEXPAND")
"""Warnings that da4ml's Verilog asks Verilator 5.006 not to give are of names that this version does not know."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """What came out."""

    latents: Codes
    edges: int
    """Clock edges from codes to latents."""
    packets: bytes


def simulate(definition: Definition, rtl: Path, bench: Path) -> Simulated:
    """What the Verilog in a folder gives for the vectors in another; raises MissingToolError, ToolFailedError."""
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
        layout = Layout.of(definition)
        between = words_of(layout.inputs) + words_of(layout.latents) + 4
        arguments = [str((bench / CODES).resolve()), "latents.hex", "words.hex", str(WIRED), str(between)]
        said = run([str(work / "obj" / f"V{TOP}"), *arguments], work, BUILD_SECONDS)
        try:
            outcome = json.loads(said)
            latents = from_hex(work / "latents.hex", definition.latents)
            words = [int(word, 16) for word in (work / "words.hex").read_text(encoding="ascii").split()]
        except (ValueError, OSError, CorruptFileError) as error:
            raise ToolFailedError(f"the bench of {rtl} did not run to its end ({error})") from None
    return Simulated(latents, int(outcome["edges"]), b"".join(word.to_bytes(8, "little") for word in words))


def write_benches(definition: Definition, rows: int, folder: Path) -> None:
    """Write the benches in C++, for Verilator, and in Verilog, for any simulator."""
    widths = {"code_bits": definition.input_bits, "latent_bits": definition.latent_bits}
    (folder / "simulate.cpp").write_text(fill("simulate.cpp", **widths), encoding="ascii")
    digits = {
        "code_digits": 2 * -(-definition.input_bits // 8),
        "latent_digits": 2 * -(-definition.latent_bits // 8),
    }
    (folder / "bench.v").write_text(fill("bench.v", rows=rows, **widths, **digits), encoding="ascii")
