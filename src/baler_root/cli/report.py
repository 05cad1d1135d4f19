"""`baler-root report`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, print_json, staged_progress, user_errors
from baler_root.errors import ConfigError

if TYPE_CHECKING:
    from baler_root.evaluation.report.measure import Paths


def report(
    original: Annotated[
        str,
        typer.Argument(
            metavar="ORIGINAL.root", show_default=False, help="The ROOT file that was compressed."
        ),
    ],
    compressed: Annotated[
        str, typer.Argument(metavar="COMPRESSED.baler", show_default=False, help="The file made of it.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            show_default=False,
            help="The page; JSON and a folder of plots are written beside it.",
        ),
    ],
    analysis: Annotated[
        str | None,
        typer.Option(
            "--analysis",
            "-a",
            metavar="NAME|FILE.py",
            show_default="none: values and sizes only",
            help="hgamgam, hzz4l, or the path of your own (analyses/example.py is one to copy).",
        ),
    ] = None,
    simulation: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGINAL=COMPRESSED",
            help="Simulated events that the analysis reads besides; repeatable.",
        ),
    ] = None,
    toys: Annotated[
        int, typer.Option(min=1, help="Background-only toys of the look-elsewhere effect.")
    ] = 200,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Replicas of the paired bootstrap; 0 for none.")
    ] = 200,
    offsets: Annotated[
        int, typer.Option(min=0, max=50, help="Other lattices that values are rounded to; 0 for none.")
    ] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of toys and bootstrap.")] = 0,
    time_encoding: Annotated[
        bool,
        typer.Option(
            "--time-encoding", help="Compress again to time it, even where networks have to be trained."
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what compression does to physics, on one page: an analysis run on original and compressed events.

    baler-root report events.root events.baler -o report.html
    baler-root report data.root data.baler -a hgamgam --simulation mc.root=mc.baler -o report.html
    baler-root report data.root data.baler -a path/to/mine.py -o report.html

    The page works offline and prints. Beside it: the same as JSON, with every
    number, and the plots as PNG and PDF.
    """
    with user_errors():
        from baler_root.evaluation.report.output import check

        target = Path(output)
        check(target, overwrite)
        pairs = [(original, compressed), *map(_pair, simulation or [])]
        from baler_root.evaluation.analysis.analysis import load
        from baler_root.evaluation.report.measure import build
        from baler_root.evaluation.report.output import write
        from baler_root.extras import needed

        for library in ("hist", "jinja2", "matplotlib", "mplhep"):
            needed(library)  # before minutes of measuring
        found = None if analysis is None else load(analysis)
        with staged_progress(quiet) as stage:
            made = build(
                pairs, found, toys=toys, bootstrap=bootstrap, offsets=offsets, seed=seed,
                time_encoding=time_encoding, stage=stage,
            )  # fmt: skip
            stage("drawing")
            written = write(made, target, _command(), overwrite)
        if as_json:
            print_json({"verdict": made.verdict, **{key: str(path) for key, path in written.items()}})
        elif not quiet:
            typer.echo(made.verdict)
            typer.echo(f"→ {', '.join(str(path) for path in written.values())}")


def _pair(text: str) -> Paths:
    """The two names; ConfigError where there is no pair of them."""
    original, equals, compressed = text.rpartition("=")
    if not equals or not original or not compressed:
        raise ConfigError(f"--simulation {text!r}: write ORIGINAL.root=COMPRESSED.baler")
    return original, compressed


def _command() -> str:
    """How to make the report again."""
    return shlex.join(["baler-root", *sys.argv[1:]])
