"""Verilog of the network, made by da4ml, with a wrapper of fixed port widths, constraints and a build script.

da4ml is LGPLv3; the modules of its Verilog library that the network uses are copied into the project.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baler_root.errors import ConfigError, CorruptFileError
from baler_root.extras import needed
from baler_root.fpga.build.packetiser import write_packetiser
from baler_root.fpga.build.target import Target
from baler_root.fpga.build.templating import fill
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import Codes, EncoderDefinition
from baler_root.fpga.tools import package_version
from baler_root.training.hardware.resources import Resources

NETWORK = "encoder"
"""Name of the module that da4ml writes."""


TOP = "baler_encoder"
"""Name of the wrapper module, with fixed port widths and a valid bit."""


LOGIC = "encoder.json"
"""File with the network for da4ml's interpreter."""


@dataclass(frozen=True, slots=True)
class PortField:
    """Position of a number in a port of da4ml, which leaves out bits that never change."""

    offset: int
    """Lowest bit in the port."""
    width: int
    power: int
    """Weight of the lowest bit, as a power of two."""
    signed: bool


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipelined network, as da4ml describes it."""

    stages: int
    latency_cycles: int
    """Clock cycles from codes to latents: one more than stages, since both ends have registers."""
    adder_levels: int
    """Most adders in series in a stage."""
    luts: int
    flip_flops: int
    tool: str

    def write(self, folder: Path) -> None:
        """Write `pipeline.json`."""
        entries = {
            ("edges" if name == "latency_cycles" else name): value for name, value in asdict(self).items()
        }
        (folder / "pipeline.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def write_rtl(
    definition: EncoderDefinition, target: Target, clock: float, adder_levels: int, folder: Path
) -> Pipeline:
    """Write the project for a clock in MHz and at most `adder_levels` adders in series in a stage.

    Raises MissingExtraError without da4ml, ConfigError if all latents are constant.
    """
    trace = needed("da4ml.trace", "rtl")
    verilog = needed("da4ml.codegen.rtl.verilog", "rtl")
    logic = _trace(definition)
    pipe = trace.to_pipeline(logic, adder_levels, verbose=False)
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
    pipeline = Pipeline(
        stages,
        stages + 1,
        math.ceil(max(max(stage.latency) / number for number, stage in enumerate(pipe.solutions, 1))),
        round(logic.cost),
        int(pipe.reg_bits),
        package_version("da4ml"),
    )
    pipeline.write(folder)
    (folder / f"{TOP}.v").write_text(
        _wrapper(definition, inputs, outputs, pipeline.latency_cycles), encoding="ascii"
    )
    write_packetiser(definition, pipeline.latency_cycles, folder)
    period = f"{1000 / clock:.4g}"
    (folder / "constraints.xdc").write_text(fill("constraints.xdc", period=period), encoding="ascii")
    (folder / "build.tcl").write_text(fill("build.tcl", part=target.part), encoding="ascii")
    return pipeline


def estimate(definition: EncoderDefinition) -> Resources:
    """LUTs and adder depth of the network by da4ml's solver, in about a second.

    Raises MissingExtraError without it.
    """
    logic = _trace(definition)
    return Resources(float(logic.cost), math.ceil(max(logic.latency)))


def interpret(folder: Path, codes: Codes) -> Codes:
    """The latents that da4ml's interpreter computes; raises MissingExtraError and CorruptFileError."""
    types = needed("da4ml.types", "rtl")
    path = folder / LOGIC
    try:
        logic = types.CombLogic.load(path)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise CorruptFileError(f"{path}: no logic of da4ml ({error})") from None
    return np.asarray(np.rint(logic.predict(codes.astype(np.float64))), np.int64)


def _trace(definition: EncoderDefinition) -> Any:
    """The network as da4ml's adders, with integer codes and weights of `shift` fraction bits."""
    trace, ops = needed("da4ml.trace", "rtl"), needed("da4ml.trace.ops", "rtl")
    code = definition.input
    parts = (np.full(definition.width, part) for part in (int(code.signed), code.width - code.signed, 0))
    first = trace.FixedVariableArray.from_kif(*parts, hwconf=trace.HWConfig(1, -1, -1))
    values = first
    for layer in definition.layers:
        scale = 2.0**-layer.shift
        sums = values @ (layer.weights.T * scale) + layer.biases * scale
        code = layer.output
        values = ops.quantize(sums, int(code.signed), code.width - code.signed, 0, "SAT", "RND")
    return trace.comb_trace(first, values)


def _fields(intervals: Sequence[Any]) -> list[PortField]:
    """Fields of a port with these value intervals, one behind the other."""
    minimal = needed("da4ml.types", "rtl").minimal_kif
    fields: list[PortField] = []
    offset = 0
    for interval in intervals:
        signed, integers, fraction = (int(part) for part in minimal(interval))
        fields.append(PortField(offset, signed + integers + fraction, -fraction, bool(signed)))
        offset += fields[-1].width
    return fields


def _wrapper(
    definition: EncoderDefinition,
    inputs: Sequence[PortField],
    outputs: Sequence[PortField],
    latency_cycles: int,
) -> str:
    """Verilog of the wrapper, whose codes and latents have the widths of the definition."""
    wires = []
    for number, field in enumerate(inputs):
        if field.width:
            low = number * definition.input.width + field.power
            used_bits = f"used_codes[{field.offset + field.width - 1}:{field.offset}]"
            wires.append(f"assign {used_bits} = codes[{low + field.width - 1}:{low}];")
    low = 0
    for latent, field in zip(definition.latents, outputs, strict=True):
        wires.append(f"assign latents[{low + latent.width - 1}:{low}] = {latent_expression(field, latent)};")
        low += latent.width
    return fill(
        f"{TOP}.v",
        digest=definition.digest.hex(),
        code_bits=definition.input_bits,
        latent_bits=definition.latent_bits,
        inside_bits=max(1, sum(field.width for field in inputs)),
        outside_bits=sum(field.width for field in outputs),
        edges=latency_cycles,
        wires="\n    ".join(wires),
    )


def latent_expression(field: PortField, latent: CodeFormat) -> str:
    """Verilog expression of a latent at its full width, from its field in da4ml's port.

    Zeros are added below; above, the sign is extended, or bits that only repeat the sign are cut.
    """
    if not field.width:
        return f"{latent.width}'d0"
    width = min(field.width, latent.width - field.power)
    extension = latent.width - field.power - width
    top = field.offset + field.width - 1
    parts = [f"trimmed[{field.offset + width - 1}:{field.offset}]"]
    if field.power:
        parts.append(f"{field.power}'d0")
    if extension:
        parts.insert(0, f"{{{extension}{{trimmed[{top}]}}}}" if field.signed else f"{extension}'d0")
    return "{" + ", ".join(parts) + "}"
