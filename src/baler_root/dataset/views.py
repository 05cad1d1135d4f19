"""Trees and files as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TextIO

from baler_root.dataset.filters import Filters
from baler_root.dataset.interfaces import BranchLike, NodeLike
from baler_root.errors import ConfigError, printable

HTML_ROWS = 200
"""Most rows of an HTML table; a notebook that shows 2 000 branches is slow, and nobody reads it."""


def show_table(
    node: NodeLike, items: Iterable[tuple[str, BranchLike]], widths: Sequence[int], stream: TextIO
) -> None:
    """Write name, type and interpretation of each branch on a line; texts longer than a column end in dots.

    Raises ConfigError for columns of fewer than three characters.
    """
    if min(widths) < 3:
        raise ConfigError(f"widths of {', '.join(map(str, widths))} columns: each must be at least 3")

    def line(cells: Sequence[str]) -> str:
        shortened = [
            cell if len(cell) <= width else cell[: width - 3] + "..."
            for cell, width in zip(cells, widths, strict=True)
        ]
        return printable(" | ".join(cell.ljust(width) for cell, width in zip(shortened, widths, strict=True)))

    stream.write(line(("name", "typename", "interpretation")) + "\n")
    stream.write("-+-".join("-" * width for width in widths) + "\n")
    if (branch := node.as_branch) is not None:
        stream.write(line((branch.name, branch.typename, branch.interpretation)) + "\n")
    stream.writelines(
        line((name, branch.typename, branch.interpretation)).rstrip(" ") + "\n" for name, branch in items
    )


def show_fields(node: NodeLike, filters: Filters, recursive: bool, max_width: int, stream: TextIO) -> None:
    """Write fields as a drawn tree, descriptions below their fields; lines are cut at `max_width`."""

    def lines(field: NodeLike, prefix: str, indent: str, is_top: bool) -> Iterator[str]:
        yield f"{prefix}{field.name} ({field.typename})"
        if field.title:
            yield f"{indent}Description: {field.title}"
        if not (recursive or is_top):
            return
        members = [branch for _, branch in field.selected(filters, recursive=False)]
        for number, branch in enumerate(members, 1):
            is_last = number == len(members)
            yield from lines(
                branch,
                indent + ("└─ " if is_last else "├─ "),
                indent + ("   " if is_last else "│  "),
                is_top=False,
            )

    stream.writelines(printable(text)[:max_width] + "\n" for text in lines(node, "", "", is_top=True))


def html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with everything escaped, cut after `HTML_ROWS` rows."""

    def row(cells: Sequence[str], tag: str) -> str:
        style = ' style="text-align:left"'
        return "<tr>" + "".join(f"<{tag}{style}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows[:HTML_ROWS])
    hidden = len(rows) - HTML_ROWS
    footer = f'<tr><td colspan="{len(header)}">… and {hidden} more</td></tr>' if hidden > 0 else ""
    head = f"<caption>{escape(caption)}</caption><thead>{row(header, 'th')}</thead>"
    return f"<table>{head}<tbody>{body}{footer}</tbody></table>"


def html_of_branches(node: NodeLike, items: Iterable[tuple[str, BranchLike]]) -> str:
    """Name, type and title of every branch below a node."""
    rows = [(path, branch.typename, branch.title) for path, branch in items]
    caption = f"{node.kind} {node.object_path}: {node.num_entries:,} entries, {len(rows):,} branches"
    return html_table(caption, ("name", "type", "title"), rows)
