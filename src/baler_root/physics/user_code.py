"""Runs code of a user's file so that what goes wrong in it points into that file."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

from baler_root.errors import AnalysisError, BalerError


@contextlib.contextmanager
def blaming(path: Path, what: str) -> Iterator[None]:
    """Turns what `what` of the file at `path` raises into an AnalysisError that shows its traceback from there on.

    Errors of this package (missing branches, a fit that makes no sense) pass as they are.
    """
    try:
        yield
    except (BalerError, MemoryError):
        raise
    except Exception as error:
        trace = traceback.TracebackException.from_exception(error)
        frames = list(trace.stack)
        first = next((n for n, frame in enumerate(frames) if frame.filename == str(path)), len(frames))
        trace.stack = traceback.StackSummary.from_list(frames[first:])
        raise AnalysisError(f"{path}: {what} raised\n{''.join(trace.format()).rstrip()}") from error
