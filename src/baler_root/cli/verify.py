"""`baler-root verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.cli.common import Json, Models, Quiet, count_text, echo, print_json, user_errors
from baler_root.cli.progress import progress_bar
from baler_root.errors import ConfigError, FormatError, UnsupportedFeatureError, listed

if TYPE_CHECKING:
    from baler_root.api.verify import Verification


NEW_LINE = "\n  "


SHOWN = 20
"""Most problems that are printed for one file."""


def verify(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", show_default=False, help=".baler files or URLs.")
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="ROOT", help="The source file: compare every value with it, under its bound."),
    ] = None,
    model: Models = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every checksum and decoded value; with --against, every error bound, too.

    baler-root verify events.baler
    baler-root verify events.baler --against events.root
    baler-root verify compressed/*.baler --quiet || echo damaged

    Models that a file refers to are looked for beside it, and in the folders
    of BALER_ROOT_MODELS.

    If anything is wrong, the exit code is 1, and every damaged part is named.
    """
    from baler_root.api.recover import saves_something
    from baler_root.api.verify import Verification
    from baler_root.api.verify import verify as run

    with user_errors():
        if against is not None and len(files) > 1:
            raise ConfigError("--against compares one file with its source: name one file")
        sound = True
        for path in files:
            with progress_bar(Path(path).name, quiet) as progress:
                try:
                    result = run(path, against, models=model, progress=progress)
                except FormatError as error:
                    is_damaged = not isinstance(error, UnsupportedFeatureError)
                    result = Verification(path, problems=[str(error)], damaged=is_damaged)
            sound = sound and result.ok
            recoverable = result.damaged and "://" not in path and saves_something(path, model)
            if as_json:
                print_json({**_as_json(result), "recoverable": recoverable})
            elif not result.ok:
                _print_problems(path, result)
                if recoverable:
                    echo(f"  `baler-root recover {path} OUT` saves the undamaged parts", err=True)
            elif not quiet:
                echo(_sound(path, result))
        if not sound:
            raise typer.Exit(1)


def _as_json(result: Verification) -> dict[str, object]:
    worst = {name: {"bound": bound, "max_error": error} for name, (bound, error) in result.worst.items()}
    return {
        "path": result.path,
        "ok": result.ok,
        "pages": result.pages,
        "values": result.values,
        "problems": result.problems,
        "branches": worst,
    }


def _print_problems(path: str, result: Verification) -> None:
    echo(f"{path}: {count_text(len(result.problems), 'problem')}", err=True)
    more = "; --json lists them all" if len(result.problems) > SHOWN else ""
    echo(f"  {listed(result.problems, SHOWN, separator=NEW_LINE)}{more}", err=True)


def _sound(path: str, result: Verification) -> str:
    """The report of a sound file: one line, or two if its values were compared with a source."""
    text = f"{path}: OK, all checksums and decoded values agree ({count_text(result.pages, 'page')})"
    if result.worst:
        from baler_root.cli.tables import allowed_error

        bounded = {name: pair for name, pair in result.worst.items() if pair[0] != "lossless"}
        text += (
            f"\n  {count_text(result.values, 'value')} compared with the source: "
            f"{count_text(len(bounded), 'column')} within their bounds, {len(result.worst) - len(bounded)} identical"
        )
        if bounded:
            name = max(bounded, key=lambda key: bounded[key][1] / allowed_error(bounded[key][0]))
            bound, error = bounded[name]
            text += (
                f"; largest error {error:.3g} where {allowed_error(bound):.3g} is allowed ({name}, {bound})"
            )
            if bound.startswith("bits"):
                text += "; it is relative to the value, or to the smallest normal number if that is larger"
    return text
