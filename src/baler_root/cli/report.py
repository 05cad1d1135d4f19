"""`baler-root report`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, echo, print_json, user_errors
from baler_root.cli.progress import staged_progress
from baler_root.errors import ConfigError

if TYPE_CHECKING:
    from baler_root.evaluation.report.build_report import Paths


def report(  # noqa: PLR0913, PLR0917 - one parameter for each option
    original: Annotated[
        str,
        typer.Argument(
            metavar="ORIGINAL.root", show_default=False, help="The ROOT file that was compressed."
        ),
    ],
    compressed: Annotated[
        str,
        typer.Argument(
            metavar="COMPRESSED.baler", show_default=False, help="The compressed file made from it."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            show_default=False,
            help="HTML page to write; JSON and a folder of plots are written beside it.",
        ),
    ],
    analysis: Annotated[
        str | None,
        typer.Option(
            "--analysis",
            "-a",
            metavar="NAME|FILE.py",
            show_default="none: values and sizes only",
            help="hgamgam, hzz4l, or the path of your own analysis file (copy analyses/example.py to start one).",
        ),
    ] = None,
    simulation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGINAL=COMPRESSED",
            help="Another pair of files: simulated events for the analysis; repeatable.",
        ),
    ] = None,
    toys: Annotated[
        int, typer.Option(min=1, help="Background-only toys for the look-elsewhere effect.")
    ] = 200,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Replicas of the paired bootstrap; 0 for none.")
    ] = 200,
    offsets: Annotated[
        int, typer.Option(min=0, max=50, help="Rounding offsets to repeat the analysis with; 0 for none.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of toys and bootstrap.")] = 0,
    time_encoding: Annotated[
        bool,
        typer.Option(
            "--time-encoding", help="Compress again to measure the time, even if that trains networks."
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a page on the effect of compression on values, sizes and, with -a, an analysis.

    baler-root report events.root events.baler -o report.html
    baler-root report data.root data.baler -a hgamgam \\
        --simulation mc.root=mc.baler -o report.html
    baler-root report data.root data.baler -a path/to/mine.py -o report.html

    The page works offline and can be printed. A JSON file with all numbers
    and a folder of plots (PNG and PDF) are written beside it.
    """
    with user_errors():
        from baler_root.evaluation.report.output import check

        target = Path(output)
        check(target, overwrite)
        pairs = [(original, compressed), *map(_pair, simulation or [])]
        from baler_root.evaluation.analysis.analysis import load
        from baler_root.evaluation.report.build_report import build_report
        from baler_root.evaluation.report.options import ReportOptions
        from baler_root.evaluation.report.output import write
        from baler_root.extras import needed

        for library in ("hist", "jinja2", "matplotlib", "mplhep"):
            needed(library)  # before minutes of measuring
        loaded = None if analysis is None else load(analysis)
        options = ReportOptions(toys, bootstrap, offsets, seed)
        with staged_progress(quiet) as stage:
            result = build_report(pairs, loaded, options, time_encoding=time_encoding, stage=stage)
            stage("drawing")
            written = write(result, target, _command(), overwrite)
        if as_json:
            print_json({"verdict": result.verdict, **{key: str(path) for key, path in written.items()}})
        elif not quiet:
            echo(result.verdict)
            echo(f"→ {', '.join(str(path) for path in written.values())}")


def _pair(text: str) -> Paths:
    """(Original, compressed) of `ORIGINAL=COMPRESSED`; raises ConfigError for other text."""
    original, equals, compressed = text.rpartition("=")
    if not equals or not original or not compressed:
        raise ConfigError(f"--simulation {text!r}: write ORIGINAL.root=COMPRESSED.baler")
    return original, compressed


def _command() -> str:
    """The command line that made the report."""
    return shlex.join(["baler-root", *sys.argv[1:]])
