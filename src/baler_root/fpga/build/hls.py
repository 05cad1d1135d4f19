"""The hls4ml project: C++ for a vendor's high-level synthesis with every type explicit, and its C simulation.

Activations are integers, and the weights of a layer have `shift` fraction bits. Rounding (AP_RND, half up)
and saturation (AP_SAT) at the end of a layer are therefore those of the definition.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np

from baler_root.errors import ConfigError, ToolFailedError
from baler_root.extras import needed
from baler_root.fpga.build.target import Target
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.code_format import CodeFormat
from baler_root.fpga.encoder import Codes, EncoderDefinition
from baler_root.fpga.tools import COMPILER, run

PROJECT = "encoder"


BACKENDS: Mapping[str, str] = MappingProxyType({"vitis": "Vitis", "vivado": "Vivado", "catapult": "Catapult"})
"""hls4ml's names of its backends whose projects compile with g++ alone."""


STRATEGIES: Mapping[str, str] = MappingProxyType(
    {"latency": "Latency", "resource": "Resource", "distributed_arithmetic": "distributed_arithmetic"}
)
"""hls4ml's names of its strategies."""


COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "vitis": ("vitis-run --mode hls --tcl build_prj.tcl", "vivado -mode batch -source vivado_synth.tcl"),
        "vivado": (
            'vivado_hls -f build_prj.tcl "csim=1 synth=1 cosim=1 validation=1"',
            "vivado -mode batch -source vivado_synth.tcl",
        ),
        "catapult": (
            "catapult -product ultra -shell -f build_prj.tcl -eval 'set ::argv \"csim=1 synth=1 cosim=1\"'",
            "catapult -product ultra -shell -f build_prj.tcl -eval 'set ::argv \"vsynth=1\"'",
        ),
    }
)
"""Two commands of each vendor's tool.

The first simulates the C++, synthesises and co-simulates it; the second synthesises the resulting Verilog.
"""


COMPILE_SECONDS = 600
"""Time limit of compiling, and of running, the C simulation [s]."""


def check_options(backend: str, strategy: str, reuse: int) -> None:
    """Raise ConfigError for options that hls4ml cannot follow, or would silently change."""
    if backend not in BACKENDS:
        raise ConfigError(f"backend {backend!r}: one of {', '.join(BACKENDS)} is needed")
    if strategy not in STRATEGIES:
        raise ConfigError(f"strategy {strategy!r}: one of {', '.join(STRATEGIES)} is needed")
    if strategy == "distributed_arithmetic" and backend == "catapult":
        raise ConfigError("hls4ml has no distributed_arithmetic for catapult; take vitis or vivado")
    if reuse < 1:
        raise ConfigError(f"reuse {reuse}: how often a multiplier is used for a row, at least once")
    if reuse > 1 and strategy != "resource":
        raise ConfigError(
            f"--reuse {reuse} needs --strategy resource: {strategy} computes a row at every clock"
        )


def write_hls(
    definition: EncoderDefinition,
    target: Target,
    clock: float,
    backend: str,
    strategy: str,
    reuse: int,
    folder: Path,
) -> dict[str, int]:
    """Write the project for a clock in MHz.

    Returns the reuse factor of each layer, which hls4ml may have changed.

    Raises MissingExtraError without hls4ml or torch, ConfigError for options that hls4ml cannot follow.
    """
    check_options(backend, strategy, reuse)
    hls4ml, torch = needed("hls4ml", "fpga"), needed("torch", "fpga")
    if strategy == "distributed_arithmetic":
        needed("da4ml", "rtl")  # hls4ml makes the adders of these layers with it
    layers: OrderedDict[str, Any] = OrderedDict()
    for number, layer in enumerate(definition.layers):
        outputs, inputs = layer.weights.shape
        linear = torch.nn.Linear(inputs, outputs, dtype=torch.float64)
        scale = 2.0**-layer.shift
        linear.weight.data = torch.from_numpy(layer.weights * scale)
        linear.bias.data = torch.from_numpy(layer.biases * scale)
        layers[f"dense{number}"] = linear
    network = torch.nn.Sequential(layers).eval()
    with _silent():
        config = hls4ml.utils.config_from_pytorch_model(
            network, (definition.width,), granularity="name", backend=BACKENDS[backend]
        )
        config["Model"] |= {"Strategy": STRATEGIES[strategy], "ReuseFactor": reuse}
        _set_precision(definition, config["LayerName"], STRATEGIES[strategy], reuse)
        project = hls4ml.converters.convert_from_pytorch_model(
            network,
            output_dir=str(folder),
            project_name=PROJECT,
            backend=BACKENDS[backend],
            hls_config=config,
            io_type="io_parallel",
            part=target.part,
            clock_period=1000 / clock,
        )
        project.write()
    return {name: int(project.graph[name].get_attr("reuse_factor")) for name in layers}


def write_bench_data(folder: Path, vectors: Vectors) -> None:
    """Write the vectors in the format of hls4ml's own bench, for the vendor's C and RTL simulation."""
    data = folder / "tb_data"
    data.mkdir(exist_ok=True)
    np.savetxt(data / "tb_input_features.dat", vectors.codes, fmt="%d")
    np.savetxt(data / "tb_output_predictions.dat", vectors.latents, fmt="%d")


def simulate(definition: EncoderDefinition, folder: Path, codes: Codes) -> Codes:
    """The latents that the project's C++ computes; g++ compiles a copy of the folder.

    Raises MissingToolError without a compiler, and ToolFailedError.
    """
    compiler = COMPILER.path()
    with TemporaryDirectory(prefix="baler-root-hls-") as name:
        work = Path(name) / "hls"
        shutil.copytree(folder, work)
        text = fill(
            "simulate_hls.cpp", project=PROJECT, inputs=definition.width, outputs=len(definition.latents)
        )
        (work / "simulate.cpp").write_text(text, encoding="ascii")
        includes = ["firmware", "firmware/ap_types", "firmware/ac_types/include", "firmware/ac_math/include"]
        includes += ["firmware/ac_simutils/include", "firmware/nnet_utils"]
        flags = [f"-I{include}" for include in includes if (work / include).is_dir()]
        command = [compiler, "-O1", "-w", "-std=c++17", *flags, "-I.", '-DWEIGHTS_DIR="firmware/weights"']
        command += ["simulate.cpp", f"firmware/{PROJECT}.cpp", "-o", "simulate"]
        run(command, work, COMPILE_SECONDS)
        codes.astype("<f8").tofile(work / "codes.bin")
        run([str(work / "simulate"), "codes.bin", "latents.bin"], work, COMPILE_SECONDS)
        latents = np.fromfile(work / "latents.bin", "<f8")
    if latents.size != len(codes) * len(definition.latents):
        raise ToolFailedError(f"the C simulation of {folder} gave {latents.size} numbers")
    return np.asarray(np.rint(latents), np.int64).reshape(len(codes), -1)


def _set_precision(definition: EncoderDefinition, layers: dict[str, Any], strategy: str, reuse: int) -> None:
    """Set every type: sums never overflow, and each layer rounds and saturates once, at its end."""
    first, *others = layers
    layers[first]["Precision"] = {"result": _fixed(definition.input)}
    for number, (name, layer) in enumerate(zip(others, definition.layers, strict=True)):
        weights, biases = (
            CodeFormat.covering(int(values.min()), int(values.max()))
            for values in (layer.weights, layer.biases)
        )
        layers[name] |= {"Strategy": strategy, "ReuseFactor": reuse}
        layers[name]["Precision"] = {
            "weight": _fixed(weights, layer.shift),
            "bias": _fixed(biases, layer.shift),
            "accum": _fixed(definition.sum_format(number), layer.shift),
            "result": _fixed(layer.output, modes=",RND,SAT"),
        }


def _fixed(code: CodeFormat, fraction: int = 0, modes: str = "") -> str:
    """The type in hls4ml's notation: total width and integer bits."""
    return f"{'' if code.signed else 'u'}fixed<{code.width},{code.width - fraction}{modes}>"


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Suppress hls4ml's output and warnings; what matters in them is checked or reported."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
