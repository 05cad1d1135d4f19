"""Parts that all commands share: errors on one line, common options, JSON, sizes as text."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from baler_root.errors import BalerError, ConfigError, printable

if TYPE_CHECKING:
    from rich.console import Console


Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="FILE",
        help="A .balermodel file that the file needs, or a folder to search for it first; repeatable.",
    ),
]


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]


@contextlib.contextmanager
def user_errors(*usage: type[BalerError]) -> Iterator[None]:
    """Ends the command on an error: one line on stderr, and exit code 2 for usage errors (ConfigError and
    `usage`), 1 for other failures."""
    if os.environ.get("BALER_ROOT_DEBUG"):
        yield
        return
    usage_errors: tuple[type[BalerError], ...] = (ConfigError, *usage)
    try:
        yield
    except usage_errors as error:
        complain(error)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - the exit flushes it
        raise typer.Exit(1) from None
    except (BalerError, OSError, MemoryError) as error:
        complain(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        warnings.simplefilter(
            "ignore"
        )  # reads that were given up half-way would warn when the interpreter ends
        typer.secho("interrupted; no unfinished file remains", err=True)
        raise typer.Exit(130) from None


def complain(error: BaseException) -> None:
    """Print the error as `error: ...`."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, BalerError):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, MemoryError):
        text = "not enough memory; files compressed with a smaller --cluster-size need less"
    typer.secho("error: ", err=True, nl=False, fg="red", bold=True)
    echo(text, err=True)


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line in which nothing that comes from a file can control the terminal."""
    typer.echo(printable(text), err=err)


def console() -> Console:
    """The console for reports: stdout, 160 characters wide if it is not a terminal."""
    from baler_root.cli.terminal import EscapingConsole

    return EscapingConsole(soft_wrap=False, width=None if sys.stdout.isatty() else 160)


def print_json(value: object) -> None:
    """Prints the value as one line of JSON; numbers that JSON lacks become null."""
    from baler_root.api.json_values import json_text

    typer.echo(json_text(value))


def size_text(size: float) -> str:
    """`17.5 MB`: three figures, decimal units.

    >>> size_text(999), size_text(3_800_000)
    ('999 B', '3.80 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:#.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """`1 entry`, `63 195 entries`.

    >>> count_text(63195, "entry", "entries")
    '63 195 entries'
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}".replace(",", " ")
