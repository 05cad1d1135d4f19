"""Runs code of a user's file so that errors point into that file."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from baler_root.errors import AnalysisError, BalerError


@contextlib.contextmanager
def errors_of_file(path: Path, what: str) -> Iterator[None]:
    """Turns an exception of user code into an AnalysisError that shows the lines of the file at `path`.

    `what` names the code for the message, such as `select(events)`. Errors of this package (missing branches,
    a fit that fails) pass unchanged.
    """
    try:
        yield
    except (BalerError, MemoryError):
        raise
    except Exception as error:
        trace = traceback.TracebackException.from_exception(error)
        frames = [frame for frame in trace.stack if frame.filename == str(path)]
        trace.stack = traceback.StackSummary.from_list(frames)
        shown = "".join(trace.format(chain=False)).rstrip()
        raise AnalysisError(f"{path}: {what} raised\n{shown}") from error
