"""Options that `compress` and `train` share: bounds, what of a file, and how much to learn."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

CODECS = "|".join(sorted({point.name for point in entry_points(group="baler_root.codecs")}))
"""All that are installed; nothing of them is imported."""


Bound = Annotated[
    str | None,
    typer.Option(
        help="Bound of floating-point branches: rel=1e-3, abs=1e-4, bits=10 (mantissa bits) or lossless.",
        show_default="rel=1e-3",
    ),
]


Branches = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN=BOUND", help="Bound of some branches; repeatable, the last match wins."),
]


Independent = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Branches never recomputed from others (E from pt and eta, say); repeatable, '*' for all.",
    ),
]


Config = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Rules in a TOML file; --bound and --branch override it."),
]


Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="lossless, nanoaod, physlite or atlas-opendata; see `baler-root presets`."
    ),
]


Trees = Annotated[
    list[str] | None, typer.Option(metavar="PATH", help="Only this TTree or RNTuple; repeatable.")
]


LevelName = Annotated[
    str,
    typer.Option(
        metavar="[fast|default|max]",
        help="What is learned: fast counts, in about a second; default also trains small networks, max larger "
        "ones (both need torch).",
    ),
]


TrainSeconds = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Longest training of each tree. Without it, the same input and seed give the same bytes.",
    ),
]


Seed = Annotated[int, typer.Option(min=0, help="Of the training; same seed, same bytes.")]


Latents = Annotated[
    int | None,
    typer.Option(
        help="Numbers for each row, of a codec that stores latents.",
        show_default="half the columns, 8 at most",
    ),
]


Residual = Annotated[
    str | None,
    typer.Option(
        metavar="[bounded|lossless|none]",
        help="What is stored besides latents.",
        show_default="bounded",
    ),
]


Outliers = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE", help="Rows to keep exactly, since their latents are unlike the others: 1%, say."
    ),
]


Clusters = Annotated[
    int | None,
    typer.Option(
        help="Groups of latents; a row that is near any of them is none of the --outliers.", show_default="1"
    ),
]
