"""`baler-root opendata`."""

from __future__ import annotations

from typing import Annotated

import typer

from baler_root.cli.common import Json, echo, print_json, user_errors


def opendata(
    release: Annotated[
        str, typer.Argument(metavar="RELEASE", show_default=False, help="Release: 2020 or 2025.")
    ],
    skim: Annotated[
        str,
        typer.Argument(
            metavar="SKIM", show_default=False, help="Skim, as named by the release: GamGam, 4lep, …"
        ),
    ],
    key: Annotated[
        str, typer.Argument(metavar="[KEY]", help='Dataset number of a simulated process, or "data".')
    ] = "data",
    protocol: Annotated[str, typer.Option(metavar="[https|root]", help="Protocol of the URLs.")] = "https",
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Folder of a local copy: print its paths, not URLs.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List files of the ATLAS Open Data, one per line, from their online catalogue.

    baler-root opendata 2020 GamGam
    baler-root opendata 2020 4lep 345060
    baler-root scan $(baler-root opendata 2020 GamGam --folder /data) \\
        -a hgamgam -o scan/

    Needs pip install "baler-root\\[opendata]". The files are for educational
    purposes only; reports of analyses repeat this note.
    """
    with user_errors():
        from baler_root.analyses.samples.schema.release import USAGE_NOTE, files

        urls = files(release, skim, key, protocol=protocol, folder=folder)
        if as_json:
            print_json({"files": urls, "note": USAGE_NOTE})
        else:
            echo("\n".join(urls))
            typer.secho(USAGE_NOTE, err=True, dim=True)
