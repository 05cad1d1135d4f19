"""`baler-root decompress`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Models, Overwrite, Quiet, echo, print_json, size_text, user_errors
from baler_root.cli.progress import progress_bar
from baler_root.errors import listed

if TYPE_CHECKING:
    from baler_root.api.decompress import Decompression


NEW_LINE = "\n    "


NOTES = 10
"""Most notes that are printed for one tree."""


class Kind(Enum):
    """Kind of the trees in the ROOT file."""

    AUTO = "auto"
    TTREE = "ttree"
    RNTUPLE = "rntuple"


def decompress(  # noqa: PLR0913, PLR0917 - one parameter for each option
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A .baler file or URL.")],
    target: Annotated[str, typer.Argument(metavar="OUT", show_default=False, help="The ROOT file to write.")],
    kind: Annotated[
        Kind,
        typer.Option(help="Kind of the trees. auto: a TTree if the source was one and all its branches fit."),
    ] = Kind.AUTO,
    compression: Annotated[
        str,
        typer.Option(
            metavar="NAME-LEVEL",
            help="Compression of the ROOT file: none, or zstd, zlib, lzma or lz4 with a level, such as lzma-9.",
        ),
    ] = "zstd-5",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Number of threads.")] = 1,
    model: Models = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Restore a ROOT file: names, order, titles, types and other objects are those of the source.

    baler-root decompress events.baler events.root
    baler-root decompress events.baler events.root --kind rntuple

    Records in a TTree become branches of their members: `muon.pt`, `muon.eta`.
    A tree with branches that a TTree cannot hold (values that may be missing,
    or of several types) is written as an RNTuple. Differences are listed.
    """
    from baler_root.api.decompress import decompress as run

    with user_errors():
        with progress_bar(Path(source).name, quiet) as progress:
            report = run(
                source,
                target,
                kind=kind.value,
                compression=compression,
                jobs=jobs,
                models=model,
                overwrite=overwrite,
                progress=progress,
            )
        if as_json:
            print_json(report)
        elif not quiet:
            _report(report)


def _report(report: Decompression) -> None:
    echo(f"{report.source} → {report.target}: {size_text(report.size)}")
    for tree in report.trees:
        echo(f"  {tree.path}: {tree.kind}" + ("; differs from the source:" if tree.notes else ""))
        if tree.notes:
            more = "; --json lists them all" if len(tree.notes) > NOTES else ""
            echo(f"    {listed(tree.notes, NOTES, separator=NEW_LINE)}{more}")
