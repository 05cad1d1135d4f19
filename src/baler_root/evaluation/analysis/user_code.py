"""Runs code of a user's file so that what goes wrong in it points into that file."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from baler_root.errors import AnalysisError, BalerError


@contextlib.contextmanager
def blaming(path: Path, what: str) -> Iterator[None]:
    """Turns what `what` of the file at `path` raises into an AnalysisError that shows the lines of that file.

    Errors of this package (missing branches, a fit that makes no sense) pass as they are.
    """
    try:
        yield
    except (BalerError, MemoryError):
        raise
    except Exception as error:
        trace = traceback.TracebackException.from_exception(error)
        own = [frame for frame in trace.stack if frame.filename == str(path)]
        trace.stack = traceback.StackSummary.from_list(own)
        shown = "".join(trace.format(chain=False)).rstrip()
        raise AnalysisError(f"{path}: {what} raised\n{shown}") from error
