"""`baler-root merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from baler_root.cli.common import Json, Overwrite, Quiet, count_text, echo, print_json, size_text, user_errors


def merge(
    files: Annotated[
        list[str],
        typer.Argument(metavar="IN... OUT", show_default=False, help="The files to merge, then the output."),
    ],
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Merge files that have the same trees and bounds, without decoding a page.

    baler-root merge run1.baler run2.baler all.baler
    baler-root merge all.baler run3.baler all.baler --overwrite

    The entries of the files follow one another. Histograms and other objects
    are those of the first file. Model files (.balermodel) merge, too.
    """
    from baler_root.api.merge import merge as run
    from baler_root.dataset.reader.file_reader import open_file
    from baler_root.errors import ConfigError

    with user_errors():
        if len(files) < 2:
            raise ConfigError(
                "too few files: name the inputs, then the output: baler-root merge a.baler b.baler all.baler"
            )
        *sources, target = files
        run(sources, target, overwrite=overwrite)
        size = Path(target).stat().st_size
        if as_json:
            print_json({"sources": sources, "target": target, "size": size})
        elif not quiet:
            echo(f"{count_text(len(sources), 'file')} → {target}: {size_text(size)}")
            with open_file(target) as merged:
                objects = len(merged.objects)
            if objects:
                text = count_text(objects, "object")
                echo(
                    f"note: {text} such as histograms, as in {sources[0]}; those of other files are left out"
                )
