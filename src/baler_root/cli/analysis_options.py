"""Command-line options shared by `scan` and `tune`: the input files and the analysis."""

from __future__ import annotations

from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="IN.root",
        show_default=False,
        help="ROOT files: data, and simulation if the analysis needs it.",
    ),
]


AnalysisName = Annotated[
    str,
    typer.Option(
        "--analysis",
        "-a",
        metavar="NAME|FILE.py",
        help="hgamgam, hzz4l, or the path of your own analysis file.",
        show_default=False,
    ),
]
