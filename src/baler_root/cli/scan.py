"""`baler-root scan`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.analysis_options import AnalysisName, Sources
from baler_root.cli.common import Json, Overwrite, Quiet, console, print_json, size_text, user_errors
from baler_root.cli.options import LevelName, Seed, TrainSeconds
from baler_root.cli.progress import staged_progress
from baler_root.errors import OutputError, UnknownCodecError

if TYPE_CHECKING:
    from rich.table import Table

    from baler_root.evaluation.report.file_plots import Point
    from baler_root.evaluation.tuning.scan import ScanPoint


def scan(  # noqa: PLR0913, PLR0917 - one parameter for each option
    sources: Sources,
    analysis: AnalysisName,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder for scan.json and the plots.",
            show_default="none: only the table is printed",
        ),
    ] = None,
    bounds: Annotated[
        str,
        typer.Option(
            metavar="BOUNDS",
            help="Relative error bounds, or bounds such as abs=0.1 and bits=10; comma-separated.",
        ),
    ] = "1e-2,3e-3,1e-3,3e-4,1e-4",
    codecs: Annotated[
        str, typer.Option(metavar="CODECS", help="Codecs to try at every bound; comma-separated.")
    ] = "classic,conditional",
    level: LevelName = "default",
    train_seconds: TrainSeconds = None,
    bootstrap: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Bootstrap replicas for the errors of the shifts; 0 for none."),
    ] = 50,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compress at several bounds with several codecs, and compare the results of an analysis.

    baler-root scan data.root mc.root -a hgamgam -o scan/
    baler-root scan data.root mc.root -a hgamgam \\
        --codecs classic,autoencoder --bounds 1e-2,1e-3 --train-seconds 60

    Sizes are those of whole files. Errors of shifts are paired: each bootstrap
    replica draws the same events before and after compression. Codecs other than
    classic train models at every bound, which takes time.
    """
    from baler_root.evaluation.analysis.analysis import load
    from baler_root.evaluation.tuning.scan import ScanOptions
    from baler_root.evaluation.tuning.scan import scan as run
    from baler_root.extras import needed

    with user_errors(UnknownCodecError):
        if output is not None and Path(output).exists() and not overwrite:
            raise OutputError(f"{output}: exists; --overwrite replaces files in it")
        for library in ("hist", "matplotlib", "mplhep") if output is not None else ():
            needed(library)  # before minutes of measuring
        options = ScanOptions(
            _listed(bounds),
            _listed(codecs),
            level=level,
            train_seconds=train_seconds,
            bootstrap=bootstrap,
            seed=seed,
        )
        with staged_progress(quiet) as log:
            points = run(load(analysis), sources, options, log=log)
            if output is not None:
                log("drawing")
                _write(points, Path(output))
        if as_json:
            print_json(points)
        elif not quiet:
            for name in points[0].shifts:
                console().print(_table(points, name))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _table(points: Sequence[ScanPoint], observable: str) -> Table:
    from baler_root.cli.tables import plain_table

    table = plain_table(f"shifts of the results from {observable}, ± paired errors")
    for name in ("codec", "bound"):
        table.add_column(name)
    for name in (
        "size",
        "of input",
        "migrated",
        *(f"Δ {shift.name}" for shift in points[0].shifts[observable]),
    ):
        table.add_column(name, justify="right")
    for point in points:
        moved = [
            shift.after.failure or f"{shift.shift:+.3g} ± {shift.paired_error:.2g} {shift.unit}".rstrip()
            for shift in point.shifts[observable]
        ]
        table.add_row(
            point.codec,
            point.bound,
            size_text(point.size),
            f"{point.share:.1%}",
            f"{point.migrated:.2%}",
            *moved,
        )
    return table


def _write(points: Sequence[ScanPoint], folder: Path) -> None:
    """Writes scan.json and the plots; significance against size only if the analysis infers a Z."""
    from baler_root.api.json_values import json_text
    from baler_root.evaluation.report.figures import styled
    from baler_root.evaluation.report.file_plots import Point, size_against_bound, z_against_size

    first = points[0]
    originals = [
        Point("original", f"original, {name}", 1.0, z=shift.before.value)
        for name, shifts in first.shifts.items()
        for shift in shifts
        if shift.name == "Z"
    ]
    with styled():
        drawn = [size_against_bound([_point(point, "") for point in points])]
        if originals:
            drawn.append(
                z_against_size([*originals, *(_point(p, name) for name in first.shifts for p in points)])
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scan.json").write_text(json_text(points, indent=1) + "\n", encoding="utf-8")
    for plot in drawn:
        plot.save(folder)


def _point(point: ScanPoint, observable: str) -> Point:
    from baler_root.evaluation.report.file_plots import Point

    kind, _, value = point.bound.partition("=")
    z = next((shift for shift in point.shifts.get(observable, ()) if shift.name == "Z"), None)
    return Point(
        point.bound,
        f"{point.codec}, {observable}" if observable else point.codec,
        point.share,
        float(value) if kind == "rel" else math.nan,
        math.nan if z is None else z.after.value,
        math.nan if z is None else z.paired_error,
    )
