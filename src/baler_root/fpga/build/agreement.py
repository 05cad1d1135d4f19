"""Compares all computations of the latents, bit for bit, with the encoder's definition."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baler_root._types import Log
from baler_root.errors import DisagreementError, MissingExtraError, MissingToolError
from baler_root.format.networks.dense import Dense, FixedPointNet
from baler_root.fpga.build import hls, rtl, rtl_simulation
from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.build.rtl_simulation import SimulationResult
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import Codes, EncoderDefinition
from baler_root.fpga.tools import COMPILER, VERILATOR, package_version

INT64, GEMM, C_SIMULATION, INTERPRETER, RTL = (
    "int64",
    "float GEMM",
    "hls4ml C simulation",
    "da4ml interpreter",
    "RTL under Verilator",
)
"""Names of the computations."""


@dataclass(frozen=True, slots=True)
class Computation:
    """One computation of the latents, compared with the definition."""

    path: str
    """Name, such as `RTL`."""
    rows: int
    """Rows compared; 0 if the computation was not run."""
    identical: int
    tool: str = ""
    seconds: float = 0.0
    gap: str = ""
    """Reason why it was not run, and what to install; empty if it was."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """All computations of the latents, on the same rows."""

    model: str
    """SHA-256 of the model, hexadecimal."""
    rows: int
    data_rows: int
    """Rows that come from a data file; the others are corner cases."""
    saturating: tuple[int, ...]
    """For each layer, rows in which an output saturates (a ReLU's 0 does not count)."""
    paths: tuple[Computation, ...]
    latency_cycles: int | None = None
    """Clock cycles from codes to latents in the RTL simulation; None without one."""
    packets: int | None = None
    """Bytes of packets that the RTL simulation sent, all as expected; None without one."""

    @property
    def complete(self) -> bool:
        """Whether every computation was run."""
        return not any(path.gap for path in self.paths)

    def to_json(self) -> dict[str, Any]:
        """The content of `agreement.json`, except for `complete`."""
        names = {"data_rows": "physics", "latency_cycles": "edges"}
        return {names.get(name, name): value for name, value in asdict(self).items()}

    def write(self, folder: Path) -> None:
        """Write `agreement.json`."""
        text = json.dumps(self.to_json() | {"complete": self.complete}, indent=2)
        (folder / "agreement.json").write_text(text + "\n", encoding="utf-8")

    def table(self) -> list[tuple[str, str, str]]:
        """Rows of a table for people: computation, identical rows, tool (or why it was not run)."""
        return [
            (path.path, "not run", path.gap)
            if path.gap
            else (path.path, f"{path.identical} of {path.rows}", path.tool)
            for path in self.paths
        ]


def agree(definition: EncoderDefinition, vectors: Vectors, folder: Path, log: Log) -> Agreement:
    """Run every computation that is available on all vectors, for the projects in a folder.

    A missing program or library leaves a gap. Raises DisagreementError if a row differs, ToolFailedError if a
    program fails.
    """
    simulations: list[SimulationResult] = []

    def simulate_rtl() -> Codes:
        simulations.append(rtl_simulation.simulate(definition, folder / "rtl", folder / "tb"))
        return simulations[0].latents

    computations: Sequence[tuple[str, Callable[[], str], Callable[[], Codes]]] = (
        (INT64, lambda: f"numpy {np.__version__}", lambda: definition(vectors.codes)),
        (GEMM, lambda: f"numpy {np.__version__}", lambda: float_gemm(definition, vectors.codes)),
        (C_SIMULATION, COMPILER.version, lambda: hls.simulate(definition, folder / "hls", vectors.codes)),
        (INTERPRETER, lambda: package_version("da4ml"), lambda: rtl.interpret(folder / "rtl", vectors.codes)),
        (RTL, VERILATOR.version, simulate_rtl),
    )
    projects = {C_SIMULATION: folder / "hls", INTERPRETER: folder / "rtl", RTL: folder / "rtl"}

    def run(computation: tuple[str, Callable[[], str], Callable[[], Codes]]) -> Computation:
        name, tool, compute = computation
        started = time.monotonic()
        if name in projects and not projects[name].is_dir():
            return Computation(
                name, 0, 0, gap=f"{projects[name].name}/ was not made when the firmware was built"
            )
        try:
            version = tool()
            latents = compute()
        except (MissingToolError, MissingExtraError) as error:
            log(f"{name}: not run, {error}")
            return Computation(name, 0, 0, gap=str(error))
        result = _compare(name, vectors, latents, version, time.monotonic() - started)
        log(f"{name}: {result.identical} of {result.rows} rows identical")
        return result

    with ThreadPoolExecutor(2) as pool:
        paths = tuple(pool.map(run, reversed(computations)))[::-1]  # the slowest first
    simulation = simulations[0] if simulations else None
    if simulation is not None:
        _check_packets(definition, vectors, simulation, folder / "rtl")
    return Agreement(
        definition.digest.hex(),
        len(vectors.codes),
        vectors.data_rows,
        tuple(definition.saturated(vectors.codes).sum(axis=0).tolist()),
        paths,
        None if simulation is None else simulation.latency_cycles,
        None if simulation is None else len(simulation.packets),
    )


def float_gemm(definition: EncoderDefinition, codes: Codes) -> Codes:
    """The latents as the codec computes them: sums by floating-point matrix products."""
    layers = [
        Dense(
            layer.weights.astype(np.int8),
            layer.biases.astype(np.int32),
            layer.shift,
            layer.output.low,
            layer.output.high,
        )
        for layer in definition.layers
    ]
    return FixedPointNet(layers, definition.input.low, definition.input.high)(codes).astype(np.int64)


def _check_packets(
    definition: EncoderDefinition, vectors: Vectors, simulation: SimulationResult, folder: Path
) -> None:
    """Raise DisagreementError unless the simulation sent the packets of formats/wire.md."""
    codes = vectors.codes[: rtl_simulation.PACKET_ROWS]
    raw = np.arange(len(codes)) % rtl_simulation.RAW_PERIOD == rtl_simulation.RAW_PHASE
    if simulation.packets != expected_packets(definition, codes, raw):
        raise DisagreementError(
            f"{folder}: the packets of {len(codes)} rows are not those of formats/wire.md"
        )


def _compare(name: str, vectors: Vectors, latents: Codes, tool: str, seconds: float) -> Computation:
    """The result of a computation.

    Raises DisagreementError, with the first row that differs, unless all agree.
    """
    expected = vectors.latents
    if latents.shape != expected.shape:
        raise DisagreementError(f"{name}: {latents.shape} latents where {expected.shape} were expected")
    wrong = np.flatnonzero((latents != expected).any(axis=1))
    if len(wrong):
        row = int(wrong[0])
        raise DisagreementError(
            f"{name}: {len(wrong)} of {len(expected)} rows differ from the definition, the first is row {row}: "
            f"{latents[row].tolist()} where {expected[row].tolist()} was expected"
        )
    return Computation(name, len(expected), len(expected), tool, round(seconds, 2))
