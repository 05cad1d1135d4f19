"""Verilog of the network, made by da4ml, and what is around it: fixed port widths, constraints, a script.

da4ml is LGPLv3; of its library of Verilog modules those that the network uses are copied into the project.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from baler_root.errors import ConfigError, CorruptFileError
from baler_root.fpga.build.packetiser import write_packetiser
from baler_root.fpga.build.target import Target
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.tools import package, package_version
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import Codes, Definition
from baler_root.training.hardware.resources import Resources

NETWORK = "encoder"
"""Module that da4ml writes."""


TOP = "baler_encoder"
"""The same with fixed port widths and a bit that says which clocks have a row."""


LOGIC = "encoder.json"
"""The network as da4ml's interpreter reads it."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a number is in a port of da4ml, which leaves out bits that never change."""

    at: int
    width: int
    power: int
    """The power of two that the lowest bit stands for."""
    signed: bool


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What da4ml made."""

    stages: int
    edges: int
    """From codes at the input to their latents at the output: one more than stages, as both ends have registers."""
    adder_levels: int
    """In a stage at most."""
    luts: int
    flip_flops: int
    tool: str

    def write(self, folder: Path) -> None:
        """As `pipeline.json`."""
        (folder / "pipeline.json").write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What `write` wrote; raises CorruptFileError."""
        path = folder / "pipeline.json"
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise CorruptFileError(f"{path}: not as `baler-root fpga build` wrote it ({error})") from None


def write_rtl(definition: Definition, target: Target, clock: float, levels: int, folder: Path) -> Pipeline:
    """Make the project, for a clock in MHz and so many adders in a stage; raises MissingExtraError without da4ml."""
    trace = package("da4ml.trace", "rtl")
    verilog = package("da4ml.codegen.rtl.verilog", "rtl")
    logic = _trace(definition)
    pipe = trace.to_pipeline(logic, levels, verbose=False)
    inputs, outputs = _fields(pipe.inp_qint), _fields(pipe.out_qint)
    if not any(field.width for field in outputs):
        raise ConfigError("all latents are 0 whatever the input: there is nothing to compute")
    folder.mkdir(parents=True)
    sources = verilog.pipeline_logic_gen(pipe, NETWORK)
    for name, text in sources.items():
        (folder / f"{name}.v").write_text(text, encoding="ascii")
    library = Path(str(verilog.__file__)).parent / "source"
    for name in sorted({word for text in sources.values() for word in re.findall(r"\b(\w+) #\(", text)}):
        shutil.copyfile(library / f"{name}.v", folder / f"{name}.v")
    logic.save(folder / LOGIC)
    stages = len(pipe.solutions)
    out = Pipeline(
        stages,
        stages + 1,
        math.ceil(max(max(stage.latency) / number for number, stage in enumerate(pipe.solutions, 1))),
        round(logic.cost),
        int(pipe.reg_bits),
        package_version("da4ml"),
    )
    out.write(folder)
    (folder / f"{TOP}.v").write_text(_wrapper(definition, inputs, outputs, out.edges), encoding="ascii")
    write_packetiser(definition, out.edges, folder)
    period = f"{1000 / clock:.4g}"
    (folder / "constraints.xdc").write_text(fill("constraints.xdc", period=period), encoding="ascii")
    (folder / "build.tcl").write_text(fill("build.tcl", part=target.part), encoding="ascii")
    return out


def estimate(definition: Definition) -> Resources:
    """What da4ml's solver makes of the network, in about a second; raises MissingExtraError without it."""
    logic = _trace(definition)
    return Resources(float(logic.cost), math.ceil(max(logic.latency)))


def interpret(folder: Path, codes: Codes) -> Codes:
    """The latents as da4ml's interpreter computes them; raises MissingExtraError, CorruptFileError."""
    types = package("da4ml.types", "rtl")
    path = folder / LOGIC
    try:
        logic = types.CombLogic.load(path)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise CorruptFileError(f"{path}: no logic of da4ml ({error})") from None
    return np.asarray(np.rint(logic.predict(codes.astype(np.float64))), np.int64)


def _trace(definition: Definition) -> Any:
    """The network as da4ml's adders: codes are integers, weights have as many fraction bits as their layer shifts."""
    trace, ops = package("da4ml.trace", "rtl"), package("da4ml.trace.ops", "rtl")
    one = definition.input
    parts = (np.full(definition.width, part) for part in (int(one.signed), one.width - one.signed, 0))
    first = trace.FixedVariableArray.from_kif(*parts, hwconf=trace.HWConfig(1, -1, -1))
    values = first
    for layer in definition.layers:
        scale = 2.0**-layer.shift
        sums = values @ (layer.weights.T * scale) + layer.biases * scale
        one = layer.output
        values = ops.quantize(sums, int(one.signed), one.width - one.signed, 0, "SAT", "RND")
    return trace.comb_trace(first, values)


def _fields(intervals: Sequence[Any]) -> list[Field]:
    """Where the numbers of a port are."""
    minimal = package("da4ml.types", "rtl").minimal_kif
    out, at = [], 0
    for interval in intervals:
        signed, integers, fraction = (int(part) for part in minimal(interval))
        out.append(Field(at, signed + integers + fraction, -fraction, bool(signed)))
        at += out[-1].width
    return out


def _wrapper(definition: Definition, inputs: Sequence[Field], outputs: Sequence[Field], edges: int) -> str:
    """Verilog that takes codes and gives latents of the widths of the definition."""
    wires = []
    for number, field in enumerate(inputs):
        if field.width:
            low = number * definition.input.width + field.power
            inside = f"used_codes[{field.at + field.width - 1}:{field.at}]"
            wires.append(f"assign {inside} = codes[{low + field.width - 1}:{low}];")
    low = 0
    for latent, field in zip(definition.latents, outputs, strict=True):
        wires.append(f"assign latents[{low + latent.width - 1}:{low}] = {_sized(field, latent)};")
        low += latent.width
    return fill(
        f"{TOP}.v",
        digest=definition.digest.hex(),
        code_bits=definition.input_bits,
        latent_bits=definition.latent_bits,
        inside_bits=max(1, sum(field.width for field in inputs)),
        outside_bits=sum(field.width for field in outputs),
        edges=edges,
        wires="\n    ".join(wires),
    )


def _sized(field: Field, latent: CodeFormat) -> str:
    """A latent of its full width: zeros below, the sign above, or without the bits above that only repeat the sign."""
    if not field.width:
        return f"{latent.width}'d0"
    kept = min(field.width, latent.width - field.power)
    above = latent.width - field.power - kept
    top = field.at + field.width - 1
    parts = [f"trimmed[{field.at + kept - 1}:{field.at}]"]
    if field.power:
        parts.append(f"{field.power}'d0")
    if above:
        parts.insert(0, f"{{{above}{{trimmed[{top}]}}}}" if field.signed else f"{above}'d0")
    return "{" + ", ".join(parts) + "}"
