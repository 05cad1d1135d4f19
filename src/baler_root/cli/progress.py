"""Progress bars of the commands, on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(name: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A callback (done, total) that draws a bar on stderr; None if stderr is not a terminal, or if
    `quiet`."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from baler_root.cli.terminal import EscapingConsole

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=EscapingConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def staged_progress(quiet: bool) -> Iterator[Callable[[str], Callable[[int, int], None] | None]]:
    """A function that starts a named stage and returns its callback (done, total); each stage has a bar on
    stderr."""
    with contextlib.ExitStack() as bars:

        def stage(words: str) -> Callable[[int, int], None] | None:
            bars.close()
            return bars.enter_context(progress_bar(words, quiet))

        yield stage
