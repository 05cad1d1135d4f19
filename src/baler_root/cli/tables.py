"""Tables without boxes, and cells that several commands print."""

from __future__ import annotations

import re

from rich.table import Table

from baler_root.format.bounds import ErrorBound


def plain_table(title: str | None = None) -> Table:
    """A table without boxes."""
    return Table(
        title=title, title_justify="left", title_style="dim", box=None, pad_edge=True, padding=(0, 2, 0, 0)
    )


def short_type(name: str) -> str:
    """A C++ type name, at most 24 characters, the usual prefixes dropped."""
    name = re.sub(r"\b(std|ROOT::VecOps)::", "", name)
    return name if len(name) <= 24 else f"{name[:23]}…"


def allowed_error(bound: str) -> float:
    """The largest error that a bound allows: of |x - y| for `abs`, of |x - y| / |x| otherwise (for `bits`,
    with |x| at least the smallest normal number of the type)."""
    return max(ErrorBound.parse(part).largest_error for part in bound.split(" + "))
