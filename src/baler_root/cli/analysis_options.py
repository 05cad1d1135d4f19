"""Options that `scan` and `tune` share: the files, and the analysis that is run on them."""

from __future__ import annotations

from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="IN.root", show_default=False, help="Data, and simulation if the analysis needs it."
    ),
]


AnalysisName = Annotated[
    str,
    typer.Option(
        "--analysis",
        "-a",
        metavar="NAME|FILE.py",
        help="hgamgam, hzz4l, or the path of your own.",
        show_default=False,
    ),
]
