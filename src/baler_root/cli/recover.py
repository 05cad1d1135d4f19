"""`baler-root recover`."""

from __future__ import annotations

from typing import Annotated

import typer

from baler_root.cli.common import Json, Models, Overwrite, Quiet, count_text, echo, print_json, user_errors


def recover(
    source: Annotated[str, typer.Argument(metavar="IN", show_default=False, help="A damaged .baler file.")],
    target: Annotated[str, typer.Argument(metavar="OUT", show_default=False, help="The file to write.")],
    like: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="An undamaged .baler file with the same trees; needed if the schema is lost, too.",
        ),
    ] = None,
    model: Models = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Save the undamaged clusters of a damaged or truncated file.

    baler-root recover broken.baler saved.baler
    baler-root recover broken.baler saved.baler --like other-run.baler

    Saved values are within their bounds. The largest errors are no longer known.
    """
    from baler_root.api.recover import recover as run

    with user_errors():
        saved = run(source, target, like=like, models=model, overwrite=overwrite)
        if as_json:
            print_json({"target": str(saved.target), "clusters": saved.clusters, "entries": saved.entries})
        elif not quiet:
            for tree, entries in saved.entries.items():
                clusters = count_text(saved.clusters[tree], "cluster")
                echo(f"{tree}: {count_text(entries, 'entry', 'entries')} in {clusters} saved to {target}")
