"""Builds firmware from a model: a folder with projects, benches, agreement and report."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baler_root._types import Log
from baler_root.errors import (
    ConfigError,
    CorruptFileError,
    MissingExtraError,
    MissingToolError,
    SourceError,
    ToolFailedError,
)
from baler_root.fpga.build import hls, rtl, rtl_simulation
from baler_root.fpga.build.agreement import Agreement, agree
from baler_root.fpga.build.plot import draw
from baler_root.fpga.build.report import Report
from baler_root.fpga.build.synthesis import Synthesis, synthesise
from baler_root.fpga.build.target import DEFAULT, Target
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.front_end import InputRows, read_rows
from baler_root.fpga.link import Link
from baler_root.fpga.output_folder import new_folder
from baler_root.fpga.tools import package_version
from baler_root.fpga.wire.traffic import Traffic
from baler_root.training.hardware.budget import parse_clock

SPEC, MODEL = "spec.json", "model.balermodel"


MAX_DATA_ROWS = 10_000
"""Most rows of a data file that become test vectors."""


SYNTHESIS_SECONDS = 600.0


NotInstalled = (MissingExtraError, MissingToolError)
"""Errors that leave a gap but do not end a build."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Target and tools of a build."""

    target: str = DEFAULT
    """Name of a built-in target, or a TOML file."""
    clock: str | None = None
    """Clock such as `200MHz`; None for the target's."""
    backend: str = "vitis"
    """Backend of hls4ml."""
    strategy: str = "latency"
    """Strategy of hls4ml."""
    reuse: int = 1
    """Uses of a multiplier for one row, with the strategy `resource`."""
    adder_levels: int | None = None
    """Adders in series between two registers; None for the target's."""
    synthesis_seconds: float = SYNTHESIS_SECONDS
    """Time limit of the synthesis by yosys [s]; 0 for no synthesis."""

    def resolve(self) -> tuple[Target, float, int]:
        """The target, the clock [MHz] and the adder levels; raises ConfigError for impossible options."""
        hls.check_options(self.backend, self.strategy, self.reuse)
        target = Target.load(self.target)
        adder_levels = target.adder_levels if self.adder_levels is None else self.adder_levels
        if adder_levels < 1:
            raise ConfigError(f"{adder_levels} adders between registers: at least 1")
        return target, parse_clock(self.clock or target.clock), adder_levels


def build(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: BuildOptions | None = None,
    *,
    tree: str | None = None,
    data: str | os.PathLike[str] | None = None,
    rows: int = MAX_DATA_ROWS,
    overwrite: bool = False,
    log: Log = lambda _: None,
) -> Report:
    """Write the folder `output` with firmware for the encoder of a `.balermodel` file.

    `data` is a ROOT file whose first `rows` rows become test vectors. Programs and libraries that are not
    installed leave gaps, which the report lists.

    Raises ConfigError (a model that cannot be firmware, options), SourceError, FormatError, OutputError,
    ToolFailedError, and DisagreementError if any computation gives other latents; then no
    output remains.
    """
    started = time.monotonic()
    options = options or BuildOptions()
    target, clock, adder_levels = options.resolve()
    if rows < 1:
        raise ConfigError(f"{rows} rows of data: at least 1")
    link = Link.open(model, tree)
    definition = link.definition
    with new_folder(Path(output), overwrite) as folder:
        log(
            f"{definition.width} inputs, {len(definition.latents)} latents: {definition.latent_bits} of "
            f"{definition.input_bits} bits"
        )
        seconds: dict[str, float] = {}
        definition.write(folder / SPEC)
        _write_inputs(definition, folder)
        shutil.copyfile(model, folder / MODEL)
        data_rows = None if data is None else _first_rows(link, data, rows)
        traffic = None if data_rows is None else Traffic.of(link, data_rows)
        vectors = Vectors.make(definition, None if data_rows is None else data_rows.codes)
        (folder / "tb").mkdir()
        vectors.write(folder / "tb", definition)
        rtl_simulation.write_benches(definition, len(vectors.codes), folder / "tb")
        gaps: list[str] = []
        described: dict[str, Any] = {
            "backend": options.backend,
            "strategy": options.strategy,
            "adder_levels": adder_levels,
            "reuse": {},
            "hls4ml": "",
        }
        log(f"hls4ml: project for {options.backend}, {options.strategy}")
        try:
            described["reuse"] = hls.write_hls(
                definition, target, clock, options.backend, options.strategy, options.reuse, folder / "hls"
            )
            described["hls4ml"] = package_version("hls4ml")
            hls.write_bench_data(folder / "hls", vectors)
        except NotInstalled as error:
            gaps.append(f"hls/: {error}")
            log(gaps[-1])
        log(f"da4ml: Verilog with up to {adder_levels} adders between registers")
        pipeline = None
        try:
            pipeline = rtl.write_rtl(definition, target, clock, adder_levels, folder / "rtl")
        except NotInstalled as error:
            gaps.append(f"rtl/: {error}")
            log(gaps[-1])
        seconds["projects"] = round(time.monotonic() - started, 1)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(_synthesise, folder / "rtl", target, options.synthesis_seconds, log)
            agreement = agree(definition, vectors, folder, log)
            seconds["agreement"] = round(time.monotonic() - started - seconds["projects"], 1)
            synthesis = future.result()
        if isinstance(synthesis, str):
            gaps.append(f"synthesis: {synthesis}")
        agreement.write(folder)
        gaps += [f"{path.path}: {path.gap}" for path in agreement.paths if path.gap]
        seconds["all"] = round(time.monotonic() - started, 1)
        report = Report(
            definition,
            target,
            clock,
            described,
            agreement,
            pipeline,
            None if isinstance(synthesis, str) else synthesis,
            tuple(gaps),
            seconds,
            traffic,
        )
        try:
            draw(report, folder / "report.png")
        except NotInstalled as error:
            report = replace(report, gaps=(*gaps, f"report.png: {error}"))
        report.write(folder)
        _write_readmes(report, options, folder)
    return report


def verify(folder: str | os.PathLike[str], log: Log = lambda _: None) -> Agreement:
    """Compare all computations again, on the vectors in a folder that `build` wrote.

    Raises what `build` raises, and CorruptFileError if a file was changed after it was written.
    """
    path = Path(folder)
    if not path.is_dir():
        raise SourceError(f"{path}: no such folder; `baler-root fpga build` makes one")
    definition = EncoderDefinition.read(path / SPEC)
    from_model = EncoderDefinition.from_model(path / MODEL, definition.tree)
    if from_model.to_json() != definition.to_json():
        raise CorruptFileError(
            f"{path / SPEC}: not the encoder of {MODEL} ({from_model.digest.hex()[:12]}…): build the firmware again"
        )
    vectors = Vectors.read(path / "tb", definition, data_rows=0)
    wrong = int((definition(vectors.codes) != vectors.latents).any(axis=1).sum())
    if wrong:
        raise CorruptFileError(f"{path / 'tb'}: {wrong} rows of latents are not those of the definition")
    return agree(definition, vectors, path, log)


def _first_rows(link: Link, data: str | os.PathLike[str], rows: int) -> InputRows:
    """The first rows of a ROOT file; raises SourceError if it has none."""
    parts: list[InputRows] = []
    remaining = rows
    for batch in read_rows(link, data):
        parts.append(batch.part(slice(remaining)))
        remaining -= len(parts[-1].codes)
        if remaining <= 0:
            break
    if remaining == rows:
        raise SourceError(f"{os.fspath(data)}: tree {link.definition.tree!r} has no rows to test with")
    return InputRows.concatenate(parts)


def _synthesise(folder: Path, target: Target, seconds: float, log: Log) -> Synthesis | str:
    """The cells that yosys counts, or the reason why there are none."""
    if not seconds:
        return "left out, as asked"
    if not folder.is_dir():
        return "there is no rtl/"
    log("yosys: synthesis, beside the simulations")
    try:
        synthesis = synthesise(folder, target.yosys_family, seconds)
    except (MissingToolError, ToolFailedError) as error:
        log(f"yosys: {error}")
        return str(error)
    log(f"yosys: {synthesis.network.luts} LUT, {synthesis.network.flip_flops} FF")
    return synthesis


def _write_inputs(definition: EncoderDefinition, folder: Path) -> None:
    """Write `inputs.csv`: for each column, the value from which on each code holds."""
    with (folder / "inputs.csv").open("w", encoding="utf-8") as file:
        file.write("input,branch,from_value,code\n")
        number = 0
        for entry in definition.inputs:
            for value, code in zip(entry.thresholds().tolist(), entry.codes.tolist(), strict=True):
                file.write(f"{number},{entry.column.name},{value!r},{code}\n")
            number += entry.values_per_row


def _write_readmes(report: Report, options: BuildOptions, folder: Path) -> None:
    """Write the README of the folder, and those of the projects that were made."""
    definition = report.definition
    text = fill(
        "README.md",
        digest=definition.digest.hex(),
        inputs=definition.width,
        latents=len(definition.latents),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    if (folder / "hls").is_dir():
        reuse = ", ".join(f"{name} {factor}" for name, factor in report.options["reuse"].items())
        text = fill(
            "hls_README.md",
            backend=options.backend,
            strategy=options.strategy,
            reuse=reuse,
            second=hls.COMMANDS[options.backend][0],
            third=hls.COMMANDS[options.backend][1],
        )
        (folder / "hls" / "README.md").write_text(text, encoding="utf-8")
    if report.pipeline is not None:
        text = fill("rtl_README.md", edges=report.pipeline.latency_cycles, tool=report.pipeline.tool)
        (folder / "rtl" / "README.md").write_text(text, encoding="utf-8")
