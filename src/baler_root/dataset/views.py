"""How trees and files look when printed, as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, TextIO

from baler_root.errors import ConfigError

if TYPE_CHECKING:
    from baler_root.dataset.branch import Branch
    from baler_root.dataset.filters import Filters
    from baler_root.dataset.node import Node


HTML_ROWS = 200
"""Rows of an HTML table; a notebook with 2 000 branches in it is slow, and nobody reads it."""


def show_table(
    node: Node, items: Iterable[tuple[str, Branch]], widths: Sequence[int], stream: TextIO
) -> None:
    """Write name, type and interpretation of each branch, one a line; too long ones are cut with dots."""
    if min(widths) < 3:
        raise ConfigError(f"widths of {', '.join(map(str, widths))} columns: each must be at least 3")

    def line(cells: Sequence[str]) -> str:
        cut = [
            cell if len(cell) <= width else cell[: width - 3] + "..."
            for cell, width in zip(cells, widths, strict=True)
        ]
        return " | ".join(cell.ljust(width) for cell, width in zip(cut, widths, strict=True))

    stream.write(line(("name", "typename", "interpretation")) + "\n")
    stream.write("-+-".join("-" * width for width in widths) + "\n")
    if node is not node.tree:
        stream.write(line((node.name, node.typename, node.interpretation)) + "\n")
    stream.writelines(
        line((name, branch.typename, branch.interpretation)).rstrip(" ") + "\n" for name, branch in items
    )


def show_fields(node: Node, filters: Filters, recursive: bool, max_width: int, stream: TextIO) -> None:
    """Write fields as a drawn tree, descriptions below their fields; lines are cut at `max_width`."""

    def lines(at: Node, first: str, other: str, top: bool) -> Iterator[str]:
        yield f"{first}{at.name} ({at.typename})"
        if at.title:
            yield f"{other}Description: {at.title}"
        if not (recursive or top):
            return
        below = [branch for _, branch in at.selected(filters, recursive=False)]
        for number, branch in enumerate(below, 1):
            last = number == len(below)
            yield from lines(
                branch,
                other + ("└─ " if last else "├─ "),
                other + ("   " if last else "│  "),
                top=False,
            )

    stream.writelines(text[:max_width] + "\n" for text in lines(node, "", "", top=True))


def html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with everything escaped, cut after `HTML_ROWS` rows."""

    def row(cells: Sequence[str], tag: str) -> str:
        style = ' style="text-align:left"'
        return "<tr>" + "".join(f"<{tag}{style}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows[:HTML_ROWS])
    rest = len(rows) - HTML_ROWS
    more = f'<tr><td colspan="{len(header)}">… and {rest} more</td></tr>' if rest > 0 else ""
    head = f"<caption>{escape(caption)}</caption><thead>{row(header, 'th')}</thead>"
    return f"<table>{head}<tbody>{body}{more}</tbody></table>"


def html_of_branches(node: Node, items: Iterable[tuple[str, Branch]]) -> str:
    """Name, type and title of every branch below a node."""
    rows = [(path, branch.typename, branch.title) for path, branch in items]
    caption = f"{node.kind} {node.object_path}: {node.num_entries:,} entries, {len(rows):,} branches"
    return html_table(caption, ("name", "type", "title"), rows)
