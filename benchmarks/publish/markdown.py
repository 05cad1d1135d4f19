"""Pieces of Markdown pages that are written from stored results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

NOT_YET = ["*Not measured yet.*"]


def kb(size: Any) -> str:
    """Bytes in kB; a dash where there is no number."""
    return "–" if size is None else f"{size / 1000:,.0f}"


def number(value: Any, digits: int = 1) -> str:
    """With so many digits behind the point; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]
