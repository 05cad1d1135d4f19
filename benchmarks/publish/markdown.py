"""Numbers and tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

NOT_YET = ["*Not measured yet.*"]


def kb(size: Any) -> str:
    """Size in kB; a dash for None."""
    return "–" if size is None else f"{size / 1000:,.0f}"


def number(value: Any, digits: int = 1) -> str:
    """Number with `digits` decimals; a dash for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]
