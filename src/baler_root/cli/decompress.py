"""`baler-root decompress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, print_json, progress_bar, user_errors


def decompress(
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A .baler file or URL.")],
    target: Annotated[str, typer.Argument(metavar="OUT", show_default=False, help="The ROOT file to write.")],
    kind: Annotated[
        str,
        typer.Option(metavar="auto|ttree|rntuple", help="auto: TTree where the source was one and it fits."),
    ] = "auto",
    compression: Annotated[
        str,
        typer.Option(metavar="NAME-LEVEL", help="Of the ROOT file: zstd-5, zlib-1, lzma-9, lz4-4 or none."),
    ] = "zstd-5",
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a ROOT file again: names, order, titles and types as in the source, other objects included.

    baler-root decompress events.baler events.root
    baler-root decompress events.baler events.root --kind rntuple

    What a TTree cannot hold (lists of lists, lists of strings) is written as an RNTuple.
    """
    from baler_root.decompressor import decompress as run

    with user_errors():
        with progress_bar(Path(source).name, quiet or as_json) as progress:
            report = run(
                source, target, kind=kind, compression=compression, overwrite=overwrite, progress=progress
            )
        if as_json:
            print_json(report)
        elif not quiet:
            typer.echo(str(report))
