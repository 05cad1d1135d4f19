"""Whether all ways to compute the latents agree, bit for bit, with the definition."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from baler_root.errors import DisagreementError, MissingExtraError, MissingToolError
from baler_root.format.networks.dense import Dense, FixedPointNet
from baler_root.fpga.build import hls, rtl, rtl_simulation
from baler_root.fpga.build.packetiser import expected_packets
from baler_root.fpga.build.tools import COMPILER, VERILATOR, package_version
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import Codes, Definition

Log = Callable[[str], None]
"""Told what happens now."""


INT64, GEMM, C_SIMULATION, INTERPRETER, RTL = (
    "int64",
    "float GEMM",
    "hls4ml C simulation",
    "da4ml interpreter",
    "RTL under Verilator",
)


@dataclass(frozen=True, slots=True)
class PathResult:
    """One way to compute the latents."""

    path: str
    rows: int
    identical: int
    tool: str = ""
    seconds: float = 0.0
    gap: str = ""
    """Why it was not tried, and what to install; then `rows` is 0."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """All of them, on the same rows."""

    model: str
    """SHA-256."""
    rows: int
    physics: int
    """Of a data file."""
    saturating: tuple[int, ...]
    """Rows in which some number of a layer saturates (not at the 0 of a ReLU), for each layer."""
    paths: tuple[PathResult, ...]
    edges: int | None = None
    """Clock edges from codes to latents, measured in the RTL simulation; None without one."""
    packets: int | None = None
    """Bytes of packets that the RTL simulation sent, all as they must be; None without one."""

    @property
    def complete(self) -> bool:
        """Whether every way was tried."""
        return not any(path.gap for path in self.paths)

    def write(self, folder: Path) -> None:
        """As `agreement.json`."""
        text = json.dumps(asdict(self) | {"complete": self.complete}, indent=2)
        (folder / "agreement.json").write_text(text + "\n", encoding="utf-8")

    def table(self) -> list[tuple[str, str, str]]:
        """Path, rows identical, by what tool (or why not)."""
        return [
            (path.path, "not run", path.gap)
            if path.gap
            else (path.path, f"{path.identical} of {path.rows}", path.tool)
            for path in self.paths
        ]


def agree(definition: Definition, vectors: Vectors, folder: Path, say: Log) -> Agreement:
    """Every way that this machine has, tried on all vectors, for the projects in a folder.

    Raises DisagreementError where a row differs, ToolFailedError where a program fails; what is not installed is a gap.
    """
    rtl_out: list[rtl_simulation.Simulated] = []

    def simulated() -> Codes:
        rtl_out.append(rtl_simulation.simulate(definition, folder / "rtl", folder / "tb"))
        return rtl_out[0].latents

    ways: Sequence[tuple[str, Callable[[], str], Callable[[], Codes]]] = (
        (INT64, lambda: f"numpy {np.__version__}", lambda: definition(vectors.codes)),
        (
            GEMM,
            lambda: f"numpy {np.__version__}",
            lambda: _gemm(definition, vectors.codes),
        ),
        (C_SIMULATION, COMPILER.version, lambda: hls.simulate(definition, folder / "hls", vectors.codes)),
        (INTERPRETER, lambda: package_version("da4ml"), lambda: rtl.interpret(folder / "rtl", vectors.codes)),
        (RTL, VERILATOR.version, simulated),
    )
    made = {C_SIMULATION: folder / "hls", INTERPRETER: folder / "rtl", RTL: folder / "rtl"}

    def tried(way: tuple[str, Callable[[], str], Callable[[], Codes]]) -> PathResult:
        name, tool, compute = way
        started = time.monotonic()
        if name in made and not made[name].is_dir():
            return PathResult(name, 0, 0, gap=f"{made[name].name}/ was not made when the firmware was built")
        try:
            version = tool()
            latents = compute()
        except (MissingToolError, MissingExtraError) as error:
            say(f"{name}: not run, {error}")
            return PathResult(name, 0, 0, gap=str(error))
        result = _compared(name, vectors, latents, version, time.monotonic() - started)
        say(f"{name}: {result.identical} of {result.rows} rows identical")
        return result

    with ThreadPoolExecutor(2) as pool:
        paths = tuple(pool.map(tried, reversed(ways)))[::-1]  # the slowest first
    packets = None
    if rtl_out:
        packets = len(rtl_out[0].packets)
        codes = vectors.codes[: rtl_simulation.WIRED]
        raw = np.arange(len(codes)) % rtl_simulation.RAW_EVERY == rtl_simulation.RAW_AT
        if rtl_out[0].packets != expected_packets(definition, codes, raw):
            raise DisagreementError(
                f"{folder / 'rtl'}: the packets of {len(codes)} rows are not those of formats/wire.md"
            )
    return Agreement(
        definition.digest.hex(),
        len(vectors.codes),
        vectors.physics,
        tuple(definition.saturated(vectors.codes).sum(axis=0).tolist()),
        paths,
        rtl_out[0].edges if rtl_out else None,
        packets,
    )


def _gemm(definition: Definition, codes: Codes) -> Codes:
    """The latents as the codec computes them: sums by matrix products of floats."""
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


def _compared(name: str, vectors: Vectors, latents: Codes, tool: str, seconds: float) -> PathResult:
    """How many rows are as they must be; raises DisagreementError, with the first that is not, if not all are."""
    expected = vectors.latents
    if latents.shape != expected.shape:
        raise DisagreementError(f"{name}: {latents.shape} latents where {expected.shape} were expected")
    wrong = np.flatnonzero((latents != expected).any(axis=1))
    if len(wrong):
        at = int(wrong[0])
        raise DisagreementError(
            f"{name}: {len(wrong)} of {len(expected)} rows differ from the definition, the first is row {at}: "
            f"{latents[at].tolist()} where {expected[at].tolist()} was expected"
        )
    return PathResult(name, len(expected), len(expected), tool, round(seconds, 2))
