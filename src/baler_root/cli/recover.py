"""`baler-root recover`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Models, Overwrite, Quiet, count_text, echo, print_json, user_errors
from baler_root.errors import listed

if TYPE_CHECKING:
    from baler_root.api.recovery_report import Loss

SHOWN = 20
"""Most losses that are printed."""


BRANCHES = 10
"""Most branches that are printed for one loss."""


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
    """Save the undamaged parts of a damaged or truncated file, and list what is lost.

    baler-root recover broken.baler saved.baler
    baler-root recover broken.baler saved.baler --like other-run.baler

    A damaged page costs its branches in one range of entries. Entries that
    lack the same branches make a tree; the largest one keeps its name, the
    others are called NAME_part2 and so on. Parts of other files are not taken.

    Saved values are within their bounds. The largest errors are no longer known.

    If nothing can be saved, the exit code is 1; otherwise it is 0.
    """
    from baler_root.api.recover import recover as run

    with user_errors():
        saved = run(source, target, like=like, models=model, overwrite=overwrite)
        if as_json:
            print_json({**asdict(saved), "target": str(saved.target)})
        elif not quiet:
            for tree, entries in saved.entries.items():
                clusters = count_text(saved.clusters[tree], "cluster")
                echo(f"{tree}: {count_text(entries, 'entry', 'entries')} in {clusters} saved to {target}")
            for loss in saved.lost[:SHOWN]:
                echo(_loss_text(loss))
            if len(saved.lost) > SHOWN:
                echo(f"and {len(saved.lost) - SHOWN} more losses; --json lists them all")
            elif any(len(loss.branches) > BRANCHES for loss in saved.lost):
                echo("--json lists all branches")
            for note in saved.notes:
                echo(f"note: {note}")


def _loss_text(loss: Loss) -> str:
    """`lost: Events, entries 50 to 99: Muon_pt (page damaged or missing); the others are in Events_part2`."""
    first, last = loss.clusters[0], loss.clusters[1] - 1
    place = f"cluster {first}" if first == last else f"clusters {first} to {last}"
    if loss.entries is not None:
        place = f"entries {loss.entries[0]} to {loss.entries[1] - 1}"
    branches = listed(loss.branches, BRANCHES) if loss.branches else "all branches"
    rest = f"; the others are in {loss.saved_as}" if loss.saved_as else ""
    return f"lost: {loss.tree}, {place}: {branches} ({loss.reason}){rest}"
