"""Output of all commands: no character from a file can control the terminal or stand for markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from baler_root.errors import printable


class EscapingConsole(Console):
    """Console that shows control characters in texts as `\\x1b`, and markup as it stands.

    Segments are escaped after layout, so that only the styles of the program itself reach the terminal.
    """

    def __init__(self, **options: Any) -> None:
        """`options` go to `rich.console.Console`."""
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `rich.console.Console`."""
        return _escaped(super().render(renderable, options))


def _escaped(segments: Iterable[Segment]) -> Iterator[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(printable(segment.text), segment.style)
