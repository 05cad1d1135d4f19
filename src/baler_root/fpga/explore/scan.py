"""Trains encoders of several sizes and widths, and measures their accuracy and their cost in an FPGA."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path

from baler_root._types import Log
from baler_root.api.train import train
from baler_root.errors import MissingExtraError
from baler_root.fpga.build.rtl import estimate
from baler_root.fpga.encoder import EncoderDefinition
from baler_root.fpga.explore.fidelity import MEASURED_ROWS, LatentFidelity
from baler_root.fpga.explore.options import ExploreOptions, ScanGrid
from baler_root.fpga.explore.plot import draw
from baler_root.fpga.explore.point import ScanPoint, mark_front
from baler_root.fpga.explore.response import check_branches, response_columns
from baler_root.fpga.link import Link
from baler_root.fpga.output_folder import new_folder
from baler_root.training.hardware.resources import Resources
from baler_root.training.options import LatentOptions, TrainingOptions

POINTS_FILE = "explore.json"


def explore(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    grid: ScanGrid | None = None,
    options: ExploreOptions | None = None,
    *,
    overwrite: bool = False,
    log: Log = lambda _: None,
) -> list[ScanPoint]:
    """Train an encoder for each point of the grid; write points, plot and models to the folder `output`.

    Errors and resolutions are measured on the last rows of `options.test`, which should not be learned from;
    without it on those of `source`, most of which are learned from.

    Raises what `train` and `read_rows` raise, ConfigError for a branch that is not there, and OutputError;
    then no output remains.
    """
    grid, options = grid or ScanGrid(), options or ExploreOptions()
    tree = options.tree
    measured_file = source if options.test is None else options.test
    for file in dict.fromkeys((os.fspath(source), os.fspath(measured_file))):
        check_branches(options.responses or (), file, tree)
    points: list[ScanPoint] = []
    planned = grid.points()
    with new_folder(Path(output), overwrite, POINTS_FILE, "a scan") as folder:
        models = folder / "models"
        models.mkdir()
        for number, (latents, limits, hardware) in enumerate(planned, 1):
            path = models / f"{number:02d}.balermodel"
            log(f"{number} of {len(planned)}: {latents} latents, {hardware.describe()}")
            train(
                source,
                path,
                rules=options.rules,
                trees=None if tree is None else [tree],
                codec=LatentOptions("autoencoder", latents, "none", hardware=limits),
                training=TrainingOptions(seconds=options.seconds, seed=options.seed),
            )
            link = Link.open(path, tree)
            fidelity = LatentFidelity.of(
                link, measured_file, responses=response_columns(link, options.responses)
            )
            point = _point(path.stem, hardware.describe(), grid, link, fidelity)
            points.append(point)
            log(f"  error {point.error:.3g}, {point.luts:.0f} LUTs, {point.latency_cycles} clock cycles")
        points = mark_front(points)
        _write(points, grid, options, measured_file, folder)
        held_out = options.test is not None
        draw(points, folder / "explore.png", "rows not learned from" if held_out else "rows learned from")
    return points


def estimate_resources(definition: EncoderDefinition) -> tuple[Resources, str]:
    """LUTs and adder depth, and their origin: `da4ml` where it is installed, otherwise `formula`."""
    try:
        return estimate(definition), "da4ml"
    except MissingExtraError:
        bits = [definition.input_format(number).width for number in range(len(definition.layers))]
        return Resources.of([layer.weights for layer in definition.layers], bits), "formula"


def _point(name: str, hardware: str, grid: ScanGrid, link: Link, fidelity: LatentFidelity) -> ScanPoint:
    """The point of a trained encoder."""
    resources, origin = estimate_resources(link.definition)
    cycles = resources.latency_cycles(grid.adder_levels)
    return ScanPoint(
        name,
        hardware,
        len(link.definition.latents),
        link.definition.latent_bits,
        fidelity.error,
        resources.luts,
        cycles,
        1000 * cycles / grid.clock,
        origin,
        responses=fidelity.responses,
    )


def _write(
    points: Sequence[ScanPoint],
    grid: ScanGrid,
    options: ExploreOptions,
    measured_file: str | os.PathLike[str],
    folder: Path,
) -> None:
    """Write `explore.json` and `explore.csv`.

    A branch's resolution is in the CSV column `response:BRANCH`.
    """
    document = {
        "scan": grid.to_json(),
        "measured": {
            "file": os.fspath(measured_file),
            "rows": f"the last {MEASURED_ROWS} at most",
            "held_out": options.test is not None,
        },
        "points": [point.to_json() for point in points],
    }
    (folder / POINTS_FILE).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    with (folder / "explore.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [point.to_json() for point in points]
        for row in rows:
            row |= {f"response:{name}": value for name, value in row.pop("responses").items()}
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
