"""Builds firmware from a model: a folder with projects, benches, agreement and report, complete or not at all."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baler_root.errors import (
    ConfigError,
    CorruptFileError,
    MissingExtraError,
    MissingToolError,
    SourceError,
    ToolFailedError,
)
from baler_root.fpga.build import hls, rtl, rtl_simulation
from baler_root.fpga.build.agreement import Agreement, Log, agree
from baler_root.fpga.build.folder import new_folder
from baler_root.fpga.build.plot import draw
from baler_root.fpga.build.report import Report
from baler_root.fpga.build.synthesis import Synthesis, synthesise
from baler_root.fpga.build.target import DEFAULT, Target, parse_clock
from baler_root.fpga.build.templating import fill
from baler_root.fpga.build.tools import package_version
from baler_root.fpga.build.vectors import Vectors
from baler_root.fpga.encoder import Definition
from baler_root.fpga.front_end import Rows, rows_of
from baler_root.fpga.link import Link
from baler_root.fpga.wire.traffic import Traffic

SPEC, MODEL = "spec.json", "model.balermodel"


ROWS = 10_000
"""Of a data file that are tested with, at most."""


SYNTHESIS_SECONDS = 600.0


NotHere = (MissingExtraError, MissingToolError)
"""What leaves a gap and does not end a build."""


@dataclass(frozen=True, slots=True)
class Options:
    """What is built."""

    target: str = DEFAULT
    clock: str | None = None
    """As `200MHz`; None for that of the target."""
    backend: str = "vitis"
    strategy: str = "latency"
    reuse: int = 1
    levels: int | None = None
    """Adders between two registers; None for those of the target."""
    synthesis_seconds: float = SYNTHESIS_SECONDS
    """Longest synthesis by yosys; 0 for none."""

    def check(self) -> tuple[Target, float, int]:
        """The target, the clock in MHz and the adder levels; raises ConfigError for what makes no sense."""
        hls.check_options(self.backend, self.strategy, self.reuse)
        target = Target.load(self.target)
        levels = target.adder_levels if self.levels is None else self.levels
        if levels < 1:
            raise ConfigError(f"{levels} adders between registers: at least 1")
        return target, parse_clock(self.clock or target.clock), levels


def build(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: Options | None = None,
    *,
    tree: str | None = None,
    data: str | os.PathLike[str] | None = None,
    rows: int = ROWS,
    overwrite: bool = False,
    say: Log = lambda _: None,
) -> Report:
    """Write the folder `output` with firmware of a `.balermodel` file; `data` is a ROOT file to test with.

    Programs and libraries that are not installed leave gaps, which the report names. Raises ConfigError (a model that
    cannot be firmware, options), SourceError, FormatError, OutputError, ToolFailedError, and DisagreementError where
    any way to compute the latents gives others; nothing is left then.
    """
    started = time.monotonic()
    options = options or Options()
    target, clock, levels = options.check()
    if rows < 1:
        raise ConfigError(f"{rows} rows of data: at least 1")
    link = Link.open(model, tree)
    definition = link.definition
    with new_folder(Path(output), overwrite) as folder:
        say(
            f"{definition.width} inputs, {len(definition.latents)} latents: {definition.latent_bits} of {definition.input_bits} bits"
        )
        seconds: dict[str, float] = {}
        definition.write(folder / SPEC)
        _write_inputs(definition, folder)
        shutil.copyfile(model, folder / MODEL)
        physics = None if data is None else _physics(link, data, rows)
        traffic = None if physics is None else Traffic.of(link, physics)
        vectors = Vectors.make(definition, None if physics is None else physics.codes)
        (folder / "tb").mkdir()
        vectors.write(folder / "tb", definition)
        rtl_simulation.write_benches(definition, len(vectors.codes), folder / "tb")
        gaps: list[str] = []
        described: dict[str, Any] = {
            "backend": options.backend,
            "strategy": options.strategy,
            "adder_levels": levels,
            "reuse": {},
            "hls4ml": "",
        }
        say(f"hls4ml: project for {options.backend}, {options.strategy}")
        try:
            described["reuse"] = hls.write_hls(
                definition, target, clock, options.backend, options.strategy, options.reuse, folder / "hls"
            )
            described["hls4ml"] = package_version("hls4ml")
            hls.write_bench_data(folder / "hls", vectors)
        except NotHere as error:
            gaps.append(f"hls/: {error}")
            say(gaps[-1])
        say(f"da4ml: Verilog with up to {levels} adders between registers")
        pipeline = None
        try:
            pipeline = rtl.write_rtl(definition, target, clock, levels, folder / "rtl")
        except NotHere as error:
            gaps.append(f"rtl/: {error}")
            say(gaps[-1])
        seconds["projects"] = round(time.monotonic() - started, 1)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_synthesised, folder / "rtl", target, options.synthesis_seconds, say)
            agreement = agree(definition, vectors, folder, say)
            seconds["agreement"] = round(time.monotonic() - started - seconds["projects"], 1)
            found = waiting.result()
        synthesis = None if isinstance(found, str) else found
        if isinstance(found, str):
            gaps.append(f"synthesis: {found}")
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
            synthesis,
            tuple(gaps),
            seconds,
            traffic,
        )
        try:
            draw(report, folder / "report.png")
        except NotHere as error:
            report = replace(report, gaps=(*gaps, f"report.png: {error}"))
        report.write(folder)
        _write_readmes(report, options, folder)
    return report


def verify(folder: str | os.PathLike[str], say: Log = lambda _: None) -> Agreement:
    """The agreement of firmware once more, on the vectors that are in its folder.

    Raises what `build` raises, and CorruptFileError where a file is not as it was written.
    """
    path = Path(folder)
    if not path.is_dir():
        raise SourceError(f"{path}: no such folder; `baler-root fpga build` makes one")
    definition = Definition.read(path / SPEC)
    own = Definition.from_model(path / MODEL, definition.tree)
    if own.to_json() != definition.to_json():
        raise CorruptFileError(
            f"{path / SPEC}: not the encoder of {MODEL} ({own.digest.hex()[:12]}…): build the firmware again"
        )
    vectors = Vectors.read(path / "tb", definition, physics=0)
    wrong = int((definition(vectors.codes) != vectors.latents).any(axis=1).sum())
    if wrong:
        raise CorruptFileError(f"{path / 'tb'}: {wrong} rows of latents are not those of the definition")
    return agree(definition, vectors, path, say)


def _physics(link: Link, data: str | os.PathLike[str], rows: int) -> Rows:
    """The first rows of a ROOT file."""
    parts: list[Rows] = []
    left = rows
    for some in rows_of(link, data):
        parts.append(some.only(slice(left)))
        left -= len(parts[-1].odd)
        if left <= 0:
            break
    if left == rows:
        raise SourceError(f"{os.fspath(data)}: tree {link.definition.tree!r} has no rows to test with")
    return Rows.joined(parts)


def _synthesised(folder: Path, target: Target, seconds: float, say: Log) -> Synthesis | str:
    """What yosys estimates, or why it does not."""
    if not seconds:
        return "left out, as asked"
    if not folder.is_dir():
        return "there is no rtl/"
    say("yosys: synthesis, beside the simulations")
    try:
        found = synthesise(folder, target.yosys_family, seconds)
    except (MissingToolError, ToolFailedError) as error:
        say(f"yosys: {error}")
        return str(error)
    say(f"yosys: {found.network.luts} LUT, {found.network.flip_flops} FF")
    return found


def _write_inputs(definition: Definition, folder: Path) -> None:
    """Write `inputs.csv`: for each column from which value on it has which code."""
    with (folder / "inputs.csv").open("w", encoding="utf-8") as file:
        file.write("input,branch,from_value,code\n")
        at = 0
        for entry in definition.inputs:
            for value, code in zip(entry.thresholds().tolist(), entry.codes.tolist(), strict=True):
                file.write(f"{at},{entry.column.name},{value!r},{code}\n")
            at += entry.each


def _write_readmes(report: Report, options: Options, folder: Path) -> None:
    """Write what people read first."""
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
        text = fill("rtl_README.md", edges=report.pipeline.edges, tool=report.pipeline.tool)
        (folder / "rtl" / "README.md").write_text(text, encoding="utf-8")
